// Packs the client as a publisher does, from a fresh copy of what is committed, and installs the tarball
// into a project of its own.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const CLIENT = resolve(import.meta.dirname, '..');

/** Runs a program, and returns what it prints. What it prints when it fails is in the error. */
export function run(cwd: string, file: string, ...args: string[]): string {
  try {
    return execFileSync(file, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${file} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}

/** A folder outside the checkout, so that nothing is found in it that a stranger would not have. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'tierlift-consumer-'));

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    writeFileSync(this.at(name), text);
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface Packed {
  tarball: string;
  /** The files in the tarball. */
  files: string[];
}

/** `npm pack` in a fresh clone: it contains no dist, and only the installed tools are shared with it. */
export function pack(folder: Folder): Packed {
  const clone = folder.at('clone');
  const listed = ['ls-files', '--cached', '--others', '--exclude-standard', '.'];
  for (const name of run(CLIENT, 'git', ...listed)
    .split('\n')
    .filter(Boolean)) {
    cpSync(join(CLIENT, name), join(clone, name));
  }
  symlinkSync(join(CLIENT, 'node_modules'), join(clone, 'node_modules'));
  const printed = run(clone, 'npm', 'pack', '--json', '--pack-destination', folder.path);
  const json = printed.slice(printed.search(/^\[/m));
  const [packed] = JSON.parse(json) as { filename: string; files: { path: string }[] }[];
  if (!packed) throw new Error(`npm pack made nothing: ${printed}`);
  return { tarball: folder.at(packed.filename), files: packed.files.map(({ path }) => path) };
}

export function replaceIn(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${path} does not contain ${from}`);
  writeFileSync(path, text.replace(from, to));
}

/** Installs what an application asks npm for, with the tarball in place of the published package. */
export function installAll(folder: Folder, project: string): void {
  const { tarball } = pack(folder);
  replaceIn(join(project, 'package.json'), '"^0.1.0"', JSON.stringify(`file:${tarball}`));
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline');
}

/** Installs the tarball, and borrows everything else from the client's own development. */
export function install({ tarball }: Packed, project: string, borrowed: string[]): void {
  run(project, 'npm', 'install', '--offline', '--no-audit', '--no-fund', '--no-save', tarball);
  for (const name of borrowed) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(CLIENT, 'node_modules', name), link);
  }
}
