// What a token says, read without verifying it. It only tells users and tokens apart; the server
// decides what a user may do.

import { attempt } from './attempt.js';
import { parseJson } from './parse.js';

type Claims = Record<string, unknown>;

export function claimsOf(token: string): Claims | null {
  return attempt(() => {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    return parseJson(new TextDecoder().decode(bytes));
  }, null);
}

/** The user that a token was issued to, or null if it is not a JWT that names one. */
export function subjectOf(token: unknown): string | null {
  const sub = typeof token === 'string' && claimsOf(token)?.sub;
  return typeof sub === 'string' && sub !== '' ? sub : null;
}
