// Text that only this server can have signed.

import { createHmac, timingSafeEqual } from 'node:crypto';

export function secret(name: 'SESSION_SECRET' | 'TIERLIFT_JWT_SECRET'): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: copy .env.example to .env.local`);
  return value;
}

export function sign(text: string, key: string): string {
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** The text that was signed, or null if it was not signed with this key. */
export function verify(signed: string, key: string): string | null {
  const text = signed.slice(0, Math.max(signed.lastIndexOf('.'), 0));
  const [actual, expected] = [Buffer.from(signed), Buffer.from(sign(text, key))];
  return actual.length === expected.length && timingSafeEqual(actual, expected) ? text : null;
}
