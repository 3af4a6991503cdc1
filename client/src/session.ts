// HTTP with the server: the user's profile, a token's renewal, and the host's own guarded requests.
// It sends the token to the one server it was made for and nowhere else, and it retries nothing
// but a stale token, once.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { parseJson, parseUser } from './parse.js';
import type { Tokens } from './tokens.js';
import type { User } from './types.js';

export type Profile = { answer: 'ok'; user: User } | { answer: 'refused' | 'unreachable' };

export interface Session {
  /** Like `fetch` for paths of the server, with the token, which is renewed once if it is stale. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  profile: () => Promise<Profile>;
}

interface SessionOptions {
  baseUrl: string;
  env: Pick<Environment, 'fetch'>;
  tokens: Tokens;
}

export function createSession({ baseUrl, env, tokens }: SessionOptions): Session {
  async function authorized(path: string, init: RequestInit = {}): Promise<Response> {
    // A path, and not `//elsewhere`: the token goes to the tierlift server only.
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
        // Renewed and refused all the same: the role changed meanwhile, and that is no refusal.
        return { answer: token === (await tokens.current()) ? 'refused' : 'unreachable' };
      }
      const user = response.ok ? parseUser(parseJson(await response.text())) : null;
      return user ? { answer: 'ok', user } : { answer: 'unreachable' };
    } catch {
      return { answer: 'unreachable' };
    }
  }

  return { fetch: authorized, profile };
}

/** POST /session/refresh: null when the server refuses or has no key to sign with. */
export async function refreshToken(
  baseUrl: string,
  env: Pick<Environment, 'fetch'>,
  stale: string,
): Promise<{ accessToken: string; user: User | null } | null> {
  const response = await request(env, `${baseUrl}/session/refresh`, { method: 'POST' }, stale);
  if (response.status === 401 || response.status === 409) return null;
  const body = response.ok ? parseJson(await response.text()) : null;
  if (typeof body?.accessToken !== 'string') throw new Error('no refresh');
  return { accessToken: body.accessToken, user: parseUser(body.user) };
}

async function request(
  env: Pick<Environment, 'fetch'>,
  url: string,
  init: RequestInit,
  token: string | null,
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  const signal = AbortSignal.timeout(limits.REQUEST_MS_MAX);
  return env.fetch(url, { cache: 'no-store', signal, ...init, headers });
}

async function isStale(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  return parseJson(await response.clone().text())?.code === 'token_stale';
}
