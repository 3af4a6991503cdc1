// Access tokens as a host issues them: HS256 over the secret that it shares with tierlift.

import { createHmac } from 'node:crypto';

const LIFETIME_SECS = 900;

export function accessTokenFor(userId: string, secret: string, more: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + LIFETIME_SECS;
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: userId, exp, ...more })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
