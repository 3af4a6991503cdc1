// HTTP with the tierlift server: the user's profile, a token's renewal, and the host's own guarded
// requests. It sends the token to no other server, and retries nothing but a stale token, once.

import type { Environment } from './environment.js';
import { parseJson, parseUser } from './parse.js';
import type { Tokens } from './tokens.js';
import type { User } from './types.js';

/** `refused`: the token is not accepted. `unreachable`: no usable response, for whatever reason. */
export type Profile = { outcome: 'ok'; user: User } | { outcome: 'refused' | 'unreachable' };

export interface Renewal {
  accessToken: string;
  user: User | null;
}

export interface Api {
  /** Like `fetch` for paths of the server, with the token, which is renewed once if it is stale. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  /** GET /session. It never rejects. */
  profile: () => Promise<Profile>;
  /** POST /session/refresh. Null when the server refuses, or has no key to sign a token with. */
  refresh: (stale: string) => Promise<Renewal | null>;
}

export interface ApiOptions {
  baseUrl: string;
  env: Pick<Environment, 'fetch'>;
  tokens: Pick<Tokens, 'current' | 'renew'>;
}

export function createApi({ baseUrl, env, tokens }: ApiOptions): Api {
  async function authorized(path: string, init: RequestInit = {}): Promise<Response> {
    // A path, not `//other.example`: the token goes to the tierlift server only.
    if (!/^\/(?!\/)/.test(path)) throw new TypeError('not a path of the server');
    const url = baseUrl + path;
    const token = await tokens.current();
    const response = await request(env, url, init, token);
    if (token === null || !(await isStale(response))) return response;
    const renewed = await tokens.renew(token);
    return renewed === null ? response : request(env, url, init, renewed);
  }

  async function profile(): Promise<Profile> {
    try {
      const token = await tokens.current();
      const response = await authorized('/session');
      if (response.status === 401) {
        // A renewed token that is rejected became stale again meanwhile, which is not a refusal.
        return { outcome: token === (await tokens.current()) ? 'refused' : 'unreachable' };
      }
      const user = response.ok ? parseUser(parseJson(await response.text())) : null;
      return user ? { outcome: 'ok', user } : { outcome: 'unreachable' };
    } catch {
      return { outcome: 'unreachable' };
    }
  }

  async function refresh(stale: string): Promise<Renewal | null> {
    const response = await request(env, `${baseUrl}/session/refresh`, { method: 'POST' }, stale);
    if (response.status === 401 || response.status === 409) return null;
    const body = response.ok ? parseJson(await response.text()) : null;
    if (typeof body?.accessToken !== 'string') throw new Error('token refresh failed');
    return { accessToken: body.accessToken, user: parseUser(body.user) };
  }

  return { fetch: authorized, profile, refresh };
}

async function request(
  env: Pick<Environment, 'fetch'>,
  url: string,
  init: RequestInit,
  token: string | null,
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  return env.fetch(url, { cache: 'no-store', ...init, headers });
}

async function isStale(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  return parseJson(await response.clone().text())?.code === 'token.stale';
}
