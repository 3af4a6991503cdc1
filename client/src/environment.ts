// The platform APIs that the client uses, behind one record, so that a test can run several tabs at
// once. The record is built when the client starts, never on import, so a server can load the
// package. No other module of the core touches the platform.

import * as limits from './limits.js';

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
  origin: string;
  /** Current time, in ms since the Unix epoch. */
  now: () => number;
  /** A random number between 0 and 1, as `Math.random` returns it. */
  random: () => number;
  /** Calls `callback` once after `ms`. The returned function cancels it. */
  setTimer: (callback: () => void, ms: number) => () => void;
  /** Aborts after REQUEST_MS_MAX, unless `init` brings its own signal. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  socket: (url: string, protocols: string[]) => Socket;
  /** Null where the browser has no BroadcastChannel. */
  channel: ((name: string) => Channel) | null;
  /** Null where the browser has no Web Locks, or the page is not a secure context. */
  locks: Locks | null;
  storage: KeyValue;
  /** Subscribes to a page event. The returned function unsubscribes. */
  listen: (type: PageEvent, handler: (event: Event) => void) => () => void;
  visible: () => boolean;
}

export function browser(): Environment {
  return {
    origin: location.origin,
    now: () => Date.now(),
    random: Math.random,
    setTimer,
    fetch: (url, init) =>
      fetch(url, { signal: AbortSignal.timeout(limits.REQUEST_MS_MAX), ...init }),
    socket: (url, protocols) => new WebSocket(url, protocols),
    channel: typeof BroadcastChannel === 'function' ? (name) => new BroadcastChannel(name) : null,
    locks: (navigator as Partial<Navigator>).locks ?? null,
    storage: { read, write },
    listen,
    visible: () => !document.hidden,
  };
}

function setTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}

// A page with blocked cookies throws as soon as it reads the `localStorage` property.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Only this page knows a value that could not be written.
  }
}

/** Listens in the capture phase, so that the window also receives the document's events. */
function listen(type: PageEvent, handler: (event: Event) => void): () => void {
  addEventListener(type, handler, true);
  return () => removeEventListener(type, handler, true);
}
