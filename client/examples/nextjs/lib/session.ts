// The example's own sign-in: a signed cookie that scripts cannot read names the user. Replace this file
// with your own sessions; everything else asks it only who is signed in.

import { cookies } from 'next/headers';
import { secret, sign, verify } from './signing';

const COOKIE = 'session';

export async function signedInUser(): Promise<string | null> {
  const cookie = (await cookies()).get(COOKIE)?.value;
  return cookie === undefined ? null : verify(cookie, secret('SESSION_SECRET'));
}

export async function signIn(userId: string): Promise<void> {
  const secure = process.env.APP_URL?.startsWith('https:') ?? false;
  const options = { httpOnly: true, secure, sameSite: 'lax', path: '/' } as const;
  (await cookies()).set(COOKIE, sign(userId, secret('SESSION_SECRET')), options);
}

export async function signOut(): Promise<void> {
  (await cookies()).delete(COOKIE);
}
