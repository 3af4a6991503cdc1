// Who is signed in: one session for the user that the host's token names, and none for anybody else. It
// is told by the host, by other tabs and by the server, and tells the other tabs.

import { callHost } from './callback.js';
import { subjectOf } from './claims.js';
import type { Environment } from './environment.js';
import { createReporter } from './errors.js';
import { createIdentification } from './identification.js';
import type { Identification } from './identification.js';
import * as limits from './limits.js';
import type { TierClientOptions } from './options.js';
import type { Store } from './store.js';
import type { Tabs } from './tabs.js';
import { askHost } from './tokens.js';
import { createUserSession } from './user-session.js';
import type { Place, UserSession } from './user-session.js';

export interface IdentityOptions {
  options: TierClientOptions;
  store: Store;
  env: Environment;
  place: Place;
  tabs: Tabs;
  /** Whether the page is frozen, so that a session must not begin to work. */
  isSuspended: () => boolean;
  /** The token has been read: this user is signed in, or nobody is. */
  onIdentified: (session: UserSession | null) => void;
  /** It cannot be found out for the time being who is signed in. */
  onFailed: () => void;
}

export interface Identity {
  /** Null if nobody is signed in, undefined while that is not known. */
  readonly session: UserSession | null | undefined;
  identification: Identification;
  /** The user signs out in this tab. */
  signOut: () => void;
  /** Another tab signed this user out. */
  onSignedOut: (userId: string) => Promise<void>;
  close: () => void;
}

export function createIdentity(parts: IdentityOptions): Identity {
  const { options, store, env, tabs, onIdentified, onFailed } = parts;
  const report = createReporter(parts);
  const identification = createIdentification({ ...parts, report, onToken: accept });
  const allowed = createBrake(env);
  let session: UserSession | null | undefined;
  /** The token of a sign-in that the server has ended. */
  let revoked: string | null = null;

  const forgetToken = (): void => callHost(() => options.onSignOut?.());

  /** The host's token is this one. */
  function accept(read: string | null): void {
    identification.cancel();
    const token = read === revoked ? null : read;
    const userId = token && subjectOf(token);
    if (token !== null && userId === null) return fail();
    if (session !== undefined && userId === (session?.userId ?? null)) {
      if (store.getSnapshot().error) void session?.poll();
    } else {
      if (!allowed()) return restart(limits.USER_CHANGE_DELAY_MS);
      enter(userId);
      tabs.post(userId, { type: 'IDENTITY' });
    }
    onIdentified(session ?? null);
  }

  function enter(userId: string | null): void {
    session?.close();
    session = null;
    store.identify(userId);
    if (userId === null) return;
    session = createUserSession({
      ...parts,
      report,
      userId,
      onOtherUser: accept,
      onForeignFrame: identification.soon,
      onRevoked,
    });
    if (!parts.isSuspended()) session.resume();
  }

  /** The token names nobody, so whoever was shown is not known to be signed in any more. */
  function fail(): void {
    restart(limits.IDENTIFY_RETRY_DELAY_MS);
    report('token.unreadable');
    onFailed();
  }

  function restart(ms: number): void {
    session?.close();
    session = undefined;
    // An error that nothing has changed is not forgotten, or it would be reported again.
    if (store.getSnapshot().status !== 'error') store.identify(undefined);
    identification.later(ms);
  }

  /** Shows nobody, and forgets what was kept about the user. */
  function leave(): void {
    identification.cancel();
    session?.upgrade.forget();
    enter(null);
  }

  function onRevoked(token: string, code: string): void {
    revoked = token;
    const error = report(code);
    leave();
    store.patch({ error });
    forgetToken();
    tabs.post(null, { type: 'IDENTITY' });
  }

  return {
    get session() {
      return session;
    },
    identification,
    signOut: () => {
      if (session) tabs.post(session.userId, { type: 'SIGN_OUT' });
      leave();
      forgetToken();
    },
    onSignedOut: async (userId) => {
      leave();
      // By now the host may have a token of somebody else.
      const token = await askHost(env, options, 'identify').catch(() => null);
      if (session !== null) return;
      if (token !== null && subjectOf(token) !== userId) accept(token);
      else forgetToken();
    },
    close: () => {
      identification.cancel();
      session?.close();
    },
  };
}

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
