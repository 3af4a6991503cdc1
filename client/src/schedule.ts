// When a watch polls: at each of WATCH_POLL_AT_MS after its start, by the monotonic clock.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { createTimer } from './timer.js';

export interface Schedule {
  /** Starts over, as if the watch had begun this long ago. */
  start: (agoMs: number) => void;
  stop: () => void;
}

/** Makes an attempt at each time, and ends after the last one. */
export function createSchedule(
  env: Pick<Environment, 'elapsed' | 'setTimer'>,
  onAttempt: (attempt: number) => Promise<void>,
  onEnd: () => void,
): Schedule {
  const times = limits.WATCH_POLL_AT_MS;
  let attempt = 0;
  /** Counts starts and stops, so that an attempt that was overtaken ends nothing. */
  let round = 0;
  const timer = createTimer(env);

  async function tick(startedAt: number, current: number): Promise<void> {
    const elapsedMs = env.elapsed() - startedAt;
    // A page that slept through several times catches up with one attempt.
    const due = times.filter((at) => at <= elapsedMs).length;
    attempt = Math.min(Math.max(attempt + 1, due), times.length);
    const next = times[attempt];
    if (next !== undefined) {
      timer.set(() => void tick(startedAt, current), next - elapsedMs);
    }
    await onAttempt(attempt);
    if (next === undefined && current === round) onEnd();
  }

  function stop(): void {
    round += 1;
    timer.clear();
  }

  return {
    start: (agoMs) => {
      stop();
      attempt = 0;
      void tick(env.elapsed() - agoMs, round);
    },
    stop,
  };
}
