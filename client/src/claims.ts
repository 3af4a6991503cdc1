// What a token says, read without verifying it. It only tells users and tokens apart; the server
// decides what a user may do.

import { attempt } from './attempt.js';
import { isFields, parseJson } from './parse.js';
import type { User } from './types.js';

type Claims = Record<string, unknown>;

export function claimsOf(token: string): Claims | null {
  return attempt(() => {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    return parseJson(new TextDecoder().decode(bytes));
  }, null);
}

/**
 * Whose session a token begins: the user, and each other account that it speaks for. Null if it is not a
 * JWT that names a user.
 */
export function holderOf(token: unknown, accountClaims: readonly string[] = []): string | null {
  const claims = typeof token === 'string' ? claimsOf(token) : null;
  const sub = claims?.sub;
  if (!claims || typeof sub !== 'string' || sub === '') return null;
  const named = accountClaims.flatMap((name) => find(claims, name) ?? []);
  return [...new Set<unknown>([sub, ...named])].map(String).join('\n');
}

/** Whose session the server reports. It names the accounts in the order of the claims. */
export const reportedHolder = ({ userId, accounts }: User): string =>
  // No id contains a line break.
  accounts?.join('\n') ?? userId;

/** A claim by its name, or else by the path that the name is, such as `org.id`. */
const find = (claims: Claims, name: string): unknown =>
  claims[name] ??
  name.split('.').reduce<unknown>((part, key) => (isFields(part) ? part[key] : null), claims);
