// The token in use, and its renewal: one refresh for all tabs, under a lock.
// It keeps no token beyond the page's life and writes none to storage; the host does, if it wants.

import type { Environment } from './environment.js';
import * as limits from './limits.js';

export type GetToken = () => string | null | Promise<string | null>;

export interface TokenHost {
  /** Your access token, or null when nobody is signed in. Asked before each dial and request. */
  getToken: GetToken;
  /** Keep this token from now on: the one `getToken` gave was stale and has been renewed. */
  onToken?: (accessToken: string) => void;
}

export interface Tokens {
  current: () => Promise<string | null>;
  /** A token that is not `stale`, or null when there is none to be had. */
  renew: (stale: string) => Promise<string | null>;
  /** Takes over a token that this or another tab was given. */
  adopt: (accessToken: string) => Promise<void>;
}

/**
 * `refresh` asks the server for a new token: null when it may not have one, and it rejects when the
 * server can't be reached.
 */
export function createTokens(
  name: string,
  env: Pick<Environment, 'locks'>,
  host: TokenHost,
  refresh: (stale: string) => Promise<string | null>,
): Tokens {
  /** Which of the host's tokens has been replaced, for a host that does not keep the new one. */
  let replaced: { from: string | null; to: string } | null = null;
  let renewal: Promise<string | null> | null = null;

  async function current(): Promise<string | null> {
    const token = await host.getToken();
    return token === replaced?.from ? replaced.to : token;
  }

  async function adopt(accessToken: string): Promise<void> {
    replaced = { from: await host.getToken(), to: accessToken };
    host.onToken?.(accessToken);
  }

  async function replace(stale: string): Promise<string | null> {
    const now = await current();
    // Another tab was faster: its renewal serves this one too.
    if (now !== stale) return now;
    const accessToken = await refresh(stale);
    if (accessToken !== null) await adopt(accessToken);
    return accessToken;
  }

  function renew(stale: string): Promise<string | null> {
    renewal ??= underLock(env.locks, name, () => replace(stale)).finally(() => {
      renewal = null;
    });
    return renewal;
  }

  return { current, renew, adopt };
}

/** Answers as soon as the work is done, but lets go of the lock a moment later. */
function underLock<T>(locks: Environment['locks'], name: string, work: () => Promise<T>) {
  if (!locks) return work();
  return new Promise<T>((resolve, reject) => {
    const held = locks.request(name, async () => {
      await work().then(resolve, reject);
      await new Promise((done) => setTimeout(done, limits.REFRESH_LOCK_LINGER_MS));
    });
    held.catch(reject);
  });
}
