// The service routes of a tierlift server. Nothing is kept and nothing is tried again: every answer is what holds
// now, and the host decides what to do without one.

import { TierliftError } from './error.js';
import type { components, operations } from './openapi.js';

type Schemas = components['schemas'];
export type Session = Schemas['Session'];
export type User = Schemas['User'];
export type SignIn = Schemas['SignIn'];
export type Issued = Schemas['Refreshed'];
export type Grant = Schemas['Grant'];
export type GrantRequest = Schemas['GrantRequest'];
export type Withdrawal = Schemas['Withdrawal'];
export type Change = Schemas['Change'];
export type Changes = Schemas['Changes'];

type UserQuery = NonNullable<operations['getUser']['parameters']['query']>;

export interface Options {
  /** Address of the server; `TIERLIFT_URL` by default. */
  url?: string | undefined;
  /** One of its service tokens; `TIERLIFT_SERVICE_TOKEN` by default. It belongs into no browser. */
  serviceToken?: string | undefined;
  /** How long an answer may take, 5,000 by default. */
  timeoutMs?: number;
}

const USERS_PER_BATCH_MAX = 100;
const CHANGES_WAIT_SECS_MAX = 25;

export class Tierlift {
  readonly #url: string;
  readonly #authorization: string;
  readonly #timeoutMs: number;

  constructor(options: Options = {}) {
    const { url = process.env.TIERLIFT_URL, timeoutMs = 5_000 } = options;
    const { serviceToken = process.env.TIERLIFT_SERVICE_TOKEN } = options;
    if (!url) throw new TypeError('no address of tierlift: pass url, or set TIERLIFT_URL');
    if (!serviceToken)
      throw new TypeError('no service token: pass serviceToken, or set TIERLIFT_SERVICE_TOKEN');
    this.#url = url.replace(/\/+$/, '');
    this.#authorization = `Bearer ${serviceToken}`;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The session of a user, by the host's own id, as it is now. With `authTime`, Unix seconds at which they signed in at
   * the host, only while that sign-in counts: the error has the status 401 after it. `account` are accounts beside
   * their own, such as their organisation's.
   */
  user(id: string, { authTime, account = [] }: UserQuery = {}): Promise<User> {
    const query = new URLSearchParams(account.map((of): [string, string] => ['account', of]));
    if (authTime !== undefined) query.set('authTime', String(authTime));
    const asked = query.size > 0 ? `?${query.toString()}` : '';
    return this.#ask('GET', `/v1/users/${encodeURIComponent(id)}${asked}`);
  }

  /** The sessions of users, in the same order, by as many requests as that takes. */
  async users(ids: readonly string[]): Promise<User[]> {
    const sessions: User[] = [];
    for (let start = 0; start < ids.length; start += USERS_PER_BATCH_MAX) {
      const userIds = ids.slice(start, start + USERS_PER_BATCH_MAX);
      const { users } = await this.#ask<Schemas['Users']>('POST', '/v1/users:batch', { userIds });
      sessions.push(...users);
    }
    return sessions;
  }

  /** A token for the browser of a user whom the host has signed in. `authTime` is when they did. */
  issueToken(signIn: SignIn): Promise<Issued> {
    return this.#ask('POST', '/v1/tokens', signIn);
  }

  /** Gives a user a role that they earned elsewhere, once for each `grantId`. */
  grant(request: GrantRequest): Promise<Grant> {
    return this.#ask('POST', '/v1/grants', request);
  }

  /** Takes back what this service granted. */
  withdrawGrant(withdrawal: Withdrawal): Promise<Grant> {
    return this.#ask('POST', '/v1/grants:withdraw', withdrawal);
  }

  /** The changes behind a cursor; `latest` is the end of the log. Waits `wait` seconds for one, at most 25. */
  changes(after = 'latest', wait = 0, signal?: AbortSignal): Promise<Changes> {
    const query = new URLSearchParams({ after, wait: String(wait) });
    return this.#ask('GET', `/v1/changes?${query.toString()}`, undefined, { wait, signal });
  }

  /**
   * Follows the changes behind a cursor until the signal is aborted. Work on what it yields, then keep its cursor.
   * Whatever goes wrong ends it; `cursor.expired` says that the host must ask for all its users again.
   */
  async *follow(cursor: string, signal?: AbortSignal): AsyncGenerator<Changes, void, undefined> {
    for (let after = cursor; ;) {
      if (signal?.aborted) return;
      const answer = await this.changes(after, CHANGES_WAIT_SECS_MAX, signal);
      if (answer.changes.length > 0) yield answer;
      after = answer.cursor;
    }
  }

  async #ask<T>(
    method: string,
    path: string,
    body?: unknown,
    { wait = 0, signal }: { wait?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<T> {
    const timeout = AbortSignal.timeout(this.#timeoutMs + wait * 1_000);
    const init: RequestInit = {
      method,
      headers: { authorization: this.#authorization, 'content-type': 'application/json' },
      redirect: 'error',
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
    };
    if (body !== undefined) init.body = JSON.stringify(body);
    try {
      const response = await fetch(this.#url + path, init);
      if (!response.ok) throw await TierliftError.of(path, response);
      return (await response.json()) as T;
    } catch (error) {
      if (error instanceof TierliftError) throw error;
      throw new TierliftError(`${path}: no answer of tierlift`, undefined, undefined, error);
    }
  }
}
