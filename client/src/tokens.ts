// The current access token and its renewal: one for all tabs, under a lock. A token belongs to the
// session's user, and what the host returns for anybody else ends the session.
// It keeps a token no longer than the page lives and writes none to storage; the host may do so.

import { callHost } from './callback.js';
import { holderOf } from './claims.js';
import type { Environment } from './environment.js';
import * as limits from './limits.js';
import type { TokenHost, TokenReason } from './options.js';
import { underLock } from './under-lock.js';
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
  renew: (refused: string, reason: 'expired' | 'stale') => Promise<string | null>;
  /** Uses what another tab obtained. */
  adopt: (from: string, to: string) => void;
  /** Later answers of the host are no longer this session's. */
  close: () => void;
}

export interface TokensOptions {
  /** Name of the renewal's lock. */
  name: string;
  env: Pick<Environment, 'locks' | 'setTimer'>;
  host: TokenHost;
  userId: string;
  /** POST /session/refresh. Null when there is no exchange, and rejects when the server is unreachable. */
  exchange: (stale: string) => Promise<string | null>;
  /** Whether the host may store `to` in place of `from`. It never rejects. */
  mayStore: (from: string, to: string) => Promise<boolean>;
  /** The host's token is this one, of another user, of nobody, or unreadable. */
  onOtherUser: (token: string | null) => void;
  /** Hands a renewed token to the other tabs. */
  share: (from: string, to: string) => void;
}

export function createTokens(options: TokensOptions): Tokens {
  const { name, env, host, userId, exchange, mayStore, onOtherUser, share } = options;
  /** The last replacement, for a host that does not know the new token. */
  let replaced: { from: string; to: string } | null = null;
  let renewal: Promise<string | null> | null = null;
  let closed = false;

  async function ask(reason: TokenReason): Promise<string> {
    const token = await askHost(env, host, reason);
    if (closed) throw userChanged();
    if (token !== null && holderOf(token, host.accountClaims) === userId) return token;
    onOtherUser(token);
    throw userChanged();
  }

  async function current(): Promise<string> {
    const token = await ask('request');
    return token === replaced?.from ? replaced.to : token;
  }

  /** Uses `to` wherever the host returns what led to `refused`. */
  function remember(refused: string, to: string): string {
    const from = replaced?.to === refused ? replaced.from : refused;
    replaced = from === to ? null : { from, to };
    return from;
  }

  function adopt(refused: string, to: string): void {
    if (closed || holderOf(to, host.accountClaims) !== userId) return;
    const from = remember(refused, to);
    if (host.onToken) void offer(from, to);
  }

  async function offer(from: string, to: string): Promise<void> {
    if ((await mayStore(from, to)) && !closed) callHost(() => host.onToken?.(to));
  }

  /** The host's own answer, unless it is what was refused, or what that one had replaced. */
  async function fromHost(refused: string, reason: TokenReason): Promise<string | null> {
    const token = await ask(reason);
    if (token === refused) return null;
    if (reason === 'stale' && replaced?.to === refused && replaced.from === token) return null;
    remember(refused, token);
    return token;
  }

  async function fromServer(refused: string): Promise<string | null> {
    const token = await exchange(refused);
    if (closed) throw userChanged();
    if (token !== null) adopt(refused, token);
    return token;
  }

  async function replace(refused: string, reason: 'expired' | 'stale'): Promise<string | null> {
    const token = await current();
    // Another tab was faster, and its renewal serves this one too.
    if (token !== refused) return token;
    // The server exchanges no token that has expired.
    const fromTierlift = async () => (reason === 'stale' ? fromServer(refused) : null);
    const renewed =
      host.refresh === 'tierlift'
        ? ((await fromTierlift()) ?? (await fromHost(refused, reason)))
        : ((await fromHost(refused, reason)) ?? (await fromTierlift()));
    if (renewed !== null) share(refused, renewed);
    return renewed;
  }

  function renew(refused: string, reason: 'expired' | 'stale'): Promise<string | null> {
    renewal ??= underLock(env, name, () => replace(refused, reason)).finally(() => {
      renewal = null;
    });
    return renewal;
  }

  return { current, renew, adopt, close: () => void (closed = true) };
}
