// The renewal of a refused token, by one tab for all: the host's own answer, or the exchange of a stale
// token at the server. It also says whether the host may keep what the exchange returns.

import { bodyOf } from './api.js';
import { claimsOf } from './claims.js';
import type { Environment } from './environment.js';
import type { TokenHost } from './options.js';
import { parseUser } from './parse.js';
import type { Refusal, RenewalOptions } from './tokens.js';
import type { User } from './types.js';
import { underLock } from './under-lock.js';

/** A token in place of one that was refused, or null if there is none yet. */
export function renew(
  options: RenewalOptions,
  refused: string,
  reason: Refusal,
): Promise<string | null> {
  const { env, name, userId } = options;
  return underLock(env, `${name}:refresh:${userId}`, () => replace(options, refused, reason));
}

async function replace(
  { env, options: host, baseUrl, publish, share, current, adopt, fromHost }: RenewalOptions,
  refused: string,
  reason: Refusal,
): Promise<string | null> {
  const token = await current();
  // Another tab was faster, and its renewal serves this one too.
  if (token !== refused) return token;

  async function fromServer(): Promise<string | null> {
    // The server exchanges no token that has expired.
    const exchanged = reason === 'stale' ? await exchange(env, baseUrl, refused) : null;
    if (exchanged?.user) publish({ user: exchanged.user, via: 'poll' });
    return exchanged && adopt(refused, exchanged.accessToken);
  }
  const ways = [() => fromHost(refused, reason), fromServer];
  if (host.refresh === 'tierlift') ways.reverse();
  let renewed: string | null = null;
  for (const way of ways) renewed ??= await way();
  if (renewed !== null) share(refused, renewed);
  return renewed;
}

interface Exchanged {
  accessToken: string;
  user: User | null;
}

/**
 * POST /session/refresh. Null when the server refuses, or has no key to sign a token with. It rejects
 * when the server is unreachable.
 */
async function exchange(
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
