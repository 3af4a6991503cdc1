// A model of one browser: tabs whose locks, channels and storage behave as the platform's do.
// Nothing is instant: each delivery takes the server's `delay()` ms. It asserts nothing itself.

import { createTierClient } from '../src/index.js';
import type { TierClient, TierClientOptions } from '../src/index.js';
import type { Channel, Environment, Locks, PageEvent } from '../src/environment.js';
import { FakeSocket, tokenFor } from './fake-server.js';
import type { FakeServer } from './fake-server.js';

interface LockRequest {
  grant: () => void;
  revoke: () => void;
}

/** The platform's lock queue: first come, first served, with abort and steal. */
class FakeLocks {
  private readonly held = new Map<string, LockRequest>();
  private readonly queues = new Map<string, LockRequest[]>();

  request(name: string, how: unknown, work?: unknown): Promise<unknown> {
    const options = (typeof how === 'function' ? {} : how) as LockOptions;
    const callback = (work ?? how) as () => Promise<unknown>;
    return new Promise((resolve, reject) => {
      const request: LockRequest = {
        grant: () => {
          this.held.set(name, request);
          void Promise.resolve(callback())
            .then(resolve, reject)
            .finally(() => this.release(name, request));
        },
        revoke: () => reject(new DOMException('stolen', 'AbortError')),
      };
      const queue = this.queueOf(name);
      if (options.steal) this.steal(name, request);
      else if (this.held.has(name)) queue.push(request);
      else queueMicrotask(() => (this.held.has(name) ? queue.push(request) : request.grant()));
      options.signal?.addEventListener('abort', () => {
        const index = queue.indexOf(request);
        if (index < 0) return;
        queue.splice(index, 1);
        reject(new DOMException('aborted', 'AbortError'));
      });
    });
  }

  private queueOf(name: string): LockRequest[] {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return queue;
  }

  private steal(name: string, request: LockRequest): void {
    const holder = this.held.get(name);
    request.grant();
    holder?.revoke();
  }

  private release(name: string, request: LockRequest): void {
    if (this.held.get(name) !== request) return;
    this.held.delete(name);
    this.queueOf(name).shift()?.grant();
  }
}

/** The platform features that a browser does not have. */
export interface Missing {
  locks?: boolean;
  channel?: boolean;
  storage?: boolean;
}

export class FakeBrowser {
  readonly storage = new Map<string, string>();
  readonly tabs: FakeTab[] = [];
  readonly channels = new Set<FakeChannel>();
  readonly server: FakeServer;
  readonly missing: Missing;
  readonly locks = new FakeLocks() as unknown as Locks;
  private drawn = 0;

  constructor(server: FakeServer, missing: Missing = {}) {
    this.server = server;
    this.missing = missing;
  }

  openTab(userId = 'u1', options: Partial<TierClientOptions> = {}): FakeTab {
    const tab = new FakeTab(this, userId, options);
    this.tabs.push(tab);
    return tab;
  }

  /** The middle of the range, and never the same number twice. */
  random(): number {
    return 0.5 + ++this.drawn * 1e-6;
  }
}

class FakeChannel {
  onmessage: Channel['onmessage'] = null;
  readonly name: string;
  private readonly browser: FakeBrowser;

  constructor(browser: FakeBrowser, name: string) {
    this.browser = browser;
    this.name = name;
    browser.channels.add(this);
  }

  postMessage(message: unknown): void {
    for (const other of this.browser.channels) {
      if (other === this || other.name !== this.name) continue;
      const data: unknown = structuredClone(message);
      setTimeout(() => {
        if (this.browser.channels.has(other)) {
          other.onmessage?.call(other as never, { data } as MessageEvent);
        }
      }, this.browser.server.delay());
    }
  }

  close(): void {
    this.browser.channels.delete(this);
  }
}

export class FakeTab {
  readonly client: TierClient;
  readonly dialed: FakeSocket[] = [];
  /** The revocation ids that the page has shown, in order. */
  readonly shown: number[] = [];
  /** The account versions that the page has shown, in order. */
  readonly versions: number[] = [];
  token: string | null;
  visible = true;
  readonly env: Environment;
  stop: () => void;
  private readonly handlers = new Map<PageEvent, Set<(event: Event) => void>>();

  constructor(browser: FakeBrowser, userId: string, options: Partial<TierClientOptions>) {
    this.token = tokenFor(userId, browser.server.account(userId).revocationId);
    this.env = this.environment(browser);
    const defaults: TierClientOptions = {
      baseUrl: 'https://tier.test',
      getToken: () => this.token,
      onSignOut: () => (this.token = null),
    };
    this.client = createTierClient({ ...defaults, ...options }, this.env);
    this.client.subscribe(() => this.record());
    this.stop = this.client.start();
  }

  get socket(): FakeSocket | undefined {
    return this.dialed.at(-1);
  }

  get snapshot() {
    return this.client.getSnapshot();
  }

  fire(type: PageEvent, event: object = {}): void {
    for (const handler of this.handlers.get(type) ?? []) handler(event as Event);
  }

  private record(): void {
    const { user } = this.client.getSnapshot();
    if (!user) return;
    if (user.revocationId !== this.shown.at(-1)) this.shown.push(user.revocationId);
    if (user.accountVersion !== this.versions.at(-1)) this.versions.push(user.accountVersion);
  }

  private environment(browser: FakeBrowser): Environment {
    const { server, missing } = browser;
    return {
      origin: 'https://app.test',
      now: () => Date.now(),
      random: () => browser.random(),
      setTimer: (callback, ms) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
      fetch: (url, init) => server.fetch(url, init),
      socket: (url, protocols) => {
        const socket = new FakeSocket(server, url, protocols);
        this.dialed.push(socket);
        return socket;
      },
      channel: missing.channel ? null : (name) => new FakeChannel(browser, name),
      locks: missing.locks ? null : browser.locks,
      storage: missing.storage
        ? { read: () => null, write: () => undefined }
        : this.storage(browser),
      listen: (type, handler) => {
        const handlers = this.handlers.get(type) ?? new Set();
        this.handlers.set(type, handlers.add(handler));
        return () => handlers.delete(handler);
      },
      visible: () => this.visible,
    };
  }

  private storage(browser: FakeBrowser): Environment['storage'] {
    return {
      read: (key) => browser.storage.get(key) ?? null,
      write: (key, newValue) => {
        if ((browser.storage.get(key) ?? null) === newValue) return;
        if (newValue === null) browser.storage.delete(key);
        else browser.storage.set(key, newValue);
        for (const other of browser.tabs) {
          if (other === this) continue;
          setTimeout(() => other.fire('storage', { key, newValue }), browser.server.delay());
        }
      },
    };
  }
}
