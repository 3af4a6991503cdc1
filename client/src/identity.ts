// Who is signed in: one session for the user that the host's token names, and none for anybody else. The
// host, other tabs and the server report a change, and this tab reports it to the others.

import { callHost } from './callback.js';
import { holderOf } from './claims.js';
import type { Environment } from './environment.js';
import { createReporter } from './errors.js';
import { createIdentification } from './identification.js';
import type { Identification } from './identification.js';
import * as limits from './limits.js';
import type { TierClientOptions } from './options.js';
import type { Load } from './load.js';
import type { Place } from './place.js';
import type { Store } from './store.js';
import type { Tabs } from './tabs.js';
import { askHost } from './tokens.js';
import { createUserSession } from './user-session.js';
import type { Identified, UserSessionOptions } from './user-session.js';

export interface IdentityOptions {
  load: Load;
  options: TierClientOptions;
  store: Store;
  env: Environment;
  place: Place;
  tabs: Tabs;
  /** Whether the page is frozen, so that a session must not begin to work. */
  isSuspended: () => boolean;
  /** The token has been read, or could not be. */
  onIdentified: (session: Identified) => void;
}

export interface Identity {
  session: () => Identified;
  identification: Identification;
  /** The user signs out in this tab. */
  signOut: () => void;
  /** Another tab signed this user out. */
  onSignedOut: (userId: string) => Promise<void>;
  close: () => void;
}

export function createIdentity(parts: IdentityOptions): Identity {
  const { options, store, env, tabs, onIdentified } = parts;
  const report = createReporter(parts);
  const identification = createIdentification({ ...parts, report, onToken: accept, onFailed });
  const events = { onOtherUser: accept, onForeignFrame: identification.soon, onRevoked };
  const allowed = createBrake(env);
  const current = createCurrent(parts, { report, ...events });
  /** The token of a sign-in that the server has ended. */
  let revoked: string | null = null;

  /** Null: the token is nobody's; undefined: it does not say whose it is. */
  const userOf = (token: string | null): string | null | undefined =>
    token === null ? null : (holderOf(token, options.accountClaims) ?? undefined);
  const forgetToken = (): void => callHost(() => options.onSignOut?.());

  function onFailed(): void {
    onIdentified(undefined);
  }

  /** The host's token is this one. */
  function accept(read: string | null): void {
    identification.cancel();
    const userId = read === revoked ? null : userOf(read);
    if (userId === undefined) {
      // The token names nobody, so whoever was shown is not known to be signed in any more.
      lose(limits.IDENTIFY_RETRY_DELAY_MS);
      report('token.unreadable');
      return onFailed();
    }
    if (userId === current.userId) {
      if (store.getSnapshot().error) void current.session?.poll();
    } else {
      if (!allowed()) return lose(limits.USER_CHANGE_DELAY_MS);
      current.enter(userId);
      tabs.post(userId, { type: 'IDENTITY' });
    }
    onIdentified(current.session);
  }

  /** Whoever was shown is not known to be signed in any more. */
  function lose(ms: number): void {
    current.enter(undefined);
    identification.later(ms);
  }

  /** Shows nobody, and forgets what was kept about the user. */
  function leave(): void {
    identification.cancel();
    current.session?.upgrade.forget();
    current.enter(null);
  }

  function onRevoked(token: string, code: string): void {
    revoked = token;
    const error = report(code);
    leave();
    store.patch({ error });
    forgetToken();
    tabs.post(null, { type: 'IDENTITY' });
  }

  async function onSignedOut(userId: string): Promise<void> {
    leave();
    const token = await askHost(env, options, 'identify').catch(() => null);
    if (current.userId !== null) return;
    // By now the host may have a token of somebody else.
    if (token === null || userOf(token) === userId) forgetToken();
    else accept(token);
  }

  return {
    session: () => current.session,
    identification,
    signOut: () => {
      if (current.userId) tabs.post(current.userId, { type: 'SIGN_OUT' });
      leave();
      forgetToken();
    },
    onSignedOut,
    close: () => {
      identification.cancel();
      current.session?.close();
    },
  };
}

/** The one session of this tab. */
function createCurrent(parts: IdentityOptions, rest: Pick<UserSessionOptions, 'report' | Events>) {
  const { store } = parts;
  const current = {
    session: undefined as Identified,
    /** Null if nobody is signed in, undefined while that is not known. */
    userId: undefined as string | null | undefined,
    /** Ends the session, and begins that of this user. */
    enter(userId: string | null | undefined): void {
      current.session?.close();
      current.userId = userId;
      current.session = userId === undefined ? undefined : null;
      // An error that nothing has changed is not forgotten, or it would be reported again.
      const failing = userId === undefined && store.getSnapshot().status === 'error';
      if (!failing) store.identify(userId);
      if (!userId) return;
      current.session = createUserSession({ ...parts, ...rest, userId });
      if (!parts.isSuspended()) current.session.resume();
    },
  };
  return current;
}

type Events = 'onOtherUser' | 'onForeignFrame' | 'onRevoked';

/** Whether the user may change now. A host that changes its mind with each answer must not spin. */
function createBrake(env: Pick<Environment, 'elapsed'>): () => boolean {
  let since = -Infinity;
  let changes = 0;
  return () => {
    if (env.elapsed() - since > limits.USER_CHANGES_MS) {
      since = env.elapsed();
      changes = 0;
    }
    changes += 1;
    return changes <= limits.USER_CHANGES_MAX;
  };
}
