'use client';
// The client, created once per page load, and its provider. It is safe to render on the server.

import type { ReactNode } from 'react';
import { createTierClient } from '@tierlift/client';
import { TierProvider } from '@tierlift/client/react';

const TOKEN = 'access_token';

const client = createTierClient({
  baseUrl: 'https://tier.example.com',
  getToken: () => localStorage.getItem(TOKEN),
  onToken: (accessToken) => localStorage.setItem(TOKEN, accessToken),
  onSignOut: () => localStorage.removeItem(TOKEN),
});

export function Tier({ children }: { children: ReactNode }) {
  return <TierProvider client={client}>{children}</TierProvider>;
}
