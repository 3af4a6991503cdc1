// A client whose snapshot the test sets, for states that are hard to reach. It records what is asked of
// it, and does nothing itself.

import { vi } from 'vitest';
import { createTierClient } from '../src/index.js';
import type { TierClient, TierSnapshot, UpgradeView } from '../src/index.js';

export interface StubClient extends TierClient {
  patch: (part: Partial<TierSnapshot>) => void;
  watch: (part: Partial<UpgradeView>) => void;
}

export function createStubClient(initial: Partial<TierSnapshot> = {}): StubClient {
  const { getServerSnapshot } = createTierClient({ getToken: () => null });
  let snapshot: TierSnapshot = { ...getServerSnapshot(), ...initial };
  const first = snapshot;
  const listeners = new Set<() => void>();
  const patch = (part: Partial<TierSnapshot>): void => {
    snapshot = { ...snapshot, ...part };
    for (const listener of listeners) listener();
  };
  return {
    getSnapshot: () => snapshot,
    getServerSnapshot: () => first,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    has: () => false,
    hasRole: () => false,
    start: () => () => undefined,
    signedIn: vi.fn(),
    signOut: vi.fn(),
    refreshUserProfile: () => Promise.resolve(null),
    fetch: () => Promise.reject(new Error('a stub fetches nothing')),
    watchUpgrade: vi.fn(() => Promise.resolve('upgraded' as const)),
    dismissUpgrade: vi.fn(),
    destroy: () => undefined,
    patch,
    watch: (part) => patch({ upgrade: { ...snapshot.upgrade, ...part } }),
  };
}
