// A watch as localStorage keeps it for the next page, under its user's key.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { parseJson } from './parse.js';
import type { Watch } from './watch.js';

export interface WatchStorage {
  key: string;
  userId: string;
  env: Pick<Environment, 'storage' | 'now'>;
}

export function readWatch({ env, key, userId }: WatchStorage): Watch | null {
  const text = env.storage.read(key);
  const watch = parseJson(text) as Watch | null;
  const valid = watch?.v === 2 && env.now() - watch.startedAt < limits.WATCH_AGE_MS_MAX;
  if (valid && watch.userId === userId) return watch;
  if (text !== null) env.storage.write(key, null);
  return null;
}

export function writeWatch({ env, key }: WatchStorage, watch: Watch | null): void {
  env.storage.write(key, watch && JSON.stringify(watch));
}
