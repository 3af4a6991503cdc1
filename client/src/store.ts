// What the page shows, and the one rule about it: a user's state never goes backwards.
// It does no IO. Every update passes through `apply`, whichever way it arrived.

import { callHost } from './callback.js';
import { reportedHolder } from './claims.js';
import { isChange, parseRoles, parseUser } from './parse.js';
import { changeType } from './roles.js';
import type {
  ChangeType,
  InitialUser,
  RoleChange,
  TierError,
  TierSnapshot,
  UpgradeView,
  User,
  UserRole,
  Version,
  Via,
} from './types.js';

export const NO_UPGRADE: UpgradeView = {
  status: 'idle',
  attempt: 0,
  role: null,
  checkoutSessionId: null,
  paymentKnown: false,
};

const INITIAL: TierSnapshot = {
  status: 'loading',
  user: null,
  isStale: false,
  roles: [],
  error: null,
  position: 'follower',
  connection: 'idle',
  upgrade: NO_UPGRADE,
  lastChange: null,
};

/** The state of a user, as a frame, a response or another tab reports it. */
export interface Update {
  user: User;
  via: Via;
  /** The roles of the policy, where they were reported too. */
  roles?: readonly UserRole[] | null;
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
  /** What a server renders, and what the page shows before the client starts. */
  initial: TierSnapshot;
  subscribe: (listener: () => void) => () => void;
  patch: (part: Partial<TierSnapshot>) => void;
  /** Starts over for a user. Null: nobody is signed in; undefined: it is not known who is. */
  identify: (userId: string | null | undefined) => void;
  /** What is shown is not confirmed any more. */
  fail: (error: TierError) => void;
  apply: (update: Update, now: number) => Applied;
  /** The greatest version seen of the user's state. */
  version: () => Version;
}

export function createStore(initialUser?: InitialUser | null): Store {
  const rendered = parseUser(initialUser);
  const roles = parseRoles(initialUser?.roles) ?? [];
  const status = initialUser === null ? 'signed_out' : 'loading';
  const initial: TierSnapshot = rendered
    ? { ...INITIAL, status: 'ready', user: rendered, isStale: true, roles }
    : { ...INITIAL, status };
  let snapshot = initial;
  let userId = rendered ? reportedHolder(rendered) : undefined;
  /** The greatest version seen of the state of `userId`. It survives a sign-out. */
  let newest: Version = rendered ?? OLDEST;
  /** Whether the server, and not only the host, has reported what is shown. */
  let confirmed = false;
  const listeners = new Set<() => void>();

  function patch(part: Partial<TierSnapshot>): void {
    snapshot = { ...snapshot, ...part };
    for (const listener of [...listeners]) callHost(listener);
  }

  function identify(next: string | null | undefined): void {
    const { user, isStale, roles } = snapshot;
    const kept = user && reportedHolder(user) === next ? user : null;
    if (next && next !== userId) {
      userId = next;
      newest = OLDEST;
    }
    confirmed &&= kept !== null;
    const unknown = next === null ? 'signed_out' : 'loading';
    const status = kept ? 'ready' : unknown;
    patch({ ...INITIAL, roles, user: kept, isStale: kept !== null && isStale, status });
  }

  function fail(error: TierError): void {
    const { user, status: before } = snapshot;
    if (before !== 'signed_out') {
      patch({ error, isStale: user !== null, status: user ? 'ready' : 'error' });
    }
  }

  function apply(update: Update, now: number): Applied {
    const { user } = update;
    if (reportedHolder(user) !== userId || compare(user, newest) < 0) return 'stale';
    const { user: shown, roles: before, isStale, error } = snapshot;
    const reported = update.roles ?? before;
    const roles = sameJson(reported, before) ? before : reported;
    const known = confirmed;
    newest = user;
    confirmed = true;
    const part = { user, roles, status: 'ready', isStale: false, error: null } as const;
    if (shown && sameJson(shown, user)) {
      // What surrounds the state may still have changed.
      if (isStale || error || roles !== before) patch({ ...part, user: shown });
      return 'same';
    }
    if (!shown || !known || shown.role === user.role) {
      patch(part);
      return 'new';
    }
    patch({ ...part, lastChange: toRoleChange(roles, shown.role, update, now) });
    return 'change';
  }

  return {
    getSnapshot: () => snapshot,
    initial,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    patch,
    identify,
    fail,
    apply,
    version: () => versionOf(newest),
  };
}

function versionOf({ epoch, revocationId, accountVersion }: Version): Version {
  return { epoch, revocationId, accountVersion };
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
export function compare(a: Version, b: Version): number {
  return (
    a.epoch - b.epoch || a.revocationId - b.revocationId || a.accountVersion - b.accountVersion
  );
}

/** Users come from `parseUser`, so their fields are in the same order. */
function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
