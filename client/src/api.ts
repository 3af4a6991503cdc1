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

export interface Api {
  /** Like `fetch` for paths of the server, with the token, which is renewed if it is refused. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** GET /session, with the greatest version seen if an answer was behind it. It never rejects. */
  profile: (seen: Version | null) => Promise<Profile>;
}

export interface ApiOptions {
  baseUrl: string;
  env: Pick<Environment, 'fetch' | 'setTimer' | 'controlled' | 'now'>;
  userId: string;
  tokens: Pick<Tokens, 'current' | 'renew'>;
}

/** Why the host is asked for another token, where that may end a refusal. */
function reasonOf(code: string): 'expired' | 'stale' | null {
  if (code === 'token.stale') return 'stale';
  return /^token\.(expired|invalid|missing)$/.test(code) ? 'expired' : null;
}

/** Refusals that say something about the user or the page, not about the server's health. */
const isRefusal = (code: string): boolean => /^(token\.|origin\.refused$)/.test(code);

export function createApi({ baseUrl, env, userId, tokens }: ApiOptions): Api {
  async function send(path: string, init: RequestInit = {}) {
    // A path, not `//other.example`: the token goes to the tierlift server only.
    if (!/^\/(?!\/)/.test(path)) throw new TypeError('not a path of the server');
    let token = await tokens.current();
    // A token may have expired, and the next one be stale.
    for (let renewals = 0; ; renewals += 1) {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token}`);
      const response = await env.fetch(baseUrl + path, { cache: 'no-store', ...init, headers });
      const refused = response.status === 401;
      const problem = refused ? bodyOf(env, response.clone()).catch(() => null) : null;
      const code = codeOf(await problem);
      const reason = reasonOf(code);
      const renewed = reason && renewals < 2 ? await tokens.renew(token, reason) : null;
      if (renewed === null || renewed === token) return { response, token };
      token = renewed;
    }
  }

  async function profile(seen: Version | null): Promise<Profile> {
    const failed = (code: TierErrorCode): Profile => ({ outcome: 'unreachable', code });
    try {
      // A service worker that answers from its cache first has nothing for an address that it never saw.
      // Others share the permission that the browser keeps for each address of another origin.
      const query = { ...seen, ...(env.controlled() && { at: env.now() }) };
      const search = new URLSearchParams(query as object as Record<string, string>).toString();
      const { response, token } = await send(`/session${search && `?${search}`}`);
      const { ok, status } = response;
      const body = await bodyOf(env, response);
      const code = codeOf(body);
      if (isRefusal(code)) return { outcome: 'refused', code, token };
      const user = ok ? parseUser(body) : null;
      if (user && reportedHolder(user) === userId) {
        return { outcome: 'ok', user, roles: parseRoles(body?.roles) };
      }
      if (user) return failed('user.mismatch');
      return failed(status >= 500 || status === 429 ? 'server.unreachable' : 'server.unexpected');
    } catch (error) {
      return failed(error instanceof TokenFailed ? 'token.failed' : 'server.unreachable');
    }
  }

  return {
    fetch: async (path, init) => (await send(path, init)).response,
    profile,
  };
}

/** The body as JSON, or null. */
export async function bodyOf(env: Pick<Environment, 'setTimer'>, response: Response) {
  return parseJson(await within(env, limits.REQUEST_MS_MAX, () => response.text()));
}

/** The problem's code, or an empty text. */
const codeOf = (problem: { code?: unknown } | null): string =>
  typeof problem?.code === 'string' ? problem.code : '';
