'use client';
// The client, which begins with the user that the server has rendered.
import { useState } from 'react';
import type { ReactNode } from 'react';
import { createTierClient } from '@tierlift/client';
import type { InitialUser } from '@tierlift/client';
import { TierProvider } from '@tierlift/client/react';

/** Ends the host's own session. */
export const leave = () => fetch('/logout', { method: 'POST' });

async function getToken(): Promise<string | null> {
  const response = await fetch('/token');
  if (response.status === 401) return null;
  if (!response.ok) throw new Error(`/token answered ${response.status}`);
  const { accessToken } = (await response.json()) as { accessToken: string };
  return accessToken;
}

interface TierProps {
  baseUrl: string;
  /** Null for nobody; undefined while that is not known. */
  initialUser: InitialUser | null | undefined;
  children: ReactNode;
}

export function Tier({ baseUrl, initialUser, children }: TierProps) {
  const onSignOut = () => void leave();
  const [client] = useState(() => createTierClient({ baseUrl, initialUser, getToken, onSignOut }));
  return <TierProvider client={client}>{children}</TierProvider>;
}
