'use client';
// The client, its provider, and what keeps server components in step with it.

import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { useRouter } from 'next/navigation';
import { Toaster } from 'sonner';
import { createTierClient } from '@tierlift/client';
import type { InitialUser } from '@tierlift/client';
import { TierProvider, useTierSelector } from '@tierlift/client/react';
import { sonnerToasts } from '@tierlift/client/react/sonner';

async function getToken(): Promise<string | null> {
  const response = await fetch('/api/token');
  // Neither signed in nor signed out: the client keeps what it shows, and asks again.
  if (!response.ok) throw new Error(`/api/token answered ${response.status}`);
  const { accessToken } = (await response.json()) as { accessToken: string | null };
  return accessToken;
}

interface TierProps {
  baseUrl: string;
  initialUser: InitialUser | null;
  children: ReactNode;
}

export function Tier({ baseUrl, initialUser, children }: TierProps) {
  // One for each page, and on the server one for each request: it knows the user. It does nothing until
  // the provider starts it.
  const [client] = useState(() =>
    createTierClient({
      baseUrl,
      initialUser,
      getToken,
      onSignOut: () => void fetch('/api/session', { method: 'DELETE' }),
    }),
  );
  return (
    <TierProvider client={client} toasts={sonnerToasts}>
      <ServerInStep />
      {children}
      <Toaster theme="system" />
    </TierProvider>
  );
}

/** After a change of the role or of the user, the server components are rendered again, for what is true now. */
function ServerInStep() {
  const router = useRouter();
  const shown = useTierSelector(({ user }) => user && `${user.userId} is ${user.role}`);
  const rendered = useRef(shown);
  useEffect(() => {
    if (rendered.current === shown) return;
    rendered.current = shown;
    router.refresh();
  }, [shown, router]);
  return null;
}
