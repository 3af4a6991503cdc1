'use client';
// Announces role changes as toasts, through the host's toast library. It shows each change once in
// each tab, and nothing for what was already true when the page loaded.

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
    let announced = client.getSnapshot().lastChange;
    return client.subscribe(() => {
      const { lastChange } = client.getSnapshot();
      if (!lastChange || lastChange === announced) return;
      announced = lastChange;
      announce(lastChange, latest.current.adapter, { ...TEXTS, ...latest.current.texts });
    });
  }, [client]);
}

function announce(change: RoleChange, adapter: ToastAdapter | false, texts: ToastTexts): void {
  if (!adapter) return;
  if (change.type === 'ROLE_UPGRADED') adapter.success(texts.upgraded(change));
  else adapter.info(texts.downgraded(change));
}
