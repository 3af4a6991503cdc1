// HTTP with the tierlift server: the user's profile, a token's renewal, and the host's own guarded
// requests. It sends the token to no other server, and repeats nothing but what a refused token made
// fail, with another token.

import { reportedHolder } from './claims.js';
import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { parseJson, parseRoles, parseUser } from './parse.js';
import { TokenFailed } from './tokens.js';
import type { Tokens } from './tokens.js';
import type { TierErrorCode, User, UserRole, Version } from './types.js';
import { within } from './within.js';

/** `refused`: the server does not accept the token. `unreachable`: no usable answer. */
export type Profile =
  | { outcome: 'ok'; user: User; roles: readonly UserRole[] | null }
  | { outcome: 'refused'; code: TierErrorCode; token: string }
  | { outcome: 'unreachable'; code: TierErrorCode };

/** What came of asking for a checkout, and how long not to ask again: for ever if it is pointless. */
export type Confirmation =
  | { outcome: 'ok'; user: User; roles: readonly UserRole[] | null; retryMs: number }
  | { outcome: 'none'; retryMs: number };

export interface Api {
  /** Like `fetch` for paths of the server, with the token, which is renewed if it is refused. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** GET /session, with the greatest version seen if an answer was behind it. It never rejects. */
  profile: (seen: Version | null) => Promise<Profile>;
  /** POST /session/confirm: the server looks the checkout up at Stripe. It never rejects. */
  confirm: (checkoutSessionId: string) => Promise<Confirmation>;
  /** POST /session/refresh. Null when the server refuses, or has no key to sign a token with. */
  exchange: (stale: string) => Promise<{ accessToken: string; user: User | null } | null>;
}

export interface ApiOptions {
  baseUrl: string;
  env: Pick<Environment, 'fetch' | 'setTimer'>;
  userId: string;
  tokens: Pick<Tokens, 'current' | 'renew'>;
}

/** Refusals that another token may end, and why the host is asked for it. */
const RENEWABLE: Record<string, 'expired' | 'stale'> = {
  'token.stale': 'stale',
  'token.expired': 'expired',
  'token.invalid': 'expired',
  'token.missing': 'expired',
};

/** Refusals that say something about the user or the page, not about the server's health. */
const isRefusal = (code: string): boolean => code.startsWith('token.') || code === 'origin.refused';

export function createApi({ baseUrl, env, userId, tokens }: ApiOptions): Api {
  async function send(path: string, init: RequestInit = {}) {
    // A path, not `//other.example`: the token goes to the tierlift server only.
    if (!/^\/(?!\/)/.test(path)) throw new TypeError('not a path of the server');
    let token = await tokens.current();
    // A token may have expired, and the next one be stale.
    for (let renewals = 0; ; renewals += 1) {
      const response = await request(env, baseUrl + path, init, token);
      const code = response.status === 401 ? await codeOf(response) : '';
      const reason = RENEWABLE[code];
      const renewed = reason && renewals < 2 ? await tokens.renew(token, reason) : null;
      if (renewed === null || renewed === token) return { response, token };
      token = renewed;
    }
  }

  /** The problem's code, or an empty text. */
  async function codeOf(response: Response): Promise<string> {
    const code = (await bodyOf(response.clone()).catch(() => null))?.code;
    return typeof code === 'string' ? code : '';
  }

  async function bodyOf(response: Response) {
    return parseJson(await within(env, limits.REQUEST_MS_MAX, () => response.text()));
  }

  async function profile(seen: Version | null): Promise<Profile> {
    try {
      const { response, token } = await send(`/session${queryOf(seen)}`);
      const body = await bodyOf(response);
      const code = typeof body?.code === 'string' ? body.code : '';
      if (isRefusal(code)) return { outcome: 'refused', code, token };
      const user = response.ok ? parseUser(body) : null;
      if (user && reportedHolder(user) === userId) {
        return { outcome: 'ok', user, roles: parseRoles(body?.roles) };
      }
      if (user) return { outcome: 'unreachable', code: 'user.mismatch' };
      const away = response.status >= 500 || response.status === 429;
      return { outcome: 'unreachable', code: away ? 'server.unreachable' : 'server.unexpected' };
    } catch (error) {
      const code = error instanceof TokenFailed ? 'token.failed' : 'server.unreachable';
      return { outcome: 'unreachable', code };
    }
  }

  async function confirm(checkoutSessionId: string): Promise<Confirmation> {
    const body = JSON.stringify({ checkoutSessionId });
    const headers = { 'content-type': 'application/json' };
    try {
      const { response } = await send('/session/confirm', { method: 'POST', headers, body });
      if (!response.ok) return { outcome: 'none', retryMs: retryMsOf(response) };
      const answer = await bodyOf(response);
      const user = parseUser(answer);
      if (!user || reportedHolder(user) !== userId) return { outcome: 'none', retryMs: Infinity };
      return { outcome: 'ok', user, roles: parseRoles(answer?.roles), retryMs: 0 };
    } catch {
      return { outcome: 'none', retryMs: 0 };
    }
  }

  async function exchange(stale: string) {
    const response = await request(env, `${baseUrl}/session/refresh`, { method: 'POST' }, stale);
    if (response.status === 401 || response.status === 409) return null;
    const body = response.ok ? await bodyOf(response) : null;
    if (typeof body?.accessToken !== 'string') throw new Error('token refresh failed');
    return { accessToken: body.accessToken, user: parseUser(body.user) };
  }

  return {
    fetch: async (path, init) => (await send(path, init)).response,
    profile,
    confirm,
    exchange,
  };
}

/** Answers that may be another one later. Any other says that there is nothing to be had. */
const PASSING = [401, 408, 409, 429, 500, 502, 503, 504];

function retryMsOf({ status, headers }: Response): number {
  if (!PASSING.includes(status)) return Infinity;
  return Number(headers.get('retry-after')) * 1_000 || 0;
}

function queryOf(seen: Version | null): string {
  if (!seen) return '';
  const { epoch, revocationId, accountVersion } = seen;
  return `?epoch=${epoch}&revocationId=${revocationId}&accountVersion=${accountVersion}`;
}

async function request(
  env: Pick<Environment, 'fetch'>,
  url: string,
  init: RequestInit,
  token: string,
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${token}`);
  return env.fetch(url, { cache: 'no-store', ...init, headers });
}
