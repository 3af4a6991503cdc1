'use client';
// Announces role changes as toasts, through the host's toast library. It shows each change once in
// each tab, and nothing for what was already true when the page loaded, nor what an UpgradeStatus says.

import { useEffect, useRef } from 'react';
import type { TierClient } from '../client.js';
import type { RoleChange } from '../types.js';

export interface ToastAdapter {
  success: (message: string) => void;
  info: (message: string) => void;
}

export interface ToastTexts {
  upgraded: (change: RoleChange) => string;
  downgraded: (change: RoleChange) => string;
}

const TEXTS: ToastTexts = {
  // A role is an id, such as `pro_monthly`, and not a name to be read out.
  upgraded: () => 'Your new plan is active.',
  downgraded: () => 'Your plan has changed.',
};

/** How soon after the end of a watch a higher role is the one that it waited for. */
const SAME_MS_MAX = 1_000;

/** How many components on the page announce that a client's watched upgrade has arrived. */
const speakers = new WeakMap<TierClient, number>();

/** Says that the caller announces the end of a watch, so that no toast does. */
export function useSpeaker(client: TierClient): void {
  useEffect(() => {
    const count = (by: number) => void speakers.set(client, (speakers.get(client) ?? 0) + by);
    count(1);
    return () => count(-1);
  }, [client]);
}

export function useToasts(
  client: TierClient,
  adapter: ToastAdapter | false = false,
  texts: Partial<ToastTexts> = {},
): void {
  const latest = useRef({ adapter, texts });
  useEffect(() => {
    latest.current = { adapter, texts };
  });
  useEffect(() => {
    let { lastChange: announced, upgrade: watch } = client.getSnapshot();
    let endedAt = -Infinity;
    const isSaid = ({ type }: RoleChange): boolean =>
      type === 'ROLE_UPGRADED' && !!speakers.get(client) && Date.now() - endedAt < SAME_MS_MAX;
    return client.subscribe(() => {
      const { lastChange, upgrade } = client.getSnapshot();
      if (upgrade.status === 'upgraded' && watch.status !== 'upgraded') endedAt = Date.now();
      watch = upgrade;
      if (!lastChange || lastChange === announced) return;
      announced = lastChange;
      // The watch ends right after the change that it waited for.
      queueMicrotask(() => {
        const { adapter, texts } = latest.current;
        if (!isSaid(lastChange)) announce(lastChange, adapter, { ...TEXTS, ...texts });
      });
    });
  }, [client]);
}

function announce(change: RoleChange, adapter: ToastAdapter | false, texts: ToastTexts): void {
  if (!adapter) return;
  if (change.type === 'ROLE_UPGRADED') adapter.success(texts.upgraded(change));
  else adapter.info(texts.downgraded(change));
}
