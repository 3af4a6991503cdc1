// The demo's client and its token, which is kept in localStorage, so that every tab of this browser
// is signed in.

import { createTierClient } from '@tierlift/client';
import { breakableSockets } from './breakable-socket';

const TOKEN = 'demo.token';

breakableSockets();

export const client = createTierClient({
  getToken: () => localStorage.getItem(TOKEN),
  // The demo's server has no other way to issue a token again.
  refresh: 'tierlift',
  onToken: (accessToken) => localStorage.setItem(TOKEN, accessToken),
  onSignOut: () => localStorage.removeItem(TOKEN),
});

export async function signIn(userId: string): Promise<void> {
  const { accessToken } = await post('/demo/login', { userId });
  if (accessToken === undefined) throw new Error('The server returned no token.');
  localStorage.setItem(TOKEN, accessToken);
  client.signedIn();
}

export type Action = 'upgrade' | 'downgrade' | 'past_due' | 'storm' | 'slow';

/** Makes the server send itself signed webhooks, as Stripe would. */
export async function simulate(userId: string, action: Action, delayMs?: number): Promise<number> {
  const { events } = await post('/demo/simulate', { userId, action, delayMs });
  return events ?? 0;
}

/** The fields of the demo routes' responses. */
interface Body {
  accessToken?: string;
  events?: number;
  detail?: string;
}

async function post(path: string, body: object): Promise<Body> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const result = (await response.json()) as Body;
  if (!response.ok) throw new Error(result.detail ?? response.statusText);
  return result;
}
