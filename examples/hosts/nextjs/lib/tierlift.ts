import type { InitialUser } from '@tierlift/client';
import { session } from './session';

// tierlift
/** A token for the pages of whoever is signed in, and what they may do now. Null for nobody. */
export async function signedIn(): Promise<{ accessToken: string; user: InitialUser } | null> {
  const { user: userId, at: authTime } = await session();
  if (userId === undefined) return null;
  const answer = await fetch(`${process.env.TIERLIFT_URL}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${process.env.TIERLIFT_SERVICE_TOKEN}` },
    body: JSON.stringify({ userId, authTime }),
    signal: AbortSignal.timeout(5_000),
  });
  // This sign-in is too old, or its tokens were revoked: the cookie counts no more.
  if (answer.status === 409) return null;
  if (!answer.ok) throw new Error(`tierlift answered ${answer.status}`);
  return answer.json();
}
// end
