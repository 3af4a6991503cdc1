// What a token says, read without verifying it. It only tells users and tokens apart; the server
// decides what a user may do.

import { isFields, parseJson } from './parse.js';

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

/** The user that a token was issued to, or null if it is not a JWT that names one. */
export function subjectOf(token: unknown): string | null {
  const sub = typeof token === 'string' && claimsOf(token)?.sub;
  return typeof sub === 'string' && sub !== '' ? sub : null;
}

/** Whether tierlift issued this token: no other issuer knows the epoch. */
export function isIssuedHere(token: string): boolean {
  return typeof claimsOf(token)?.epoch === 'number';
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
