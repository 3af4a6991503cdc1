// Loads what not every page needs, and waits no longer for it than for a response.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { within } from './within.js';

/** Rejects if the code does not come: a policy forbids it, its file is gone, or nobody answers. */
export type Load = () => Promise<typeof import('./on-demand.js')>;

export function createLoad(env: Pick<Environment, 'load' | 'setTimer'>): Load {
  return () => within(env, limits.REQUEST_MS_MAX, () => env.load(() => import('./on-demand.js')));
}
