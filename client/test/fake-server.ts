// A tierlift server in memory: accounts, HTTP routes and sockets. Each request, reply and frame
// takes `delay()` ms. It asserts nothing itself.

import type { ChangeFrame, User } from '../src/index.js';
import type { Socket } from '../src/environment.js';

/** A token as tierlift or its host issues it, with more claims if some are named. */
export function tokenFor(userId: string, rev: number, claims: object = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256' })}.${part({ sub: userId, ...claims, rev })}.sig`;
}

/** The policy's roles, lowest first. */
export const ROLES = ['free', 'paid', 'team', 'operator'];

export function createUser(userId: string, part: Partial<User> = {}): User {
  return {
    userId,
    role: 'free',
    features: [],
    status: null,
    subscriptionActive: false,
    subscriptionExpiresAt: null,
    trialEndsAt: null,
    cancelAt: null,
    pastDueSince: null,
    roleAssignedAt: null,
    epoch: 0,
    revocationId: 0,
    accountVersion: 0,
    ...part,
  };
}

/** What a server leaves out that is older than features and account versions. */
const NEW_FIELDS = [
  ...['features', 'status', 'trialEndsAt', 'cancelAt', 'pastDueSince', 'accountVersion'],
  ...['epoch', 'roles'],
];

/** The state as an older server reports it. */
export function asOlderServer(user: User): object {
  return Object.fromEntries(Object.entries(user).filter(([field]) => !NEW_FIELDS.includes(field)));
}

interface Claims {
  sub: string;
  org_id?: string;
  rev: number;
  exp?: number;
}

function claimsOf(token: string | undefined): Claims | null {
  try {
    const json = Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString();
    return JSON.parse(json) as Claims;
  } catch {
    return null;
  }
}

/** Whose state a token reads: the user's, or that of the user in an organisation. */
const holderOf = ({ sub, org_id }: Claims): string => (org_id ? `${sub}\n${org_id}` : sub);
const reportedHolder = ({ userId, accounts }: User): string => accounts?.join('\n') ?? userId;

const isOver = ({ exp = Infinity }: Claims): boolean => exp * 1_000 <= Date.now();

/** The refusals of POST /session/confirm. */
const CHECKOUTS = {
  unpaid: [409, 'checkout.unpaid'],
  foreign: [403, 'checkout.foreign'],
  busy: [429, 'checkout.rate_limited'],
  away: [503, 'stripe.unavailable'],
} as const;

/** Longer than any page waits for an answer. */
const LATE_MS = 25_000;

export class FakeServer {
  readonly accounts = new Map<string, User>();
  readonly requests: string[] = [];
  readonly urls: string[] = [];
  readonly sockets = new Set<FakeSocket>();
  up = true;
  socketsBlocked = false;
  /** Whether it is older than features and account versions, and than `SUBSCRIPTION_CHANGED`. */
  older = false;
  /** Users whose every token is refused, and the code of the refusal. */
  readonly refused = new Map<string, string>();
  /** A proxy accepts sockets and passes nothing on. */
  muted = false;
  /** Whether the server shares a secret with its issuer, so that it can renew a token. */
  renews = true;
  /** The roles that were reported, to whom and when. */
  readonly given: { userId: string; role: string; at: number }[] = [];
  /**
   * What the server says about a checkout; null where it has no key of Stripe's, and does not look.
   * `hangs`: it pays, and its answer comes long after anybody waits for it. `mistaken`: the answer is
   * about another user. `garbled`: it is no answer of tierlift's.
   */
  checkout: keyof typeof CHECKOUTS | 'paid' | 'hangs' | 'mistaken' | 'garbled' | null = null;
  delay: () => number = () => 1;
  private events = 0;

