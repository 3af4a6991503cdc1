// One timer that is set again and again, or not at all.

import type { Environment } from './environment.js';

export interface Timer {
  /** Calls back once after `ms`. What was set before is cancelled. */
  set: (callback: () => void, ms: number) => void;
  clear: () => void;
  isSet: () => boolean;
}

export function createTimer(env: Pick<Environment, 'setTimer'>): Timer {
  let cancel: (() => void) | null = null;

  function clear(): void {
    cancel?.();
    cancel = null;
  }

  return {
    set: (callback, ms) => {
      clear();
      cancel = env.setTimer(() => {
        cancel = null;
        callback();
      }, ms);
    },
    clear,
    isSet: () => cancel !== null,
  };
}
