// A model of one browser: tabs whose locks, channels, storage, sockets and clocks behave as the
// platform's do, or are denied to the page in one of the ways that browsers have. Nothing is instant:
// each delivery takes the server's `delay()` ms. It asserts nothing itself.

import { createTierClient } from '../src/index.js';
import type { TierClient, TierClientOptions } from '../src/index.js';
import { browser as environmentOf } from '../src/environment.js';
import type { Channel, Environment, PageEvent, Platform } from '../src/environment.js';
import * as onDemand from '../src/on-demand.js';
import * as socket from '../src/socket.js';
import { FakeLocks } from './fake-locks.js';
import { FakeSocket, tokenFor } from './fake-server.js';
import type { FakeServer } from './fake-server.js';

/** How a browser denies something: it is not there, it throws at use, it fails later, or never answers. */
export const DENIALS = ['absent', 'throws', 'rejects', 'silent'] as const;
export type Denial = (typeof DENIALS)[number];

export const FACILITIES = [
  ...['locks', 'channel', 'storage', 'socket', 'fetch', 'abort', 'clock', 'timers', 'code'],
] as const;
export type Facility =
  'locks' | 'channel' | 'storage' | 'socket' | 'fetch' | 'abort' | 'clock' | 'timers' | 'code';

/** What a browser denies to its pages; `true` is `absent`. */
export type Missing = Partial<Record<Facility, Denial | boolean>>;

function denied(): never {
  throw new DOMException('The operation is insecure.', 'SecurityError');
}

/** Something that `new` can be used on, as a platform's constructor. */
function constructorOf(make: (...args: never[]) => object): unknown {
  return function construct(...args: never[]): object {
    return make(...args);
  };
}

/** All that is loaded when it is needed, whichever file it is in. */
export const CODE = { ...onDemand, ...socket };

const never = new Promise<never>(() => undefined);

export class FakeBrowser {
  readonly storage = new Map<string, string>();
  readonly tabs: FakeTab[] = [];
  readonly channels = new Set<FakeChannel>();
  readonly server: FakeServer;
  readonly missing: Missing;
  readonly locks = new FakeLocks();
  /** How long code takes to arrive, in ms. */
  codeDelay = (): number => 0;
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

  denial(facility: Facility): Denial | null {
    const how = this.missing[facility];
    return how === true ? 'absent' : (how ?? false) || null;
  }

  /** Writes to localStorage, and tells every tab but the writer. */
  store(key: string, newValue: string | null, writer?: FakeTab): void {
    const oldValue = this.storage.get(key) ?? null;
    if (oldValue === newValue) return;
    if (newValue === null) this.storage.delete(key);
    else this.storage.set(key, newValue);
    for (const other of this.tabs) {
      if (other === writer) continue;
      setTimeout(() => other.fire('storage', { key, oldValue, newValue }), this.server.delay());
    }
  }
}

class FakeChannel {
  onmessage: Channel['onmessage'] = null;
  readonly name: string;
  readonly tab: FakeTab;

  constructor(tab: FakeTab, name: string) {
    if (tab.browser.denial('channel') === 'throws') denied();
    this.tab = tab;
    this.name = name;
    tab.browser.channels.add(this);
  }

  postMessage(message: unknown): void {
    const { browser } = this.tab;
    const how = browser.denial('channel');
    if (how === 'rejects') denied();
    if (how === 'silent') return;
    for (const other of browser.channels) {
      if (other === this || other.name !== this.name) continue;
      const data: unknown = structuredClone(message);
      setTimeout(() => other.deliver(data), browser.server.delay());
    }
  }

  deliver(data: unknown): void {
    this.tab.run(() => {
      if (!this.tab.browser.channels.has(this)) return;
      this.onmessage?.call(this as never, { data } as MessageEvent);
    });
  }

  close(): void {
    this.tab.browser.channels.delete(this);
  }
}

export class FakeTab {
  readonly client: TierClient;
  readonly dialed: FakeSocket[] = [];
  /** The revocation ids that the page has shown, in order. */
  readonly shown: number[] = [];
  /** The account versions that the page has shown, in order. */
  readonly versions: number[] = [];
  readonly warnings: string[] = [];
  readonly openedAt = Date.now();
  token: string | null;
  visible = true;
  lockRequests = 0;
  /** How far the page's monotonic clock is ahead of the test's. */
  aheadMs = 0;
  readonly browser: FakeBrowser;
  readonly env: Environment;
  stop: () => void;
  private readonly handlers = new Map<PageEvent, Set<(event: Event) => void>>();
  private state: 'running' | 'frozen' | 'killed' = 'running';
  private waiting: (() => void)[] = [];

