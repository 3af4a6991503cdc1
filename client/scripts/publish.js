// Refuses to publish a package that does not say where its source is: npm shows the README's links, and
// signs the package's origin, by that address.
import { readFileSync } from 'node:fs';

// The package's folder in the repository.
const [, , directory] = process.argv;
const text = readFileSync('package.json', 'utf8');
/** @type {unknown} */
const manifest = JSON.parse(text);
const { repository } = /** @type {{ repository?: Record<string, string> }} */ (manifest);
if (!repository?.url || repository.directory !== directory) {
  console.error(
    'package.json names no repository. Set it to the public address of the source, once there is one:\n' +
      `  npm pkg set repository.type=git repository.url=git+https://… repository.directory=${String(directory)}`,
  );
  process.exitCode = 1;
}
