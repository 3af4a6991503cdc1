// One history of a browser, and the oracle that watches it: which roles each user had and when, which
// payments there were, and how much the client asked for.

import { expect, vi } from 'vitest';
import type { GetToken, User } from '../src/index.js';
import { compare } from '../src/store.js';
import { FakeBrowser } from './browser-model.js';
import type { FakeTab, Missing } from './browser-model.js';
import { FakeServer, ROLES, tokenFor } from './fake-server.js';

export interface Step {
  name: string;
  run: (history: History) => void;
}

function subjectOf(token: string | null): string | null {
  if (token === null) return null;
  const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
  return (JSON.parse(payload) as { sub: string }).sub;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** How long something may be on its way: a request has two renewals, each of several deliveries. */
const IN_FLIGHT_MS = 60_000;

/** The budget of SPEC.md for a minute in which something fails, for each tab. */
const FAILING = { requests: 16, dials: 16, questions: 60, locks: 30 };

/** The host's token when the first page is opened, and whether it renews tokens. */
export interface FirstToken {
  renews: boolean;
  seconds: number | null;
}

interface Reign {
  userId: string;
  role: string;
  from: number;
  to: number;
}

export class History {
  readonly server = new FakeServer();
  readonly browser: FakeBrowser;
  readonly host = { token: null as string | null, renews: true, mood: 'answers', questions: 0 };
  /** What was shown and must not have been. */
  readonly lies: string[] = [];
  /** Each state that some tab has shown. */
  readonly shown: string[] = [];
  private readonly reigns: Reign[] = [];
  private readonly all: FakeTab[] = [];
  /** When somebody first watched, and what was paid for, when. */
  private watchedAt = Infinity;
  private readonly payments: { userId: string; at: number }[] = [];
  private readonly newest = new Map<string, User>();
  /** Whether the user or the server has ended a sign-in. */
  private signedOut = false;
  /** What a frozen page has kept may be this old when it thaws. */
  private longestFreezeMs = 0;
  private readonly frozenAt = new Map<FakeTab, number>();

  constructor(missing: Missing, delay: () => number, { renews, seconds }: FirstToken) {
    this.server.delay = delay;
    this.host.renews = renews;
    this.browser = new FakeBrowser(this.server, missing);
    this.browser.codeDelay = delay;
    this.recordReigns();
    this.signIn('u1', seconds);
    this.openTab();
    this.openTab();
  }

  /** Each role that the server gives, with the time from which and until which it was right. */
  private recordReigns(): void {
    const { server } = this;
    const begin = (userId: string, role: string): void => {
      const last = this.reigns.filter((reign) => reign.userId === userId).at(-1);
      if (last) last.to = Date.now();
      this.reigns.push({ userId, role, from: Date.now(), to: Infinity });
    };
    for (const userId of ['u1', 'u2']) begin(userId, 'free');
    const setRole = server.setRole.bind(server);
    server.setRole = (userId, role) => {
      const before = server.account(userId).role;
      if (before !== role) begin(userId, role);
      if (ROLES.indexOf(role) > ROLES.indexOf(before)) this.pay(userId);
      return setRole(userId, role);
    };
    const change = server.change.bind(server);
    server.change = (userId, part) => {
      if (part.status === 'active') this.pay(userId);
      return change(userId, part);
    };
  }

  private pay(userId: string): void {
    this.payments.push({ userId, at: Date.now() });
  }

  openTab(): void {
    if (this.browser.tabs.length >= 4) return;
    const getToken: GetToken = ({ reason }) => this.answer(reason);
    const onSignOut = (): void => {
      if (!this.signedOut) this.lie(tab, 'signs out without a reason');
      this.forgetToken();
    };
    const tab = this.browser.openTab('u1', { getToken, onSignOut });
    this.all.push(tab);
    tab.client.subscribe(() => this.check(tab));
    const send = tab.env.fetch;
    tab.env.fetch = (url, init) => {
      this.checkRequest(tab, new Headers(init.headers).get('authorization'));
      return send(url, init);
    };
  }

  private answer(reason: string): string | null | Promise<string | null> {
    const { host } = this;
    host.questions += 1;
    if (host.mood === 'throws') throw new Error('the host');
    if (host.mood === 'hangs') return new Promise(() => null);
    const userId = this.userId;
    const renewed = host.renews && (reason === 'expired' || reason === 'stale');
    if (renewed && userId !== null) host.token = this.issue(userId, 600);
    return host.token;
  }

  /** Who is signed in at the host. */
  get userId(): string | null {
    return subjectOf(this.host.token);
  }

  private issue(userId: string, seconds: number | null): string {
    const exp = seconds === null ? {} : { exp: Math.ceil(Date.now() / SECOND_MS) + seconds };
    return tokenFor(userId, this.server.account(userId).revocationId, { ...exp, iat: Date.now() });
  }

  signIn(userId: string, seconds: number | null): void {
    this.server.refused.delete(userId);
    this.host.token = this.issue(userId, seconds);
  }

  signOut(index: number): void {
    this.signedOut = true;
    this.tab(index)?.client.signOut();
  }

  forgetToken(): void {
    this.host.token = null;
  }

  revoke(userId: string): void {
    this.signedOut = true;
    this.server.refuse(userId, 'token.revoked');
  }

  setUp(up: boolean): void {
    this.server.up = up;
    if (!up) this.server.dropSockets();
  }

  mute(on: boolean): void {
    this.server.muted = on;
    for (const socket of this.server.sockets) socket.halfOpen = on;
  }

  tab(index: number): FakeTab | undefined {
    return this.browser.tabs[index % this.browser.tabs.length];
  }

  closeTab(index: number): void {
    const tab = this.tab(index);
    if (!tab || this.browser.tabs.length < 2 || !tab.running) return;
    this.browser.tabs.splice(this.browser.tabs.indexOf(tab), 1);
    tab.stop();
  }

  killTab(index: number): void {
    if (this.browser.tabs.length > 1) this.tab(index)?.kill();
  }

  freeze(index: number, event?: 'freeze'): void {
    const tab = this.tab(index);
    if (tab?.running) this.frozenAt.set(tab, Date.now());
    tab?.freeze(event);
  }

  thaw(index: number): void {
    const tab = this.tab(index);
    if (tab) this.thawed(tab);
  }

  private thawed(tab: FakeTab): void {
    const frozenMs = Date.now() - (this.frozenAt.get(tab) ?? Date.now());
    this.frozenAt.delete(tab);
    this.longestFreezeMs = Math.max(this.longestFreezeMs, frozenMs);
    tab.thaw('resume');
  }

  show(index: number, visible: boolean): void {
    const tab = this.tab(index);
    if (!tab) return;
    tab.visible = visible;
    tab.fire('visibilitychange');
  }

  request(index: number): void {
    this.tab(index)
      ?.client.fetch('/guarded')
      .catch(() => null);
  }

  watch(index: number, role: string | undefined, checkoutSessionId?: string): void {
    this.watchedAt = Math.min(this.watchedAt, Date.now());
    void this.tab(index)?.client.watchUpgrade({
      ...(role !== undefined && { role }),
      ...(checkoutSessionId !== undefined && { checkoutSessionId }),
    });
  }

  /** The oracle: what a tab shows now must have been true since the page was opened. */
  private check(tab: FakeTab): void {
    const { user, upgrade, status } = tab.snapshot;
    this.shown.push(`${Date.now()} ${JSON.stringify(tab.snapshot)}`);
    if (status === 'signed_out' && user) this.lie(tab, 'shows a user who is signed out');
    if (!user) return;
    const since = tab.openedAt - IN_FLIGHT_MS - this.longestFreezeMs;
    const had = this.reigns.some(
      (reign) => reign.userId === user.userId && reign.role === user.role && reign.to >= since,
    );
    if (!had) this.lie(tab, `shows ${user.role} under ${user.userId}`);
    const rose = this.rose(user.userId, upgrade.role);
    if (upgrade.status === 'upgraded' && !rose) this.lie(tab, `says upgraded to ${upgrade.role}`);
    if (upgrade.paymentKnown && !this.paid(user.userId)) this.lie(tab, 'knows of a payment');
    this.checkOrder(tab, user);
  }

  /** What a page shows of one user never goes backwards. */
  private checkOrder(tab: FakeTab, user: User): void {
    const key = `${this.all.indexOf(tab)} ${user.userId}`;
    const before = this.newest.get(key);
    if (before && compare(user, before) < 0) this.lie(tab, 'goes backwards');
    this.newest.set(key, user);
  }

  /** A page asks as nobody but the user whom it shows. */
  private checkRequest(tab: FakeTab, authorization: string | null): void {
    const shown = tab.snapshot.user?.userId;
    const asked = subjectOf(authorization);
    if (shown !== undefined && asked !== shown)
      this.lie(tab, `asks as ${asked} and shows ${shown}`);
  }

  /** Whether there was a payment since somebody watched, or shortly before. */
  private paid(userId: string): boolean {
    const since = this.watchedAt - IN_FLIGHT_MS - this.longestFreezeMs;
    return this.payments.some((payment) => payment.userId === userId && payment.at >= since);
  }

  /** Whether the user had the role that a watch waits for, or rose, at some time that it may know of. */
  private rose(userId: string, role: string | null): boolean {
    const rank = role === null ? 1 : ROLES.indexOf(role);
    return this.reigns.some(
      (reign) => reign.userId === userId && ROLES.indexOf(reign.role) >= rank,
    );
  }

  private lie(tab: FakeTab, what: string): void {
    this.lies.push(`tab ${this.all.indexOf(tab)} ${what} at ${Date.now()}`);
  }

  private count(of: (tab: FakeTab) => number): number {
    return this.all.reduce((sum, tab) => sum + of(tab), 0);
  }

  private spent() {
    return {
      requests: this.server.requests.length,
      dials: this.count((tab) => tab.dialed.length),
      questions: this.host.questions,
      locks: this.count((tab) => tab.lockRequests),
    };
  }

  /** A minute without a server: the client keeps to its budget. */
  async outage(): Promise<void> {
    this.setUp(false);
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    const before = this.spent();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    const after = this.spent();
    for (const [name, most] of Object.entries(FAILING) as [keyof typeof FAILING, number][]) {
      const spent = { [name]: (after[name] - before[name]) / this.browser.tabs.length };
      expect(Math.max(spent[name] ?? 0, most), JSON.stringify(spent)).toBe(most);
    }
  }

  /** Everything works again, somebody looks at each tab, and a minute later each tab is right. */
  async recovery(): Promise<void> {
    this.setUp(true);
    this.mute(false);
    this.server.socketsBlocked = false;
    this.host.mood = 'answers';
    this.host.renews = true;
    for (const tab of this.browser.tabs) {
      this.thawed(tab);
      tab.visible = true;
      tab.fire('visibilitychange');
    }
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    for (const tab of this.browser.tabs) this.checkRight(tab);
  }

  private checkRight(tab: FakeTab): void {
    const { snapshot } = tab;
    const { userId } = this;
    const { fetch, socket } = this.browser.missing;
    if (userId === null || this.server.refused.has(userId)) {
      // A page that can ask nothing cannot hear that the server ended the sign-in.
      if (userId === null) expect(snapshot).toMatchObject({ status: 'signed_out', user: null });
    } else if (!fetch) {
      const right = {
        status: 'ready',
        user: this.server.account(userId),
        isStale: false,
        error: null,
      };
      expect(snapshot).toMatchObject(right);
    } else if (!socket && snapshot.user) {
      expect(snapshot.user.userId).toBe(userId);
    }
    this.check(tab);
  }

  /** Another user signs in, one tab learns of it, and a second later each tab that hears others knows. */
  async handover(): Promise<void> {
    const { channel, storage, fetch } = this.browser.missing;
    if (channel === 'silent' || (channel && storage) || fetch) return;
    this.server.delay = () => 10;
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    this.signIn(this.userId === 'u2' ? 'u1' : 'u2', null);
    this.tab(0)?.client.signedIn();
    await vi.advanceTimersByTimeAsync(SECOND_MS);
    for (const { snapshot } of this.browser.tabs) {
      expect(snapshot.user?.userId).toBe(this.userId);
    }
  }

  end(): void {
    for (const tab of this.all) tab.client.destroy();
  }
}
