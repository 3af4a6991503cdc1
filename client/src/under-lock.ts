// Work that one tab of a browser does for all of them, or at least not at the same time as another.

import type { Environment } from './environment.js';
import * as limits from './limits.js';

/**
 * Resolves as soon as the work is done, but holds the lock a little longer. A lock that is refused, or
 * not granted in time, is done without: two tabs may then do the same at once.
 */
export function underLock<T>(
  env: Pick<Environment, 'locks' | 'setTimer'>,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  const { locks } = env;
  if (!locks) return work();
  return new Promise<T>((resolve) => {
    let begun: Promise<T> | null = null;
    const begin = (): Promise<T> => {
      cancel();
      begun ??= work();
      resolve(begun);
      return begun;
    };
    const cancel = env.setTimer(() => void begin(), limits.WORK_LOCK_MS_MAX);
    const held = async (): Promise<void> => {
      if (begun) return;
      await begin().catch(() => undefined);
      await new Promise<void>((release) => env.setTimer(release, limits.WORK_LOCK_HOLD_MS));
    };
    const request = async (): Promise<unknown> => locks.request(name, held);
    request().catch(() => void begin());
  });
}
