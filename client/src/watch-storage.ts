// A watch as localStorage keeps it for the next page, under its user's key.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { WatchOptions } from './options.js';
import { parseJson } from './parse.js';
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
  /** Whether the server has looked its checkout up at Stripe. */
  confirmed?: boolean;
  /** The state when it began, or null until the server has reported one. */
  before: Before | null;
}

export type Before = Pick<User, 'role' | 'subscriptionActive' | 'status'>;

export interface WatchStorage {
  /** Name under which the tabs of one browser share things about this server. */
  name: string;
  userId: string;
  env: Pick<Environment, 'storage' | 'now'>;
}

const keyOf = ({ name, userId }: WatchStorage): string => `${name}:upgrade:${userId}`;

export function readWatch(where: WatchStorage): Watch | null {
  const { env, userId } = where;
  const text = env.storage.read(keyOf(where));
  const watch = parseJson(text) as Watch | null;
  const valid = watch?.v === 2 && env.now() - watch.startedAt < limits.WATCH_AGE_MS_MAX;
  if (valid && watch.userId === userId) return watch;
  if (text !== null) writeWatch(where, null);
  return null;
}

export function writeWatch(where: WatchStorage, watch: Watch | null): void {
  where.env.storage.write(keyOf(where), watch && JSON.stringify(watch));
}

/** Whether somebody may still wait for it. */
export function isOpen(watch: Watch | null): watch is Watch {
  return watch?.status === 'pending' || watch?.status === 'timed_out';
}

/** Whether the wanted checkout is the one that was dismissed. */
export function isDismissed(last: Watch | null, { checkoutSessionId }: WatchOptions): boolean {
  return last?.status === 'dismissed' && last.checkoutSessionId === checkoutSessionId;
}
