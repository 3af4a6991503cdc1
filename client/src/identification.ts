// Reads the token from the host, to find out who is signed in. A host that fails to provide it is asked
// again, and what is older than the latest question is dropped.

import type { Environment } from './environment.js';
import type { Report } from './errors.js';
import * as limits from './limits.js';
import type { TierClientOptions, TokenReason } from './options.js';
import { createTimer } from './timer.js';
import { askHost } from './tokens.js';

export interface IdentificationOptions {
  options: TierClientOptions;
  env: Pick<Environment, 'setTimer' | 'elapsed'>;
  report: Report;
  onToken: (token: string | null) => void;
  /** The host did not provide its token, and is asked again. */
  onFailed: () => void;
}

export interface Identification {
  /** Asks now. */
  start: (reason: TokenReason) => void;
  /** Asks soon, so that messages of other tabs cannot make a loop. */
  soon: () => void;
  later: (ms: number) => void;
  cancel: () => void;
}

export function createIdentification(parts: IdentificationOptions): Identification {
  const { options, env, report, onToken, onFailed } = parts;
  /** Counts the reads, so that a slow one cannot undo a later one. */
  let round = 0;
  let askedAt = -Infinity;
  const timer = createTimer(env);

  function cancel(): void {
    round += 1;
    timer.clear();
  }

  function later(ms: number): void {
    cancel();
    timer.set(() => start('identify'), ms);
  }

  function start(reason: TokenReason): void {
    cancel();
    const current = round;
    askedAt = env.elapsed();
    askHost(env, options, reason).then(
      (token) => {
        if (current === round) onToken(token);
      },
      (error: unknown) => {
        // A host that fails to provide its token has not signed out.
        if (current !== round) return;
        report('token.failed', (error as Error).message);
        later(limits.IDENTIFY_RETRY_DELAY_MS);
        onFailed();
      },
    );
  }

  function soon(): void {
    const waitMs = askedAt + limits.IDENTIFY_GAP_MS - env.elapsed();
    if (waitMs > 0) later(waitMs);
    else start('identify');
  }

  return { start, soon, later, cancel };
}
