// What the page shows, and the one rule about it: a user's state never goes backwards.
// It does no IO. Every update passes through `apply`, whichever way it arrived.

import { isChange } from './parse.js';
import { changeType } from './roles.js';
import type {
  ChangeType,
  RoleChange,
  TierSnapshot,
  User,
  UserRole,
  Version,
  Via,
} from './types.js';

export const INITIAL: TierSnapshot = {
  status: 'loading',
  user: null,
  isStale: false,
  roles: [],
  error: null,
  position: 'follower',
  connection: 'idle',
  upgrade: { status: 'idle', attempt: 0, role: null, checkoutSessionId: null, paymentKnown: false },
  lastChange: null,
};

/** The state of a user, as a frame, a response or another tab reports it. */
export interface Update {
  user: User;
  via: Via;
  /** The type of the frame or message. Only a role change has a say in what happens. */
  type?: ChangeType | 'SNAPSHOT' | 'SUBSCRIPTION_CHANGED' | 'REFRESH';
  eventId?: string | null;
  committedAt?: string | null;
}

/**
 * What an update did. `stale`: it is older than what was seen, or about another user.
 * `same`: it equals what is shown. `new`: it is shown now, and the role is the same or the
 * first one known. `change`: it is shown now, as `lastChange` too.
 */
export type Applied = 'stale' | 'same' | 'new' | 'change';

const OLDEST: Version = { epoch: 0, revocationId: 0, accountVersion: 0 };

export interface Store {
  getSnapshot: () => TierSnapshot;
  subscribe: (listener: () => void) => () => void;
  patch: (part: Partial<TierSnapshot>) => void;
  /** Starts over for a user. Null means that nobody is signed in. */
  identify: (userId: string | null) => void;
  apply: (update: Update, now: number) => Applied;
  /** The greatest version seen of the user's state. */
  version: () => Version;
}

export function createStore(roles: readonly UserRole[]): Store {
  let snapshot = INITIAL;
  let userId: string | null = null;
  /** The greatest version seen of the state of `userId`. It survives a sign-out. */
  let newest = OLDEST;
  const listeners = new Set<() => void>();

  function patch(part: Partial<TierSnapshot>): void {
    snapshot = { ...snapshot, ...part };
    for (const listener of [...listeners]) listener();
  }

  function identify(next: string | null): void {
    const user = next === userId ? snapshot.user : null;
    if (next !== null && next !== userId) {
      userId = next;
      newest = OLDEST;
    }
    const status = user ? 'ready' : 'loading';
    patch({ ...INITIAL, user, status: next === null ? 'signed_out' : status });
  }

  function apply(update: Update, now: number): Applied {
    const { user } = update;
    if (user.userId !== userId || compare(user, newest) < 0) return 'stale';
    const shown = snapshot.user;
    newest = user;
    if (shown && sameUser(shown, user)) return 'same';
    if (!shown || shown.role === user.role) {
      patch({ user, status: 'ready' });
      return 'new';
    }
    const lastChange = toRoleChange(roles, shown.role, update, now);
    patch({ user, status: 'ready', lastChange });
    return 'change';
  }

  return {
    getSnapshot: () => snapshot,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    patch,
    identify,
    apply,
    version: () => ({
      epoch: newest.epoch,
      revocationId: newest.revocationId,
      accountVersion: newest.accountVersion,
    }),
  };
}

function toRoleChange(
  roles: readonly UserRole[],
  previousRole: UserRole,
  update: Update,
  seenAt: number,
): RoleChange {
  const { user, via, eventId = null, committedAt = null } = update;
  const type = isChange(update.type) ? update.type : changeType(roles, previousRole, user.role);
  return { type, user, previousRole, via, eventId, committedAt, seenAt };
}

/** Negative if `a` is older. Equal versions can differ, because access also ends by the clock. */
function compare(a: Version, b: Version): number {
  return (
    a.epoch - b.epoch || a.revocationId - b.revocationId || a.accountVersion - b.accountVersion
  );
}

/** Both come from `parseUser`, so their fields are in the same order. */
function sameUser(a: User, b: User): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
