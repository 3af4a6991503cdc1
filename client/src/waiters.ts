// Promises that are still open: any number of callers wait for one value.

export interface Waiters<T> {
  wait: () => Promise<T>;
  /** Resolves everyone who waits now; later callers wait for the next value. */
  resolve: (value: T) => void;
}

export function createWaiters<T>(): Waiters<T> {
  let resolvers: ((value: T) => void)[] = [];
  return {
    wait: () => new Promise((resolve) => resolvers.push(resolve)),
    resolve: (value) => {
      const waiting = resolvers;
      resolvers = [];
      for (const resolve of waiting) resolve(value);
    },
  };
}
