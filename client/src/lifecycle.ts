// A started client: it reacts to the page's own life, such as freezing and waking up, and to what other
// tabs tell. Who is signed in, and everything about that user, it leaves to others.

import type { Environment, PageEvent } from './environment.js';
import { createIdentity } from './identity.js';
import type { TierClientOptions } from './options.js';
import type { Load } from './load.js';
import type { Place } from './place.js';
import type { Store } from './store.js';
import { createTabs } from './tabs.js';
import type { Envelope, TabMessage } from './tabs.js';
import type { Identified } from './user-session.js';

export interface LifecycleOptions {
  load: Load;
  options: TierClientOptions;
  store: Store;
  env: Environment;
  place: Place;
  /** The token has been read, or could not be. */
  onIdentified: (session: Identified) => void;
}

export interface Lifecycle {
  session: () => Identified;
  /** Reads the token again, after a user has signed in or changed. */
  identify: () => void;
  /** Signs out every tab, and makes the host forget the token. */
  signOut: () => void;
  close: () => void;
}

export function createLifecycle(parts: LifecycleOptions): Lifecycle {
  const { env, place } = parts;
  let suspended = false;
  const tabs = createTabs({ name: place.name, env, onMessage });
  const identity = createIdentity({ ...parts, tabs, isSuspended: () => suspended });
  const { start: identify, soon } = identity.identification;

  function onMessage(message: TabMessage & Envelope): void {
    const session = identity.session();
    const isOurs = message.userId === (session?.userId ?? session);
    if (message.type === 'IDENTITY') {
      if (!isOurs) soon();
    } else if (session && isOurs) {
      if (message.type === 'SIGN_OUT') void identity.onSignedOut(session.userId);
      else session.receive(message);
    }
  }

  function onStorage({ key, oldValue, newValue }: StorageEvent): void {
    identity.session()?.upgrade.follow();
    // The host may keep its token there: somebody has signed in or out in another tab.
    if (key === null || /\beyJ/.test(`${oldValue} ${newValue}`)) soon();
  }

  function wake(): void {
    if (!env.visible()) return;
    identity.session()?.wake();
    identify('identify');
  }

  function suspend(): void {
    suspended = true;
    identity.session()?.suspend();
  }

  function resume(): void {
    if (!suspended) return;
    suspended = false;
    identity.session()?.resume();
    identify('identify');
  }

  const handlers = {
    online: wake,
    visibilitychange: wake,
    freeze: suspend,
    pagehide: suspend,
    resume,
    pageshow: resume,
    storage: onStorage as (event: Event) => void,
  };
  const unlisten = Object.entries(handlers).map(([type, handler]) =>
    env.listen(type as PageEvent, handler),
  );
  identify('load');

  return {
    session: identity.session,
    identify: () => identify('identify'),
    signOut: identity.signOut,
    close: () => {
      for (const off of unlisten) off();
      identity.close();
      tabs.close();
    },
  };
}
