// The browser as the client needs it, behind one small record, so that a test can be several tabs
// at once. It is read when the client starts, never at import, so a server may load the package.

/** The part of a WebSocket that is used here. */
export type Socket = Pick<WebSocket, 'send' | 'close' | 'onopen' | 'onmessage' | 'onclose'>;

/** The part of a BroadcastChannel that is used here. */
export type Channel = Pick<BroadcastChannel, 'postMessage' | 'close' | 'onmessage'>;

export type Locks = Pick<LockManager, 'request'>;
/** localStorage that never throws: where it is absent, full or forbidden, nothing is kept. */
export interface KeyValue {
  read: (key: string) => string | null;
  /** Null removes. */
  write: (key: string, value: string | null) => void;
}

export type PageEvent =
  'online' | 'visibilitychange' | 'freeze' | 'resume' | 'pagehide' | 'pageshow' | 'storage';

export interface Environment {
  origin: string;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  socket: (url: string, protocols: string[]) => Socket;
  /** Null where the browser has no BroadcastChannel. */
  channel: ((name: string) => Channel) | null;
  /** Null where the browser has no Web Locks, or the page is not a secure context. */
  locks: Locks | null;
  storage: KeyValue;
  listen: (type: PageEvent, handler: (event: Event) => void) => () => void;
  visible: () => boolean;
}

export function browser(): Environment {
  return {
    origin: location.origin,
    fetch: (url, init) => fetch(url, init),
    socket: (url, protocols) => new WebSocket(url, protocols),
    channel: typeof BroadcastChannel === 'function' ? (name) => new BroadcastChannel(name) : null,
    locks: (navigator as Partial<Navigator>).locks ?? null,
    storage: { read, write },
    listen,
    visible: () => !document.hidden,
  };
}

// A page with blocked cookies throws at the mere mention of localStorage.
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
    // What could not be written is known to this page alone.
  }
}

/** Captured, so that the window also hears what happens to the document. */
function listen(type: PageEvent, handler: (event: Event) => void): () => void {
  addEventListener(type, handler, true);
  return () => removeEventListener(type, handler, true);
}
