// What a watch for an upgrade waits for, and what it knows, as pure functions of its state and a user's.

import { timeOf } from './environment.js';
import * as limits from './limits.js';
import type { WatchOptions } from './options.js';
import { rankOf, reaches } from './roles.js';
import { NO_UPGRADE } from './store.js';
import type { TierSnapshot, UpgradeView, User, UserRole } from './types.js';
import { isOpen } from './watch-storage.js';
import type { Before, Watch } from './watch-storage.js';

type Roles = readonly UserRole[];

/** What a page shows of it. */
export function viewOf(watch: Watch | null, attempt: number): UpgradeView {
  if (!watch || watch.status === 'dismissed') return NO_UPGRADE;
  const { status, role, checkoutSessionId, paymentKnown } = watch;
  return { status, attempt, role, checkoutSessionId, paymentKnown };
}

/** The state of the user when a watch begins, if the server has reported it. */
export function stateOf({ user, isStale }: TierSnapshot): Before | null {
  return user && !isStale ? beforeOf(user) : null;
}

function beforeOf({ role, subscriptionActive, status }: User): Before {
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
  const earlier = isOpen(last) ? last : null;
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

/** Only what became active since the watch began proves a payment. */
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
  const ageMs = now - timeOf(user.roleAssignedAt);
  const isFresh = rank > 0 && rank === rankBefore && Math.abs(ageMs) < limits.ROLE_AGE_MS_MAX;
  return rank > rankBefore || isFresh;
}
