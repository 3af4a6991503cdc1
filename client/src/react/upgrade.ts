'use client';
// The watch for a paid upgrade, as a hook. It does not end the watch on unmount: the watch belongs to
// the browser, and a customer who leaves the return page is still waiting.

import { useCallback } from 'react';
import type { WatchOptions } from '../options.js';
import type { UpgradeOutcome, UpgradeView, UserRole } from '../types.js';
import { useTierClient } from './provider.js';
import { useTierSelector } from './tier.js';

export interface TierUpgrade<Role extends string = UserRole> extends UpgradeView<Role> {
  /** Call it on the page that the checkout returns to. */
  start: (options?: WatchOptions<Role>) => Promise<UpgradeOutcome>;
  /** Watches again after a watch that timed out, for the same role and checkout. */
  retry: () => Promise<UpgradeOutcome>;
  /** Ends the watch in every tab. The page may offer to buy again. */
  dismiss: () => void;
}

export function useTierUpgrade<Role extends string = UserRole>(): TierUpgrade<Role> {
  const client = useTierClient<Role>();
  const upgrade = useTierSelector<UpgradeView<Role>, Role>((snapshot) => snapshot.upgrade);
  const { role, checkoutSessionId } = upgrade;
  const start = useCallback(
    (options?: WatchOptions<Role>) => client.watchUpgrade(options),
    [client],
  );
  const retry = useCallback(
    () =>
      client.watchUpgrade({
        ...(role !== null && { role }),
        ...(checkoutSessionId !== null && { checkoutSessionId }),
      }),
    [client, role, checkoutSessionId],
  );
  const dismiss = useCallback(() => client.dismissUpgrade(), [client]);
  return { ...upgrade, start, retry, dismiss };
}
