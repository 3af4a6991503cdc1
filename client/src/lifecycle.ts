// A started client: finds out which user is signed in, keeps one session for that user alone, and
// reacts to the page's own life, such as freezing and waking up. It knows only the user's id; the
// user session does everything else.

import { callHost } from './callback.js';
import { subjectOf } from './claims.js';
import type { Environment } from './environment.js';
import { createReporter } from './errors.js';
import { createIdentification } from './identification.js';
import * as limits from './limits.js';
import type { TierClientOptions } from './options.js';
import type { Store } from './store.js';
import { createTabs } from './tabs.js';
import type { Envelope, TabMessage } from './tabs.js';
import { askHost } from './tokens.js';
import { createUserSession } from './user-session.js';
import type { Place, UserSession } from './user-session.js';

export interface LifecycleOptions {
  options: TierClientOptions;
  store: Store;
  env: Environment;
  /** The token has been read: this user is signed in, or nobody is. */
  onIdentified: (session: UserSession | null) => void;
  /** It cannot be found out for the time being who is signed in. */
  onFailed: () => void;
}

export interface Lifecycle {
  readonly session: UserSession | null;
  /** Reads the token again, after a user has signed in or changed. */
  identify: () => void;
  /** Signs out every tab, and makes the host forget the token. */
  signOut: () => void;
  close: () => void;
}

export function createLifecycle(parts: LifecycleOptions): Lifecycle {
  const { options, store, env, onIdentified, onFailed } = parts;
  const report = createReporter(parts);
  const place = placeOf(options, env);
  const tabs = createTabs({ name: place.name, env, onMessage });
  const identification = createIdentification({ ...parts, report, onToken: accept });
  const { start: identify } = identification;
  const allowed = createBrake(env);
  let session: UserSession | null = null;
  /** Undefined until it is known. */
  let userId: string | null | undefined;
  /** The token of a sign-in that the server has ended. */
  let revoked: string | null = null;
  let suspended = false;

  /** The host's token is this one. */
  function accept(token: string | null): void {
    identification.cancel();
    const next = token === null || token === revoked ? null : subjectOf(token);
    if (next === null && token !== null && token !== revoked) return fail();
    if (next === userId) {
      if (store.getSnapshot().error) void session?.poll();
      return onIdentified(session);
    }
    if (!allowed()) return restart(limits.USER_CHANGE_DELAY_MS);
    enter(next);
    tabs.post(next, { type: 'IDENTITY' });
    onIdentified(session);
  }

  function enter(next: string | null): void {
    closeSession();
    userId = next;
    store.identify(next);
    if (next === null) return;
    session = createUserSession({
      ...{ options, store, env, place, tabs, report },
      userId: next,
      onOtherUser: accept,
      onForeignFrame: () => identification.soon(),
      onRevoked,
    });
    if (!suspended) session.resume();
  }

  /** The token names nobody, so whoever was shown is not known to be signed in any more. */
  function fail(): void {
    restart(limits.IDENTIFY_RETRY_DELAY_MS);
    report('token.unreadable');
    onFailed();
  }

  function restart(ms: number): void {
    closeSession();
    userId = undefined;
    // An error that nothing has changed is not forgotten, or it would be reported again.
    if (store.getSnapshot().status !== 'error') store.identify(undefined);
    identification.later(ms);
  }

  function closeSession(): void {
    session?.close();
    session = null;
  }

  /** Shows nobody, and forgets what was kept about the user. */
  function leave(): void {
    identification.cancel();
    session?.upgrade.forget();
    enter(null);
  }

  const forgetToken = (): void => callHost(() => options.onSignOut?.());

  function onRevoked(token: string, code: string): void {
    revoked = token;
    report(code);
    const { error } = store.getSnapshot();
    leave();
    store.patch({ error });
    forgetToken();
    tabs.post(null, { type: 'IDENTITY' });
  }

  /** Another tab signed this user out. By now the host may have a token of somebody else. */
  async function onSignedOut(name: string): Promise<void> {
    leave();
    const token = await askHost(env, options, 'identify').catch(() => null);
    if (userId !== null) return;
    if (token !== null && subjectOf(token) !== name) accept(token);
    else forgetToken();
  }

  function onMessage(message: TabMessage & Envelope): void {
    if (message.type === 'IDENTITY') {
      if (message.userId !== userId) identification.soon();
    } else if (session && message.userId === session.userId) {
      if (message.type === 'SIGN_OUT') void onSignedOut(session.userId);
      else session.receive(message);
    }
  }

  function onStorage({ key, oldValue, newValue }: StorageEvent): void {
    session?.upgrade.follow();
    // The host may keep its token there: somebody has signed in or out in another tab.
    if (key === null || /\beyJ/.test(`${oldValue} ${newValue}`)) identification.soon();
  }

  function wake(): void {
    if (!env.visible()) return;
    session?.wake();
    identify('identify');
  }

  function suspend(): void {
    suspended = true;
    session?.suspend();
  }

  function resume(): void {
    if (!suspended) return;
    suspended = false;
    session?.resume();
    identify('identify');
  }

  const unlisten = [
    env.listen('online', wake),
    env.listen('visibilitychange', wake),
    env.listen('freeze', suspend),
    env.listen('pagehide', suspend),
    env.listen('resume', resume),
    env.listen('pageshow', resume),
    env.listen('storage', (event) => onStorage(event as StorageEvent)),
  ];
  identify('load');

  return {
    get session() {
      return session;
    },
    identify: () => identify('identify'),
    signOut: () => {
      if (session) tabs.post(session.userId, { type: 'SIGN_OUT' });
      leave();
      forgetToken();
    },
    close: () => {
      identification.cancel();
      for (const off of unlisten) off();
      closeSession();
      tabs.close();
    },
  };
}

function placeOf(options: TierClientOptions, env: Pick<Environment, 'origin'>): Place {
  const baseUrl = new URL(options.baseUrl ?? '', env.origin).href.replace(/\/$/, '');
  const socketUrl = options.socketUrl ?? `${baseUrl.replace(/^http/, 'ws')}/ws`;
  return { baseUrl, socketUrl, name: `tierlift:${baseUrl}` };
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
