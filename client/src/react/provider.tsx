'use client';
// Gives a page its client and runs it as long as the page is mounted. It creates no client: one
// that is made while rendering would be made twice in Strict Mode.

import { createContext, useContext, useEffect, useLayoutEffect, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import type { TierClient } from '../client.js';
import type { TierSnapshot, UserRole } from '../types.js';
import { useToasts } from './toasts.js';
import type { ToastAdapter, ToastTexts } from './toasts.js';

const ClientContext = createContext<TierClient | null>(null);

export interface TierProviderProps {
  client: TierClient;
  children?: ReactNode;
  /** Where role changes are announced: sonner when it is installed, or your own; false for none. */
  toasts?: ToastAdapter | false;
  toastTexts?: Partial<ToastTexts>;
}

export interface Tier extends TierSnapshot {
  /** Null until the server has said it. */
  role: UserRole | null;
  client: TierClient;
}

// A layout effect runs before any child's effect, so a child may use the client in its own.
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
  return { ...snapshot, role: snapshot.user?.role ?? null, client };
}
