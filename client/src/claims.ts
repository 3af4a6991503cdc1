// What a token says, read without verifying it. It only tells users and tokens apart; the server
// decides what a user may do.

import { isFields, parseJson } from './parse.js';
import type { User } from './types.js';

type Claims = Record<string, unknown>;

function claimsOf(token: string): Claims | null {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const claims = parseJson(new TextDecoder().decode(bytes));
    return isFields(claims) ? claims : null;
  } catch {
    return null;
  }
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

/** Whether tierlift issued this token: no other issuer knows the epoch. */
export function isIssuedHere(token: string): boolean {
  return (claimsOf(token)?.epoch ?? null) !== null;
}

/** Claims that a renewal is expected to change. */
const RENEWED = ['iat', 'nbf', 'exp', 'jti', 'rev', 'epoch', 'auth_time'];

/** Whether `to` keeps each other claim of `from`, and lasts at least as long. */
export function keepsClaims(from: string, to: string): boolean {
  const [old, renewed] = [claimsOf(from) ?? {}, claimsOf(to) ?? {}];
  const lasts =
    typeof old.exp === 'number' ? Number(renewed.exp ?? Infinity) >= old.exp : !renewed.exp;
  const kept = Object.keys(old).every(
    (name) => RENEWED.includes(name) || JSON.stringify(old[name]) === JSON.stringify(renewed[name]),
  );
  return lasts && kept;
}
