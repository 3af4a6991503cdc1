// The browser's source of tokens: the cookie of the sign-in is exchanged for a token of five minutes.

import { signedInUser } from '@/lib/session';
import { accessTokenFor } from '@/lib/tierlift';

export async function GET(): Promise<Response> {
  const userId = await signedInUser();
  const accessToken = userId === null ? null : accessTokenFor(userId);
  return Response.json({ accessToken }, { headers: { 'cache-control': 'no-store' } });
}
