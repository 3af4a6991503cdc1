// The exchange of a stale token at the server, and whether the host may keep what it returns.

import { bodyOf } from './api.js';
import { claimsOf } from './claims.js';
import type { Environment } from './environment.js';
import type { TokenHost } from './options.js';
import { parseUser } from './parse.js';
import type { User } from './types.js';

export interface Exchanged {
  accessToken: string;
  user: User | null;
}

/**
 * POST /session/refresh. Null when the server refuses, or has no key to sign a token with. It rejects
 * when the server is unreachable.
 */
export async function exchange(
  env: Pick<Environment, 'fetch' | 'setTimer'>,
  baseUrl: string,
  stale: string,
): Promise<Exchanged | null> {
  const headers = { authorization: `Bearer ${stale}` };
  const init = { method: 'POST', headers, cache: 'no-store' } as const;
  const response = await env.fetch(`${baseUrl}/session/refresh`, init);
  if (response.status === 401 || response.status === 409) return null;
  const body = response.ok ? await bodyOf(env, response) : null;
  if (typeof body?.accessToken !== 'string') throw new Error('token refresh failed');
  return { accessToken: body.accessToken, user: parseUser(body.user) };
}

/** Claims that a renewal is expected to change. */
const RENEWED = ['iat', 'nbf', 'exp', 'jti', 'rev', 'epoch', 'auth_time'];

/**
 * Whether the host may store `to` in place of `from`: it lets tierlift renew its tokens, or has no other
 * way to a fresh one, because tierlift issued it. No other issuer knows the epoch. Each other claim must
 * be kept, and it must last at least as long.
 */
export function mayStore({ refresh }: TokenHost, from: string, to: string): boolean {
  const [old, renewed] = [claimsOf(from) ?? {}, claimsOf(to) ?? {}];
  const isStored = refresh === 'tierlift' || (old.epoch ?? null) !== null;
  const lasts =
    typeof old.exp === 'number' ? Number(renewed.exp ?? Infinity) >= old.exp : !renewed.exp;
  const kept = Object.keys(old).every(
    (name) => RENEWED.includes(name) || JSON.stringify(old[name]) === JSON.stringify(renewed[name]),
  );
  return isStored && lasts && kept;
}
