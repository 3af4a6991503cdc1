// Loads what not every page needs at its start, and waits no longer for it than for a response.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { within } from './within.js';

/** Rejects if the code does not come: a policy forbids it, its file is gone, or nobody answers. */
export type Load = () => Promise<typeof import('./on-demand.js')>;

type Env = Pick<Environment, 'load' | 'setTimer'>;

function load<Code>(env: Env, code: () => Promise<Code>): Promise<Code> {
  return within(env, limits.REQUEST_MS_MAX, () => env.load(code));
}

export function createLoad(env: Env): Load {
  return () => load(env, () => import('./on-demand.js'));
}

/** The code of a socket, as soon as somebody is signed in. */
export function createLoadSocket(env: Env): () => Promise<typeof import('./socket.js')> {
  return () => load(env, () => import('./socket.js'));
}
