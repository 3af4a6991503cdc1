// A redrive, step by step, as the command line does it: progress is what the steps so far counted, and it stops by
// itself when most fail again. What is not redriven yet stays a dead letter, so that it can be stopped at any time.

import { act } from './api';
import type { Redriven } from './types';

/** Dead letters in one step: few enough that the progress moves. */
const STEP_MAX = 100;
/** Failures from which on it is judged whether most fail. */
const JUDGED_MIN = 10;

export interface Progress {
  state: 'ready' | 'running' | 'done' | 'stopped' | 'failing' | 'refused';
  redriven: number;
  applied: number;
  failed: number;
  queued: number;
  message: string;
}

export const READY: Progress = {
  state: 'ready',
  redriven: 0,
  applied: 0,
  failed: 0,
  queued: 0,
  message: '',
};

const mostlyFails = ({ failed, applied, queued }: Progress): boolean =>
  failed >= JUDGED_MIN && failed > applied + queued;

export async function redrive(
  filter: object,
  reason: string,
  stop: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  let progress: Progress = { ...READY, state: 'running' };
  let after: string | null = null;
  let until: string | null = null;
  onProgress(progress);
  for (;;) {
    const body = { filter, after, until, max: STEP_MAX, dryRun: false };
    const step = (await act('/dead-letters/redrive', body, reason)) as Redriven;
    progress = {
      ...progress,
      redriven: progress.redriven + step.redriven,
      applied: progress.applied + step.applied,
      failed: progress.failed + step.failed,
      queued: progress.queued + step.queued,
    };
    if (mostlyFails(progress)) {
      onProgress({ ...progress, state: 'failing' });
      return;
    }
    if (step.next === null) {
      onProgress({ ...progress, state: 'done' });
      return;
    }
    if (stop.aborted) {
      onProgress({ ...progress, state: 'stopped' });
      return;
    }
    onProgress(progress);
    ({ next: after, until } = step);
  }
}
