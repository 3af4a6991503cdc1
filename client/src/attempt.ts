// What the platform may refuse, or what may not be what it should be: a value instead of an exception.

export function attempt<T>(work: () => T): T | undefined;
export function attempt<T>(work: () => T, otherwise: T): T;
export function attempt<T>(work: () => T, otherwise?: T): T | undefined {
  try {
    return work();
  } catch {
    return otherwise;
  }
}
