// What the page shows, and the one rule about it: news never goes backwards.
// It does no IO. Everything that arrives, by whatever way, passes through `observe`.

import { USER_FIELDS } from './parse.js';
import { changeType } from './roles.js';
import type { ChangeType, RoleChange, TierSnapshot, User, UserRole, Via } from './types.js';

export const INITIAL: TierSnapshot = {
  status: 'loading',
  user: null,
  position: 'follower',
  connection: 'idle',
  upgrade: { status: 'idle', attempt: 0 },
  lastChange: null,
};

export interface News {
  user: User;
  via: Via;
  type?: ChangeType;
  eventId?: string | null;
  committedAt?: string | null;
}

/** `stale`: older than what is shown, or another user's. `same`: nothing new in it. */
export type Verdict = 'stale' | 'same' | 'news' | 'change';

export interface Store {
  getSnapshot: () => TierSnapshot;
  subscribe: (listener: () => void) => () => void;
  patch: (part: Partial<TierSnapshot>) => void;
  /** Starts over for a user; null is nobody. */
  identify: (userId: string | null) => void;
  observe: (news: News) => Verdict;
  revocationId: () => number;
}

export function createStore(roles: readonly UserRole[]): Store {
  let snapshot = INITIAL;
  let userId: string | null = null;
  /** The newest revocation id seen for `userId`; it outlives a sign-out. */
  let floor = 0;
  const listeners = new Set<() => void>();

  function patch(part: Partial<TierSnapshot>): void {
    snapshot = { ...snapshot, ...part };
    for (const listener of [...listeners]) listener();
  }

  function identify(next: string | null): void {
    const known = next === userId ? snapshot.user : null;
    if (next !== null && next !== userId) {
      userId = next;
      floor = 0;
    }
    const status = known ? 'ready' : 'loading';
    patch({ ...INITIAL, user: known, status: next === null ? 'signed_out' : status });
  }

  function observe(news: News): Verdict {
    const { user } = news;
    if (user.userId !== userId || user.revocationId < floor) return 'stale';
    const shown = snapshot.user;
    floor = user.revocationId;
    if (shown && sameUser(shown, user)) return 'same';
    if (!shown || shown.role === user.role) {
      patch({ user, status: 'ready' });
      return 'news';
    }
    patch({ user, status: 'ready', lastChange: changeOf(roles, shown.role, news) });
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
    observe,
    revocationId: () => floor,
  };
}

function changeOf(roles: readonly UserRole[], previousRole: UserRole, news: News): RoleChange {
  const { user, via, eventId = null, committedAt = null } = news;
  const type = news.type ?? changeType(roles, previousRole, user.role);
  return { type, user, previousRole, via, eventId, committedAt, seenAt: Date.now() };
}

function sameUser(a: User, b: User): boolean {
  return USER_FIELDS.every((field) => a[field] === b[field]);
}
