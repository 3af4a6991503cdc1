'use client';
// The watch for a paid upgrade, as a hook. It does not cancel the watch on unmount: the watch belongs
// to the browser, and a customer who leaves the return page is still waiting.

import { useCallback } from 'react';
import type { WatchOptions } from '../options.js';
import type { UpgradeOutcome, UpgradeView } from '../types.js';
import { useClient, useTierSnapshot } from './provider.js';

export interface TierUpgrade extends UpgradeView {
  /** Call it on the page that the checkout returns to. */
  start: (options?: WatchOptions) => Promise<UpgradeOutcome>;
  /** Watches again after a watch that timed out. */
  retry: () => Promise<UpgradeOutcome>;
  stop: () => void;
}

export function useTierUpgrade(): TierUpgrade {
  const client = useClient();
  const { upgrade } = useTierSnapshot(client);
  const start = useCallback((options?: WatchOptions) => client.watchUpgrade(options), [client]);
  const retry = useCallback(() => client.watchUpgrade(), [client]);
  const stop = useCallback(() => client.dismissUpgrade(), [client]);
  return { ...upgrade, start, retry, stop };
}
