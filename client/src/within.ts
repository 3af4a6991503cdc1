// A limit for what the platform or the host may never answer.

/** Calls back once after `ms`, unless it is cancelled. */
interface Timers {
  setTimer: (callback: () => void, ms: number) => () => void;
}

/** Settles as `work` does, or rejects after `ms`. What `work` throws becomes a rejection. */
export function within<T>(env: Timers, ms: number, work: () => T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = env.setTimer(() => reject(new Error(`no answer in ${ms} ms`)), ms);
    const settled = async (): Promise<T> => work();
    settled().finally(cancel).then(resolve, reject);
  });
}