  account(userId: string): User {
    const accounts = userId.split('\n');
    const [own = ''] = accounts;
    const part = accounts.length > 1 ? { accountId: own, accounts } : {};
    return this.accounts.get(userId) ?? createUser(own, part);
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
      roleAssignedAt: new Date().toISOString(),
      revocationId: before.revocationId + 1,
    };
    return this.commit(role === 'free' ? 'ROLE_DOWNGRADED' : 'ROLE_UPGRADED', before, after);
  }

  /** Commits a change that leaves the role as it is, and pushes it to the user's live sockets. */
  change(userId: string, part: Partial<User>): User {
    const before = this.account(userId);
    return this.commit('SUBSCRIPTION_CHANGED', before, { ...before, ...part });
  }

  private commit(type: ChangeFrame['type'], before: User, changed: User): User {
    const userId = reportedHolder(before);
    const after = { ...changed, accountVersion: before.accountVersion + 1 };
    this.accounts.set(userId, after);
    const eventId = `evt_${++this.events}`;
    if (this.older && type === 'SUBSCRIPTION_CHANGED') return after;
    const about = { previousRole: before.role, eventId, at: 'now' };
    const frame = { v: 1, type, ...this.report(after), ...about };
    for (const socket of this.sockets) if (socket.userId === userId) socket.push(frame);
    return after;
  }

  /** The state as responses and frames carry it. */
  report(user: User): object {
    this.given.push({ userId: user.userId, role: user.role, at: Date.now() });
    return this.older ? asOlderServer(user) : user;
  }

  /** A session, which names the policy's roles too. */
  session(user: User): object {
    return this.older ? this.report(user) : { ...this.report(user), roles: ROLES };
  }

  /** Refuses each token of the user from now on, and ends the sockets. */
  refuse(userId: string, code: string): void {
    this.refused.set(userId, code);
    const closeCode = code === 'token.expired' ? 4001 : 4003;
    for (const socket of [...this.sockets]) if (socket.userId === userId) socket.drop(closeCode);
  }

  dropSockets(code = 1006): void {
    for (const socket of [...this.sockets]) socket.drop(code);
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    const path = new URL(url).pathname;
    this.urls.push(url);
    this.requests.push(`${init.method ?? 'GET'} ${path}`);
    await sleep(this.delay());
    if (!this.up) throw new TypeError('fetch failed');
    const token = new Headers(init.headers).get('authorization')?.replace('Bearer ', '');
    const response = this.respond(path, claimsOf(token));
    const late = path === '/session/confirm' && this.checkout === 'hangs';
    await sleep(late ? LATE_MS : this.delay());
    return response;
  }

  private respond(path: string, claims: Claims | null): Response {
    if (!claims) return problem(401, 'token.invalid');
    const refusal = this.refused.get(claims.sub) ?? (isOver(claims) ? 'token.expired' : null);
    if (refusal) return problem(401, refusal);
    const user = this.account(holderOf(claims));
    if (path === '/session/refresh') {
      if (!this.renews) return problem(409, 'refresh.unavailable');
      const accessToken = this.tokenAfter(claims);
      return Response.json({ accessToken, expiresIn: 3600, user: this.session(user) });
    }
    if (claims.rev < user.revocationId) return problem(401, 'token.stale');
    if (path === '/session/confirm') return this.confirm(claims.sub);
    return Response.json(this.session(user));
  }

  /** Looks the checkout up: what it paid for is committed, and answered. */
  private confirm(userId: string): Response {
    const { checkout } = this;
    if (checkout === null) return problem(404, 'route.not_found');
    if (checkout === 'garbled') return new Response('<!doctype html>');
    if (checkout === 'mistaken') return Response.json(this.session(this.account('u3')));
    if (checkout !== 'paid' && checkout !== 'hangs') {
      const [status, code] = CHECKOUTS[checkout];
      return problem(status, code, checkout === 'busy' ? { 'retry-after': '20' } : {});
    }
    if (this.account(userId).role === 'free') this.setRole(userId, 'paid');
    return Response.json(this.session(this.account(userId)));
  }

  /** The renewed token: it keeps each claim and names the current revocation id. */
  tokenAfter(claims: Claims): string {
    return tokenFor(claims.sub, this.account(claims.sub).revocationId, claims);
  }

  /** The user who may open a socket with this token, or null. */
  accepts(token: string): string | null {
    const claims = claimsOf(token);
    if (!this.up || this.socketsBlocked || !claims || this.refused.has(claims.sub)) return null;
    if (isOver(claims)) return null;
    return claims.rev < this.account(holderOf(claims)).revocationId ? null : holderOf(claims);
  }
}

function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  const body = { type: 'about:blank', title: code, status, code };
  return Response.json(body, { status, headers });
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

export class FakeSocket {
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  readonly sent: unknown[] = [];
  readonly url: string;
  userId: string | null = null;
  /** A half-open connection accepts every frame and delivers none. */
  halfOpen = false;
  private readonly server: FakeServer;
  /** Runs a task of the page that the socket belongs to. */
  private readonly run: (task: () => void) => void;
  private closed = false;

  constructor(
    server: FakeServer,
    url: string,
    protocols: string[],
    run: (task: () => void) => void = (task) => task(),
    denial: string | null = null,
  ) {
    this.server = server;
    this.url = url;
    this.run = run;
    if (denial === 'silent') return;
    const token = protocols[1]?.replace('bearer.', '') ?? '';
    setTimeout(() => (denial ? this.drop(1006) : this.dial(token)), server.delay());
  }

  private dial(token: string): void {
    if (this.closed) return;
    this.userId = this.server.accepts(token);
    if (this.userId === null) return this.drop(1006);
    this.server.sockets.add(this);
    this.halfOpen ||= this.server.muted;
    this.run(() => void this.onopen?.call(this as never, new Event('open')));
    const endsInMs = (claimsOf(token)?.exp ?? Infinity) * 1_000 - Date.now();
    if (endsInMs < 2 ** 31) setTimeout(() => this.drop(4001), endsInMs);
  }

  send(text: string): void {
    const frame = JSON.parse(text) as { action: string };
    this.sent.push(frame);
    if (this.closed) return;
    if (frame.action === 'ping') return this.push({ v: 1, type: 'PONG' });
    setTimeout(() => {
      const snapshot = this.server.session(this.server.account(this.userId ?? ''));
      const unnamed = this.server.older ? { userId: undefined } : {};
      this.push({ v: 1, type: 'SNAPSHOT', ...snapshot, ...unnamed });
    }, this.server.delay());
  }

  push(frame: object): void {
    if (this.halfOpen) return;
    const data = JSON.stringify(frame);
    setTimeout(() => this.deliver(data), this.server.delay());
  }

  /** Hands the page a message at once, whether it is a frame or not. */
  deliver(data: unknown): void {
    this.run(() => {
      if (!this.closed) this.onmessage?.call(this as never, { data } as MessageEvent);
    });
  }

  drop(code: number): void {
    if (this.closed) return;
    this.close();
    // What was half open stays so: the page does not notice its end.
    if (this.halfOpen) return;
    this.run(() => void this.onclose?.call(this as never, { code } as CloseEvent));
  }

  close(): void {
    this.closed = true;
    this.server.sockets.delete(this);
  }
}
