// The demo's one client, and what a host keeps for it: the token, in localStorage, so that every
// tab of this browser is signed in.

import { createTierClient } from '@tierlift/client';
import { breakableSockets } from './breakable-socket';

const TOKEN = 'demo.token';

breakableSockets();

export const client = createTierClient({
  getToken: () => localStorage.getItem(TOKEN),
  onToken: (accessToken) => localStorage.setItem(TOKEN, accessToken),
  onSignOut: () => localStorage.removeItem(TOKEN),
});

export async function signIn(userId: string): Promise<void> {
  const { accessToken } = await post('/demo/login', { userId });
  if (accessToken === undefined) throw new Error('The server gave no token.');
  localStorage.setItem(TOKEN, accessToken);
  client.signedIn();
}

export type Action = 'upgrade' | 'downgrade' | 'past_due' | 'storm' | 'slow';

/** Has the server send itself signed webhooks, as Stripe would. */
export async function simulate(userId: string, action: Action, delayMs?: number): Promise<number> {
  const { events } = await post('/demo/simulate', { userId, action, delayMs });
  return events ?? 0;
}

/** What the demo's routes answer, each with some of it. */
interface Answer {
  accessToken?: string;
  events?: number;
  detail?: string;
}

async function post(path: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = (await response.json()) as Answer;
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}
