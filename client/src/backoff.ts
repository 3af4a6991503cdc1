// How long to wait before the next attempt: ever longer, and spread.

import * as limits from './limits.js';

/** Between half of the doubled delay and all of it, so that clients do not all reconnect together. */
export function backoffMs(attempt: number, random: () => number): number {
  const whole = Math.min(
    limits.RECONNECT_DELAY_MS_MAX,
    limits.RECONNECT_DELAY_MS_BASE * 2 ** attempt,
  );
  return (whole * (1 + random())) / 2;
}
