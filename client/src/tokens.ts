// The current access token and its renewal: one refresh for all tabs, under a lock.
// It keeps a token no longer than the page lives and writes none to storage; the host may do so.

import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { TokenHost } from './options.js';

export interface Tokens {
  current: () => Promise<string | null>;
  /** Returns a token that is not `stale`, or null if there is none. */
  renew: (stale: string) => Promise<string | null>;
  /** Uses a token that this tab or another one has obtained. */
  adopt: (accessToken: string) => Promise<void>;
}

export interface TokensOptions {
  /** Name of the refresh lock. */
  name: string;
  env: Pick<Environment, 'locks' | 'setTimer'>;
  host: TokenHost;
  /** Resolves to null when the server refuses a new token, and rejects when it is unreachable. */
  refresh: (stale: string) => Promise<string | null>;
}

export function createTokens({ name, env, host, refresh }: TokensOptions): Tokens {
  /** The last replacement, for a host that does not store the new token. */
  let replaced: { from: string | null; to: string } | null = null;
  let renewal: Promise<string | null> | null = null;

  async function current(): Promise<string | null> {
    const token = await host.getToken({ reason: 'request' });
    return token === replaced?.from ? replaced.to : token;
  }

  async function adopt(accessToken: string): Promise<void> {
    replaced = { from: await host.getToken({ reason: 'request' }), to: accessToken };
    host.onToken?.(accessToken);
  }

  async function replace(stale: string): Promise<string | null> {
    const token = await current();
    // Another tab was faster, and its renewal serves this one too.
    if (token !== stale) return token;
    const accessToken = await refresh(stale);
    if (accessToken !== null) await adopt(accessToken);
    return accessToken;
  }

  function renew(stale: string): Promise<string | null> {
    renewal ??= underLock(env, name, () => replace(stale)).finally(() => {
      renewal = null;
    });
    return renewal;
  }

  return { current, renew, adopt };
}

/** Resolves as soon as the work is done, but holds the lock a little longer. */
function underLock<T>(env: TokensOptions['env'], name: string, work: () => Promise<T>) {
  const { locks } = env;
  if (!locks) return work();
  return new Promise<T>((resolve, reject) => {
    const held = locks.request(name, async () => {
      await work().then(resolve, reject);
      await new Promise<void>((release) => env.setTimer(release, limits.REFRESH_LOCK_HOLD_MS));
    });
    held.catch(reject);
  });
}
