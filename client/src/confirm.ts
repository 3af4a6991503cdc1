// Asks the server to look a checkout up at Stripe, on the page that the checkout returns to: once for all
// tabs, and as long as it is worth asking. It is a short cut, and whatever comes of it, the watch goes on.

import { bodyOf } from './api.js';
import type { Api } from './api.js';
import { reportedHolder } from './claims.js';
import type { Environment } from './environment.js';
import { parseRoles, parseUser } from './parse.js';
import type { Update } from './store.js';
import { underLock } from './under-lock.js';

export interface ConfirmOptions {
  env: Pick<Environment, 'locks' | 'setTimer' | 'elapsed'>;
  userId: string;
  /** Name under which the tabs of one browser share things about this server. */
  name: string;
  fetch: Api['fetch'];
  /** Takes the state that comes with the answer. */
  publish: (update: Update) => void;
}

/**
 * Whether the server has confirmed the checkout, and so reported the state, just now. It never rejects.
 */
export type Confirm = (checkoutSessionId: string, isConfirmed: () => boolean) => Promise<boolean>;

export function createConfirm(options: ConfirmOptions): Confirm {
  const { env, name, userId } = options;
  const lockName = `${name}:confirm:${userId}`;
  /** When it may be asked again: never where the server does not offer it. */
  let notBefore = -Infinity;
  let asking: Promise<boolean> | null = null;

  async function confirm(id: string, isConfirmed: () => boolean): Promise<boolean> {
    // Another tab may have been faster.
    if (isConfirmed() || env.elapsed() < notBefore) return false;
    const retryMs = await ask(options, id).catch(() => 0);
    notBefore = env.elapsed() + (retryMs ?? 0);
    return retryMs === null;
  }

  return async (id, isConfirmed) => {
    if (isConfirmed() || env.elapsed() < notBefore) return false;
    asking ??= underLock(env, lockName, () => confirm(id, isConfirmed)).finally(() => {
      asking = null;
    });
    return asking;
  };
}

/** POST /session/confirm. Null if it is confirmed, or how long not to ask again. */
async function ask(options: ConfirmOptions, checkoutSessionId: string): Promise<number | null> {
  const { env, userId, fetch, publish } = options;
  const response = await fetch('/session/confirm', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ checkoutSessionId }),
  });
  if (!response.ok) return retryMsOf(response);
  const answer = await bodyOf(env, response);
  const user = parseUser(answer);
  if (!user || reportedHolder(user) !== userId) return Infinity;
  publish({ user, roles: parseRoles(answer?.roles), via: 'poll' });
  return null;
}

/** Answers that may be another one later. Any other says that there is nothing to be had. */
const PASSING = [401, 408, 409, 429, 500, 502, 503, 504];

function retryMsOf({ status, headers }: Response): number {
  if (!PASSING.includes(status)) return Infinity;
  return Number(headers.get('retry-after')) * 1_000 || 0;
}
