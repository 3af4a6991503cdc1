// A small world to test in: one server, and browsers of several tabs whose locks, channels and
// storage behave as the platform's do. Nothing is instant: each delivery takes `delay()` ms of the
// test's own clock. It checks nothing itself.

import { vi } from 'vitest';
import { createTierClient } from '../src/index.js';
import type { TierClient, TierClientOptions, User } from '../src/index.js';
import type { Channel, Environment, Locks, PageEvent, Socket } from '../src/environment.js';

export function tokenFor(userId: string, rev: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part({ sub: userId, rev })}.sig`;
}

export function userOf(userId: string, part: Partial<User> = {}): User {
  return {
    userId,
    role: 'free',
    subscriptionActive: false,
    subscriptionExpiresAt: null,
    roleAssignedAt: null,
    revocationId: 0,
    ...part,
  };
}

/** Chance in the middle of its range, and never twice the same. */
export function fixRandom(): void {
  let drawn = 0;
  vi.spyOn(Math, 'random').mockImplementation(() => 0.5 + ++drawn * 1e-6);
}

interface Claims {
  sub: string;
  rev: number;
}

function claimsOf(token: string | undefined): Claims | null {
  try {
    const json = Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString();
    return JSON.parse(json) as Claims;
  } catch {
    return null;
  }
}

export class Server {
  readonly accounts = new Map<string, User>();
  readonly requests: string[] = [];
  readonly sockets = new Set<FakeSocket>();
  up = true;
  socketsBlocked = false;
  /** Users whose every token is refused. */
  readonly revoked = new Set<string>();
  delay: () => number = () => 1;
  private events = 0;

  account(userId: string): User {
    return this.accounts.get(userId) ?? userOf(userId);
  }

  count(request: string): number {
    return this.requests.filter((made) => made === request).length;
  }

  /** Commits a role change and pushes it to the user's live sockets. */
  setRole(userId: string, role: string): User {
    const before = this.account(userId);
    if (before.role === role) return before;
    const after = {
      ...before,
      role,
      subscriptionActive: role !== 'free',
      revocationId: before.revocationId + 1,
    };
    this.accounts.set(userId, after);
    const type = role === 'free' ? 'ROLE_DOWNGRADED' : 'ROLE_UPGRADED';
    const eventId = `evt_${++this.events}`;
    const frame = { v: 1, type, ...after, previousRole: before.role, eventId, at: 'now' };
    for (const socket of this.sockets) if (socket.userId === userId) socket.push(frame);
    return after;
  }

  dropSockets(code = 1006): void {
    for (const socket of [...this.sockets]) socket.drop(code);
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const path = new URL(url).pathname;
    this.requests.push(`${init.method ?? 'GET'} ${path}`);
    await after(this.delay());
    if (!this.up) throw new TypeError('fetch failed');
    const token = new Headers(init.headers).get('authorization')?.replace('Bearer ', '');
    const answer = this.answer(path, claimsOf(token));
    await after(this.delay());
    return answer;
  }

  private answer(path: string, claims: Claims | null): Response {
    if (!claims || this.revoked.has(claims.sub)) return problem(401, 'token_invalid');
    const user = this.account(claims.sub);
    if (path === '/session/refresh') {
      const accessToken = tokenFor(user.userId, user.revocationId);
      return Response.json({ accessToken, expiresIn: 3600, user });
    }
    return claims.rev < user.revocationId ? problem(401, 'token_stale') : Response.json(user);
  }

  accepts(token: string): string | null {
    const claims = claimsOf(token);
    if (!this.up || this.socketsBlocked || !claims || this.revoked.has(claims.sub)) return null;
    return claims.rev < this.account(claims.sub).revocationId ? null : claims.sub;
  }
}

function problem(status: number, code: string): Response {
  return Response.json({ type: 'about:blank', title: code, status, code }, { status });
}

function after(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

export class FakeSocket {
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  readonly sent: unknown[] = [];
  readonly url: string;
  userId: string | null = null;
  /** A half-open connection: it takes everything and gives nothing. */
  deaf = false;
  private readonly server: Server;
  private over = false;

  constructor(server: Server, url: string, protocols: string[]) {
    this.server = server;
    this.url = url;
    setTimeout(() => this.dial(protocols[1]?.replace('bearer.', '') ?? ''), server.delay());
  }

  private dial(token: string): void {
    if (this.over) return;
    this.userId = this.server.accepts(token);
    if (this.userId === null) return this.drop(1006);
    this.server.sockets.add(this);
    this.onopen?.call(this as never, new Event('open'));
  }

  send(text: string): void {
    const frame = JSON.parse(text) as { action: string };
    this.sent.push(frame);
    if (frame.action === 'ping') return this.push({ v: 1, type: 'PONG' });
    setTimeout(() => {
      const snapshot = this.server.account(this.userId ?? '');
      this.push({ v: 1, type: 'SNAPSHOT', ...snapshot, userId: undefined });
    }, this.server.delay());
  }

  push(frame: object): void {
    if (this.deaf) return;
    const data = JSON.stringify(frame);
    setTimeout(() => {
      if (!this.over) this.onmessage?.call(this as never, { data } as MessageEvent);
    }, this.server.delay());
  }

  drop(code: number): void {
    if (this.over) return;
    this.over = true;
    this.server.sockets.delete(this);
    this.onclose?.call(this as never, { code } as CloseEvent);
  }

  close(): void {
    this.over = true;
    this.server.sockets.delete(this);
  }
}

interface Claim {
  run: () => void;
  rob: () => void;
}

/** The platform's lock queue: first come, first served, with abort and theft. */
class FakeLocks {
  private readonly held = new Map<string, Claim>();
  private readonly queues = new Map<string, Claim[]>();

  request(name: string, how: unknown, work?: unknown): Promise<unknown> {
    const options = (typeof how === 'function' ? {} : how) as LockOptions;
    const callback = (work ?? how) as () => Promise<unknown>;
    return new Promise((resolve, reject) => {
      const claim: Claim = {
        run: () => {
          this.held.set(name, claim);
          void Promise.resolve(callback())
            .then(resolve, reject)
            .finally(() => this.release(name, claim));
        },
        rob: () => reject(new DOMException('stolen', 'AbortError')),
      };
      const queue = this.queueOf(name);
      if (options.steal) this.steal(name, claim);
      else if (this.held.has(name)) queue.push(claim);
      else queueMicrotask(() => (this.held.has(name) ? queue.push(claim) : claim.run()));
      options.signal?.addEventListener('abort', () => {
        const at = queue.indexOf(claim);
        if (at < 0) return;
        queue.splice(at, 1);
        reject(new DOMException('aborted', 'AbortError'));
      });
    });
  }

  private queueOf(name: string): Claim[] {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return queue;
  }

  private steal(name: string, claim: Claim): void {
    const robbed = this.held.get(name);
    claim.run();
    robbed?.rob();
  }

  private release(name: string, claim: Claim): void {
    if (this.held.get(name) !== claim) return;
    this.held.delete(name);
    this.queueOf(name).shift()?.run();
  }
}

export interface Lacks {
  locks?: boolean;
  channel?: boolean;
  storage?: boolean;
}

export class Browser {
  readonly storage = new Map<string, string>();
  readonly tabs: Tab[] = [];
  readonly channels = new Set<FakeChannel>();
  readonly server: Server;
  readonly lacks: Lacks;
  readonly locks = new FakeLocks() as unknown as Locks;

  constructor(server: Server, lacks: Lacks = {}) {
    this.server = server;
    this.lacks = lacks;
  }

  open(userId = 'u1', options: Partial<TierClientOptions> = {}): Tab {
    const tab = new Tab(this, userId, options);
    this.tabs.push(tab);
    return tab;
  }
}

class FakeChannel {
  onmessage: Channel['onmessage'] = null;
  readonly name: string;
  private readonly browser: Browser;

  constructor(browser: Browser, name: string) {
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

export class Tab {
  readonly client: TierClient;
  readonly dialed: FakeSocket[] = [];
  readonly shown: number[] = [];
  token: string | null;
  visible = true;
  readonly env: Environment;
  stop: () => void;
  private readonly handlers = new Map<PageEvent, Set<(event: Event) => void>>();

  constructor(browser: Browser, userId: string, options: Partial<TierClientOptions>) {
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
    const rev = this.client.getSnapshot().user?.revocationId;
    if (rev !== undefined && rev !== this.shown.at(-1)) this.shown.push(rev);
  }

  private environment(browser: Browser): Environment {
    const { server, lacks } = browser;
    return {
      origin: 'https://app.test',
      fetch: (url, init) => server.fetch(url, init),
      socket: (url, protocols) => {
        const socket = new FakeSocket(server, url, protocols);
        this.dialed.push(socket);
        return socket;
      },
      channel: lacks.channel ? null : (name) => new FakeChannel(browser, name),
      locks: lacks.locks ? null : browser.locks,
      storage: lacks.storage ? { read: () => null, write: () => undefined } : this.storage(browser),
      listen: (type, handler) => {
        const handlers = this.handlers.get(type) ?? new Set();
        this.handlers.set(type, handlers.add(handler));
        return () => handlers.delete(handler);
      },
      visible: () => this.visible,
    };
  }

  private storage(browser: Browser): Environment['storage'] {
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
