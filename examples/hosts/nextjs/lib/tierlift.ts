import type { InitialUser } from '@tierlift/client';
import { session } from './session';

// tierlift
interface SignedIn {
  accessToken: string;
  user: InitialUser;
}

/**
 * A token for the pages of whoever is signed in, and what they may do now. Null for nobody, undefined while
 * tierlift does not answer.
 */
export async function signedIn(): Promise<SignedIn | null | undefined> {
  const { user: userId, at: authTime } = await session();
  if (userId === undefined) return null;
  const answer = await fetch(`${process.env.TIERLIFT_URL}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${process.env.TIERLIFT_SERVICE_TOKEN}` },
    body: JSON.stringify({ userId, authTime }),
    signal: AbortSignal.timeout(5_000),
  }).catch(() => undefined);
  // This sign-in is too old, or its tokens were revoked: the cookie counts no more.
  if (answer?.status === 409) return null;
  return answer?.ok ? answer.json() : undefined;
}
// end
