// One tab's request for the lock of a browser: it waits, or holds the lock until it is dropped. It
// decides nothing about who should lead, and it does not wait for a platform that refuses.

import type { Environment, Locks } from './environment.js';

export interface Lock {
  /** Queues for the lock, or takes it from its holder. An earlier request is dropped. */
  request: (locks: Locks, how: { steal?: true }) => void;
  /** Leaves the queue, or gives the lock back. */
  drop: () => void;
}

export interface LockOptions {
  name: string;
  env: Pick<Environment, 'abortable'>;
  onHeld: () => void;
  /** `stolen`: another tab took the lock. Otherwise the page may not have one. */
  onLost: (stolen: boolean) => void;
}

export function createLock({ name, env, onHeld, onLost }: LockOptions): Lock {
  /** Drops the current request. */
  let release: (() => void) | null = null;

  function drop(): void {
    release?.();
    release = null;
  }

  async function request(locks: Locks, how: { steal?: true }): Promise<void> {
    drop();
    const abort = how.steal ? null : env.abortable();
    let dropMine = (): void => undefined;
    const dropped = new Promise<void>((resolve) => {
      dropMine = () => {
        resolve();
        abort?.abort();
      };
    });
    release = dropMine;
    const held = (): Promise<void> => {
      if (release === dropMine) onHeld();
      // Without an AbortController, a request that was dropped passes the lock on.
      else dropMine();
      return dropped;
    };
    try {
      // The platform accepts either a signal or a theft, not both.
      await locks.request(name, abort ? { signal: abort.signal } : how, held);
    } catch (error) {
      if (release !== dropMine) return;
      release = null;
      onLost((error as Error | null)?.name === 'AbortError');
    }
  }

  return { request: (locks, how) => void request(locks, how), drop };
}
