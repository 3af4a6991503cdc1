// The platform APIs that the client uses, behind one record, so that a test can run several tabs at
// once. The record is built when the client starts, never on import, so a server can load the
// package. No other module of the core touches the platform.
//
// A page may be denied any of them, and then they are absent, throw, reject or never answer. Here they
// become null or a rejection; what the client does then is a row of the table in SPEC.md.

import { attempt } from './attempt.js';
import * as limits from './limits.js';
import { within } from './within.js';

/** The part of a WebSocket that the client uses. */
export type Socket = Pick<WebSocket, 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose'>;

/** The part of a BroadcastChannel that the client uses. */
export type Channel = Pick<BroadcastChannel, 'postMessage' | 'close' | 'onmessage'>;

/** The part of the Web Locks API that the client uses. */
export type Locks = Pick<LockManager, 'request'>;

/** A localStorage that never throws. Where it is absent, full or blocked, nothing is kept. */
export interface KeyValue {
  read: (key: string) => string | null;
  /** Null removes the key. */
  write: (key: string, value: string | null) => void;
}

export type PageEvent =
  'online' | 'visibilitychange' | 'freeze' | 'resume' | 'pagehide' | 'pageshow' | 'storage';

export interface Environment {
  /** The page's own server, as a URL. */
  origin: string;
  /** Current time, in ms since the Unix epoch. Somebody may set this clock. */
  now: () => number;
  /** The ms that have passed since some moment, by a clock that nobody sets where there is one. */
  elapsed: () => number;
  /** A random number between 0 and 1, as `Math.random` returns it. */
  random: () => number;
  /** Calls `callback` once after `ms`. The returned function cancels it. */
  setTimer: (callback: () => void, ms: number) => () => void;
  /** Rejects if no head of a response arrives within REQUEST_MS_MAX. `init.signal` replaces this limit. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Throws where sockets are denied. */
  socket: (url: string, protocols: string[]) => Socket;
  /** Null where a BroadcastChannel is denied. */
  channel: (name: string) => Channel | null;
  /** Null where the browser has no Web Locks, or the page is not a secure context. */
  locks: Locks | null;
  /** Null where the browser has no AbortController. */
  abortable: () => AbortController | null;
  storage: KeyValue;
  /** Subscribes to a page event. The returned function unsubscribes. */
  listen: (type: PageEvent, handler: (event: Event) => void) => () => void;
  visible: () => boolean;
  /** Whether a service worker stands between the page and the network. */
  controlled: () => boolean;
  /** Loads code that not every page needs. It rejects where a policy forbids it, or the file is gone. */
  load: <Code>(code: () => Promise<Code>) => Promise<Code>;
  /** Writes a line to the developer's console. */
  warn: (line: string) => void;
}

/** The part of a window that the client uses. */
export type Platform = Pick<
  typeof globalThis,
  | 'document'
  | 'performance'
  | 'setTimeout'
  | 'clearTimeout'
  | 'fetch'
  | 'WebSocket'
  | 'BroadcastChannel'
  | 'AbortController'
  | 'navigator'
  | 'localStorage'
  | 'addEventListener'
  | 'removeEventListener'
>;

export function browser(platform: Platform = globalThis): Environment {
  const now = (): number => Date.now();
  const abortable = (): AbortController | null =>
    attempt<AbortController | null>(() => new platform.AbortController(), null);
  const setTimer: Environment['setTimer'] = (callback, ms) => {
    const timer = attempt(() => platform.setTimeout(callback, ms));
    return () => attempt(() => platform.clearTimeout(timer));
  };
  return {
    origin: attempt(() => new URL('/', platform.document.baseURI).href, ''),
    now,
    elapsed: () => attempt(() => platform.performance.now(), now()),
    random: Math.random,
    setTimer,
    fetch: (url, init) => {
      if (init.signal) return platform.fetch(url, init);
      const abort = abortable();
      const signed = { ...init, signal: abort?.signal ?? null };
      const head = within({ setTimer }, limits.REQUEST_MS_MAX, () => platform.fetch(url, signed));
      head.catch(() => abort?.abort());
      return head;
    },
    socket: (url, protocols) => new platform.WebSocket(url, protocols),
    channel: (name) => attempt<Channel | null>(() => new platform.BroadcastChannel(name), null),
    locks: attempt(() => (platform.navigator as Partial<Navigator>).locks ?? null, null),
    abortable,
    storage: {
      // A page with blocked cookies throws as soon as it reads the `localStorage` property.
      read: (key) => attempt(() => platform.localStorage.getItem(key), null),
      write: (key, value) => {
        attempt(() => {
          if (value === null) platform.localStorage.removeItem(key);
          else platform.localStorage.setItem(key, value);
        });
      },
    },
    listen: (type, handler) => {
      // In the capture phase, the window also receives the document's events.
      attempt(() => platform.addEventListener(type, handler, true));
      return () => attempt(() => platform.removeEventListener(type, handler, true));
    },
    visible: () => attempt(() => !platform.document.hidden, true),
    controlled: () => attempt(() => !!platform.navigator.serviceWorker.controller, false),
    load: (code) => code(),
    warn: (line) => console.warn(line),
  };
}

/** A time of the server, in ms since the Unix epoch. NaN for anything else. */
export function timeOf(text: string | null): number {
  return Date.parse(text ?? '');
}
