// Calls that were made before the user is known, or even before the start: React runs a child's effects
// before its provider's. They wait until the token has been read.

import { createWaiters } from './waiters.js';

export interface Identified<Session> {
  /** This user is signed in, or nobody is. */
  resolve: (session: Session | null) => void;
  /** It cannot be found out for the time being. */
  fail: () => void;
  /** The next one to be identified. */
  wait: () => Promise<Session | null>;
  /** The same, or null as soon as that fails. */
  tryNow: () => Promise<Session | null>;
}

export function createIdentified<Session>(): Identified<Session> {
  const identified = createWaiters<Session | null>();
  const attempted = createWaiters<Session | null>();
  return {
    resolve: (session) => {
      identified.resolve(session);
      attempted.resolve(session);
    },
    fail: () => attempted.resolve(null),
    wait: identified.wait,
    tryNow: attempted.wait,
  };
}
