'use client';
// Provides a page with its client, and runs the client while the page is mounted. It creates no
// client, because only the host knows where its tokens come from.

import { createContext, useContext, useEffect, useLayoutEffect } from 'react';
import type { ReactNode } from 'react';
import type { TierClient } from '../client.js';
import type { UserRole } from '../types.js';
import { useToasts } from './toasts.js';
import type { ToastAdapter, ToastTexts } from './toasts.js';

const ClientContext = createContext<TierClient | null>(null);

export interface TierProviderProps<Role extends string = UserRole> {
  client: TierClient<Role>;
  children?: ReactNode;
  /** Announces role changes, such as `sonnerToasts`. Without it, nothing is announced. */
  toasts?: ToastAdapter | false;
  toastTexts?: Partial<ToastTexts>;
}

// A layout effect runs before any child's effect, so a child can use the client in its own effects.
const useEarlyEffect = typeof document === 'undefined' ? useEffect : useLayoutEffect;

export function TierProvider<Role extends string = UserRole>(props: TierProviderProps<Role>) {
  const { children, toasts, toastTexts } = props;
  // The context cannot know the names of the roles; the hooks name them where they are called.
  const client = props.client as unknown as TierClient;
  useEarlyEffect(() => client.start(), [client]);
  useToasts(client, toasts, toastTexts);
  return <ClientContext.Provider value={client}>{children}</ClientContext.Provider>;
}

/** The client of the nearest provider. */
export function useTierClient<Role extends string = UserRole>(): TierClient<Role> {
  const client = useContext(ClientContext);
  if (!client) throw new Error('tierlift’s hooks and components need a <TierProvider> above them');
  return client as unknown as TierClient<Role>;
}
