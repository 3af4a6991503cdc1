// An example as somebody copies it: into a folder of its own, with the package from its tarball and
// everything else from npm, and with nothing changed but what its README says.

import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Stripe } from './stripe';
import { PRICE, SECRETS, Server, freeOrigin, startTierlift } from './servers';
import { Folder, installAll, replaceIn, run } from './package';

const EXAMPLES = resolve(import.meta.dirname, '../examples');
const PRELOAD = join(import.meta.dirname, 'stripe-to-local.cjs');

export type Name = 'nextjs' | 'plain';

export interface Example {
  origin: string;
  tierlift: Server;
  stripe: Stripe;
  close: () => Promise<void>;
}

/** Copies and installs it. Its folder is the path that is returned. */
function copy(name: Name, folder: Folder): string {
  const path = folder.at(name);
  const own = (file: string) => !/node_modules|\.next|next-env/.test(file.slice(EXAMPLES.length));
  cpSync(join(EXAMPLES, name), path, { recursive: true, filter: own });
  installAll(folder, path);
  return path;
}

export async function startExample(name: Name): Promise<Example> {
  const folder = new Folder();
  const origin = await freeOrigin();
  const tierlift = await startTierlift(folder, [origin]);
  const stripe = await Stripe.start(tierlift.origin);
  const cwd = copy(name, folder);
  const env = {
    ...SECRETS,
    APP_URL: origin,
    TIERLIFT_URL: tierlift.origin,
    STRIPE_SECRET_KEY: 'sk_test_of_the_examples',
    STRIPE_PRICE: PRICE,
    STRIPE_STAND_IN: stripe.origin,
    NEXT_TELEMETRY_DISABLED: '1',
  };
  const { hostname, port } = new URL(origin);
  const command: Record<Name, () => [string, ...string[]]> = {
    nextjs: () => {
      const next = join(cwd, 'node_modules/next/dist/bin/next');
      run(cwd, process.execPath, next, 'build');
      return [process.execPath, '-r', PRELOAD, next, 'start', '-H', hostname, '-p', port];
    },
    plain: () => {
      replaceIn(join(cwd, 'main.js'), 'https://tier.example.com', tierlift.origin);
      return [process.execPath, '-r', PRELOAD, 'server.js'];
    },
  };
  const server = await Server.start(command[name](), origin, { cwd, env, path: '/' });
  return {
    origin,
    tierlift,
    stripe,
    close: async () => {
      stripe.close();
      await Promise.all([server.close(), tierlift.close()]);
      folder.remove();
    },
  };
}
