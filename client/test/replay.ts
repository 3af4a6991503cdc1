// How often a property is tried, and which histories. A property that fails prints a seed and a path, and
// with them it begins with the history that failed:
//
//   TIERLIFT_SEED=-1 TIERLIFT_PATH=7:0:2 npx vitest run whole-browser
//
// TIERLIFT_HISTORIES says how many histories are tried.

import { vi } from 'vitest';
import type { Parameters } from 'fast-check';

/** A property's time says how busy the machine is, and nothing of the client: it ends by its count. */
export const NO_TIMEOUT_MS = 36_000_000;

export function replayable<T>(historiesByDefault: number): Parameters<T> {
  const { TIERLIFT_HISTORIES, TIERLIFT_SEED, TIERLIFT_PATH } = process.env;
  return {
    numRuns: Number(TIERLIFT_HISTORIES ?? historiesByDefault),
    ...(TIERLIFT_SEED && { seed: Number(TIERLIFT_SEED) }),
    ...(TIERLIFT_PATH && { path: TIERLIFT_PATH }),
  };
}

/** Each history begins at the same moment, on a clock that runs nothing of the one before. */
export function restartClock(startedAt: number): void {
  vi.useRealTimers();
  vi.useFakeTimers({ now: startedAt });
}
