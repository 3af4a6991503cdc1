'use client';
// Provides a page with its client, and runs the client while the page is mounted. It creates no
// client, because one that is created while rendering would be created twice in Strict Mode.

import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useLayoutEffect,
  useSyncExternalStore,
} from 'react';
import type { ReactNode } from 'react';
import type { TierClient } from '../client.js';
import type { TierSnapshot, UserRole } from '../types.js';
import { useToasts } from './toasts.js';
import type { ToastAdapter, ToastTexts } from './toasts.js';

const ClientContext = createContext<TierClient | null>(null);

export interface TierProviderProps {
  client: TierClient;
  children?: ReactNode;
  /** Announces role changes, such as `sonnerToasts`. Without it, nothing is announced. */
  toasts?: ToastAdapter | false;
  toastTexts?: Partial<ToastTexts>;
}

export interface Tier extends TierSnapshot {
  /** Null until the server has reported it. */
  role: UserRole | null;
  /** Empty until the server has reported them, and with a server that reports none. */
  features: readonly string[];
  /** Whether `features` contains this one. */
  has: (feature: string) => boolean;
  client: TierClient;
}

const NO_FEATURES: readonly string[] = [];

// A layout effect runs before any child's effect, so a child can use the client in its own effects.
const useEarlyEffect = typeof document === 'undefined' ? useEffect : useLayoutEffect;

export function TierProvider({ client, children, toasts, toastTexts }: TierProviderProps) {
  useEarlyEffect(() => client.start(), [client]);
  useToasts(client, toasts, toastTexts);
  return <ClientContext.Provider value={client}>{children}</ClientContext.Provider>;
}

export function useClient(): TierClient {
  const client = useContext(ClientContext);
  if (!client) throw new Error('useTier needs a <TierProvider> above it');
  return client;
}

export function useTierSnapshot(client: TierClient): TierSnapshot {
  return useSyncExternalStore(client.subscribe, client.getSnapshot, client.getServerSnapshot);
}

export function useTier(): Tier {
  const client = useClient();
  const snapshot = useTierSnapshot(client);
  const { role = null, features = NO_FEATURES } = snapshot.user ?? {};
  const has = useCallback((feature: string) => features.includes(feature), [features]);
  return { ...snapshot, role, features, has, client };
}