  constructor(browser: FakeBrowser, userId: string, options: Partial<TierClientOptions>) {
    this.browser = browser;
    this.token = tokenFor(userId, browser.server.account(userId).revocationId);
    this.env = environmentOf(this.platform());
    this.env.warn = (line) => this.warnings.push(line);
    this.env.random = () => browser.random();
    this.env.load = this.load() as Environment['load'];
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

  get running(): boolean {
    return this.state === 'running';
  }

  fire(type: PageEvent, event: object = {}): void {
    this.run(() => this.dispatch(type, event));
  }

  /** A task of the page: it waits while the page is frozen, and is lost when the page is gone. */
  run(task: () => void): void {
    if (this.state === 'running') task();
    else if (this.state === 'frozen') this.waiting.push(task);
  }

  /** Freezes the page, with or without telling it. */
  freeze(event?: 'freeze' | 'pagehide'): void {
    if (event && this.running) this.dispatch(event, {});
    if (this.running) this.state = 'frozen';
  }

  thaw(event?: 'resume' | 'pageshow'): void {
    if (this.state !== 'frozen') return;
    this.state = 'running';
    if (event) this.dispatch(event, {});
    for (const task of this.waiting.splice(0)) this.run(task);
  }

  /** The process of the page dies: no event is fired, and the browser frees what it held. */
  kill(): void {
    this.state = 'killed';
    for (const channel of this.browser.channels) if (channel.tab === this) channel.close();
    this.browser.locks.releaseAll(this);
    for (const socket of this.dialed) socket.close();
    this.browser.tabs.splice(this.browser.tabs.indexOf(this), 1);
  }

  private dispatch(type: PageEvent, event: object): void {
    for (const handler of this.handlers.get(type) ?? []) handler(event as Event);
  }

  private record(): void {
    const { user } = this.client.getSnapshot();
    if (!user) return;
    if (user.revocationId !== this.shown.at(-1)) this.shown.push(user.revocationId);
    if (user.accountVersion !== this.versions.at(-1)) this.versions.push(user.accountVersion);
  }

  /** What the page finds in its window. */
  private platform(): Platform {
    const { browser } = this;
    const has = (facility: Facility): boolean => browser.denial(facility) !== 'absent';
    const events = {
      addEventListener: (type: PageEvent, handler: (event: Event) => void) => {
        this.handlers.set(type, (this.handlers.get(type) ?? new Set()).add(handler));
      },
      removeEventListener: (type: PageEvent, handler: (event: Event) => void) => {
        this.handlers.get(type)?.delete(handler);
      },
    };
    const window = {
      ...events,
      setTimeout: has('timers') ? this.setTimeout() : undefined,
      clearTimeout: (timer: ReturnType<typeof setTimeout>) => clearTimeout(timer),
      document: this.document(),
      performance: has('clock') ? { now: () => this.elapsed() } : undefined,
      navigator: { locks: has('locks') ? this.locks() : undefined },
      fetch: has('fetch') ? this.fetch() : undefined,
      AbortController: has('abort') ? this.abortController() : undefined,
      WebSocket: has('socket') ? this.webSocket() : undefined,
      BroadcastChannel: has('channel') ? this.channel() : undefined,
    };
    const storage = has('storage') ? this.storage() : undefined;
    Object.defineProperty(window, 'localStorage', {
      get: () => (browser.denial('storage') === 'throws' ? denied() : storage),
    });
    return window as unknown as Platform;
  }

  private document(): object {
    const isVisible = (): boolean => this.visible;
    return {
      baseURI: 'https://app.test/page',
      get hidden() {
        return !isVisible();
      },
    };
  }

  private elapsed(): number {
    if (this.browser.denial('clock')) denied();
    return performance.now() + this.aheadMs;
  }

  /** What not every page needs is in files of the server that served the page. */
  private load() {
    return async (): Promise<typeof CODE> => {
      const how = this.browser.denial('code');
      if (how === 'silent') return never;
      if (how) throw new TypeError('Failed to fetch dynamically imported module');
      const ms = this.browser.codeDelay();
      if (ms > 0) await new Promise((done) => setTimeout(done, ms));
      return CODE;
    };
  }

  private setTimeout() {
    return (callback: () => void, ms: number): unknown => {
      const how = this.browser.denial('timers');
      if (how === 'throws' || how === 'rejects') denied();
      return how === 'silent' ? undefined : setTimeout(() => this.run(callback), ms);
    };
  }

  private locks(): object {
    return {
      request: (name: string, how: LockOptions, work: () => Promise<unknown>) => {
        const denial = this.browser.denial('locks');
        this.lockRequests += 1;
        if (denial === 'throws') denied();
        if (denial === 'rejects') return Promise.resolve().then(denied);
        return denial ? never : this.browser.locks.request(this, name, how, work);
      },
    };
  }

  private fetch() {
    return async (url: string, init: RequestInit): Promise<Response> => {
      const denial = this.browser.denial('fetch');
      if (denial === 'throws' || denial === 'rejects') denied();
      if (denial) return never;
      const settled = this.browser.server.fetch(url, init);
      return new Promise((resolve, reject) => {
        const { signal } = init;
        signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
        const fail = (): void => this.run(() => reject(new TypeError('Failed to fetch')));
        settled.then((response) => this.run(() => resolve(response)), fail);
      });
    };
  }

  private abortController(): unknown {
    return this.browser.denial('abort') ? denied : AbortController;
  }

  private webSocket(): unknown {
    const { server } = this.browser;
    const open = (url: string, protocols: string[]): FakeSocket => {
      const how = this.browser.denial('socket');
      if (how === 'throws') denied();
      const socket = new FakeSocket(server, url, protocols, (task) => this.run(task), how);
      this.dialed.push(socket);
      return socket;
    };
    return constructorOf(open);
  }

  private channel(): unknown {
    return constructorOf((name: string) => new FakeChannel(this, name));
  }

  private storage(): object {
    const { browser } = this;
    const write = (key: string, value: string | null): void => {
      const how = browser.denial('storage');
      if (how === 'rejects') throw new DOMException('', 'QuotaExceededError');
      if (how !== 'silent') browser.store(key, value, this);
    };
    return {
      getItem: (key: string) => browser.storage.get(key) ?? null,
      setItem: write,
      removeItem: (key: string) => write(key, null),
    };
  }
}
