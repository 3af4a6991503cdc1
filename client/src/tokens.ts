// The current access token. A token belongs to the session's user, and what the host returns for anybody
// else ends the session. The code of its renewal, renewal.ts, is loaded when the server refuses one; where
// it does not come, the host alone renews it.
// It keeps a token no longer than the page lives and writes none to storage; the host may do so.

import { callHost } from './callback.js';
import { holderOf } from './claims.js';
import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { TokenHost, TokenReason } from './options.js';
import type { Update } from './store.js';
import { within } from './within.js';

/** The host's token is no longer that of the session's user. */
export const userChanged = (): Error => new Error('the signed-in user has changed');

/** The host did not provide its token. */
export class TokenFailed extends Error {}

/** Asks the host for its token. What it throws, rejects with or never answers is `TokenFailed`. */
export function askHost(
  env: Pick<Environment, 'setTimer'>,
  host: TokenHost,
  reason: TokenReason,
): Promise<string | null> {
  return within(env, limits.TOKEN_MS_MAX, () => host.getToken({ reason })).catch(
    (error: unknown) => {
      throw new TokenFailed(String(error));
    },
  );
}

export interface Tokens {
  /** Rejects with `userChanged` or `TokenFailed`. */
  current: () => Promise<string>;
  /** Returns a token in place of one that was refused, or null if there is none yet. */
  renew: (refused: string, reason: Refusal) => Promise<string | null>;
  /** The host's own answer, unless it is what was refused, or what that one had replaced. */
  fromHost: (refused: string, reason: Refusal) => Promise<string | null>;
  /** Uses what tierlift issued, here or in another tab. Null if it is not this session's. */
  adopt: (from: string, to: string) => string | null;
  /** Later answers of the host are no longer this session's. */
  close: () => void;
}

/** Why a token needs to be renewed. */
export type Refusal = 'expired' | 'stale';

/** What renewal.ts exports. */
export interface RenewalCode {
  renew: (options: RenewalOptions, refused: string, reason: Refusal) => Promise<string | null>;
  /** Whether the host may store `to` in place of `from`. */
  mayStore: (host: TokenHost, from: string, to: string) => boolean;
}

/** What a renewal needs of the tokens that it belongs to. */
export interface RenewalOptions
  extends TokensOptions, Pick<Tokens, 'current' | 'adopt' | 'fromHost'> {}

export interface TokensOptions {
  load: () => Promise<RenewalCode>;
  /** Name under which the tabs of one browser share things about this server. */
  name: string;
  env: Pick<Environment, 'locks' | 'setTimer' | 'fetch'>;
  baseUrl: string;
  /** The host's. */
  options: TokenHost;
  userId: string;
  /** Takes the state that comes with a new token. */
  publish: (update: Update) => void;
  /** The host's token is this one, of another user, of nobody, or unreadable. */
  onOtherUser: (token: string | null) => void;
  /** Hands a renewed token to the other tabs. */
  share: (from: string, to: string) => void;
}

export function createTokens(parts: TokensOptions): Tokens {
  const { load, env, options: host, userId, onOtherUser } = parts;
  /** The last replacement, for a host that does not know the new token. */
  let replaced: { from: string; to: string } | null = null;
  let renewal: Promise<string | null> | null = null;
  let closed = false;

  const isOurs = (token: string | null): token is string =>
    holderOf(token, host.accountClaims) === userId;

  async function ask(reason: TokenReason): Promise<string> {
    const token = await askHost(env, host, reason);
    if (!closed && isOurs(token)) return token;
    if (!closed) onOtherUser(token);
    throw userChanged();
  }

  async function current(): Promise<string> {
    const token = await ask('request');
    return token === replaced?.from ? replaced.to : token;
  }

  /** Uses `to` wherever the host returns what led to `refused`, which it returns. */
  function remember(refused: string, to: string): string {
    const from = replaced?.to === refused ? replaced.from : refused;
    replaced = from === to ? null : { from, to };
    return from;
  }

  function adopt(refused: string, to: string): string | null {
    if (closed || !isOurs(to)) return null;
    const from = remember(refused, to);
    if (host.onToken) offer(from, to);
    return to;
  }

  function offer(from: string, to: string): void {
    load().then(
      ({ mayStore }) => {
        if (!closed && mayStore(host, from, to)) callHost(() => host.onToken?.(to));
      },
      () => undefined,
    );
  }

  async function fromHost(refused: string, reason: Refusal): Promise<string | null> {
    const token = await ask(reason);
    if (token === refused) return null;
    if (reason === 'stale' && replaced?.to === refused && replaced.from === token) return null;
    remember(refused, token);
    return token;
  }

  function renew(refused: string, reason: Refusal): Promise<string | null> {
    renewal ??= load()
      .then(
        (code) => code.renew({ ...parts, current, adopt, fromHost }, refused, reason),
        () => fromHost(refused, reason),
      )
      .finally(() => {
        renewal = null;
      });
    return renewal;
  }

  return { current, renew, fromHost, adopt, close: () => void (closed = true) };
}
