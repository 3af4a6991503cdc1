// Asks the server to look a checkout up at Stripe, on the page that the checkout returns to: once for all
// tabs, and as long as it is worth asking. It is a short cut, and whatever comes of it, the watch goes on.

import type { Confirmation } from './api.js';
import type { Environment } from './environment.js';
import { underLock } from './under-lock.js';

export interface ConfirmerOptions {
  env: Pick<Environment, 'locks' | 'setTimer' | 'elapsed'>;
  /** Name of the lock. */
  name: string;
  /** POST /session/confirm. It never rejects. */
  ask: (checkoutSessionId: string) => Promise<Confirmation>;
}

/** Whether the server has confirmed the checkout, and so reported the state, just now. */
export type Confirm = (checkoutSessionId: string, isConfirmed: () => boolean) => Promise<boolean>;

export function createConfirmer({ env, name, ask }: ConfirmerOptions): Confirm {
  /** When it may be asked again: never where the server does not offer it. */
  let notBefore = -Infinity;
  let asking: Promise<boolean> | null = null;

  async function confirm(id: string, isConfirmed: () => boolean): Promise<boolean> {
    // Another tab may have been faster.
    if (isConfirmed() || env.elapsed() < notBefore) return false;
    const { outcome, retryMs } = await ask(id);
    notBefore = env.elapsed() + retryMs;
    return outcome === 'ok';
  }

  return async (id, isConfirmed) => {
    if (isConfirmed() || env.elapsed() < notBefore) return false;
    asking ??= underLock(env, name, () => confirm(id, isConfirmed)).finally(() => {
      asking = null;
    });
    return asking;
  };
}
