// This server's side of tierlift: it issues the tokens, and asks what a user may do.

import type { InitialUser } from '@tierlift/client';
import { signedInUser } from './session';
import { secret, sign } from './signing';

export const TIERLIFT_URL = process.env.TIERLIFT_URL ?? 'http://127.0.0.1:8787';

/** Short, because it cannot be taken back: a browser asks for the next one when it needs it. */
const LIFETIME_SECS = 300;

/** A JWT (HS256) that tierlift accepts. `sub` is your id of the user, the same as in Stripe's metadata. */
export function accessTokenFor(userId: string): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: userId, iat: now, exp: now + LIFETIME_SECS };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return sign(text, secret('TIERLIFT_JWT_SECRET'));
}

/** The signed-in user as tierlift knows them, or null if nobody is signed in. */
export async function currentUser(): Promise<InitialUser | null> {
  const userId = await signedInUser();
  if (userId === null) return null;
  const headers = { authorization: `Bearer ${accessTokenFor(userId)}` };
  const response = await fetch(`${TIERLIFT_URL}/session`, { headers, cache: 'no-store' });
  if (!response.ok)
    throw new Error(`tierlift refused: ${response.status} ${await response.text()}`);
  return (await response.json()) as InitialUser;
}
