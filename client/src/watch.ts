// What a watch for an upgrade waits for, and what it knows, as pure functions of its state and a user's.

import * as limits from './limits.js';
import type { WatchOptions } from './options.js';
import { rankOf, reaches } from './roles.js';
import type { User, UserRole } from './types.js';

export interface Watch {
  v: 2;
  userId: string;
  /** The role that was paid for. Null: any role above the one before. */
  role: UserRole | null;
  checkoutSessionId: string | null;
  startedAt: number;
  status: 'pending' | 'upgraded' | 'timed_out' | 'dismissed';
  paymentKnown: boolean;
  /** The state when it began, or null until the server has reported one. */
  before: Before | null;
}

export type Before = Pick<User, 'role' | 'subscriptionActive' | 'status'>;

type Roles = readonly UserRole[];

export function beforeOf({ role, subscriptionActive, status }: User): Before {
  return { role, subscriptionActive, status };
}

/** Whether both wait for the same purchase. */
export function isSame(a: Watch, b: Watch): boolean {
  return a.role === b.role && a.checkoutSessionId === b.checkoutSessionId;
}

/** The watch that begins now. What `wanted` does not name is that of the last watch, unless it is over. */
export function nextWatch(
  last: Watch | null,
  wanted: WatchOptions,
  begun: Pick<Watch, 'userId' | 'startedAt' | 'before'>,
): Watch {
  const earlier = last?.status === 'pending' || last?.status === 'timed_out' ? last : null;
  const next: Watch = {
    ...begun,
    v: 2,
    role: wanted.role ?? earlier?.role ?? null,
    checkoutSessionId: wanted.checkoutSessionId ?? earlier?.checkoutSessionId ?? null,
    status: 'pending',
    paymentKnown: false,
  };
  if (!earlier || !isSame(earlier, next)) return next;
  return { ...next, before: earlier.before, paymentKnown: earlier.paymentKnown };
}

/** The watch after the server has reported this state. */
export function observed(watch: Watch, user: User, roles: Roles): Watch {
  const { before } = watch;
  // Who loses a role during the watch waits for one above what is left.
  if (!before || rankOf(roles, user.role) < rankOf(roles, before.role)) {
    return { ...watch, before: beforeOf(user) };
  }
  const news = !watch.paymentKnown && isPaid(before, user, roles);
  return news ? { ...watch, paymentKnown: true } : watch;
}

/** Only what became active since the watch began tells of a payment. */
function isPaid(before: Before, user: User, roles: Roles): boolean {
  const paid = user.status === 'active' || user.status === 'trialing';
  return (
    rankOf(roles, user.role) > rankOf(roles, before.role) ||
    (user.subscriptionActive && !before.subscriptionActive) ||
    (paid && user.status !== before.status)
  );
}

export function isReached({ role, before }: Watch, user: User, roles: Roles, now: number): boolean {
  if (role !== null) return reaches(roles, user.role, role);
  const rank = rankOf(roles, user.role);
  const rankBefore = rankOf(roles, before?.role ?? user.role);
  // The webhook may have been faster than the way back from the checkout.
  const ageMs = now - Date.parse(user.roleAssignedAt ?? '');
  const isFresh = rank > 0 && rank === rankBefore && Math.abs(ageMs) < limits.ROLE_AGE_MS_MAX;
  return rank > rankBefore || isFresh;
}
