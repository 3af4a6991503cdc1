// One signed-in user's place in this tab: token, channel, election, socket and watch, which begin
// and end with the sign-in. Every frame, answer and tab message meets here, and passes through the
// store's one rule before anything else happens.

import type { TierClientOptions, WatchOptions } from './client.js';
import { Connection } from './connection.js';
import { Election } from './election.js';
import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { parseFrame } from './parse.js';
import { reaches } from './roles.js';
import { createSession, refreshToken } from './session.js';
import type { Profile, Session } from './session.js';
import type { News, Store } from './store.js';
import { createTabs } from './tabs.js';
import type { TabMessage, Tabs } from './tabs.js';
import { createTokens } from './tokens.js';
import type { Tokens } from './tokens.js';
import type { TabPosition, UpgradeOutcome, UserRole } from './types.js';
import { Upgrade } from './upgrade.js';

export interface SeatOptions {
  options: TierClientOptions;
  roles: readonly UserRole[];
  store: Store;
  env: Environment;
  userId: string;
  /** Another tab signed the browser out. */
  leave: () => void;
}

export class Seat {
  readonly userId: string;
  readonly session: Session;
  readonly upgrade: Upgrade;
  readonly tabs: Tabs;
  readonly #with: SeatOptions;
  readonly #base: string;
  readonly #tokens: Tokens;
  readonly #connection: Connection;
  readonly #election: Election;
  #asking: Promise<Profile> | null = null;
  /** The newest revocation id for which some tab holds a fresh token. */
  #confirmed = -1;
  #closed = false;

  constructor(parts: SeatOptions) {
    const { options, env, userId } = parts;
    this.#with = parts;
    this.userId = userId;
    this.#base = new URL(options.baseUrl ?? '', env.origin).href.replace(/\/$/, '');
    const name = `tierlift:${this.#base}`;
    this.tabs = createTabs({ name, userId, env, onMessage: (message) => this.#receive(message) });
    this.#tokens = createTokens(`${name}:refresh`, env, options, (stale) => this.#refresh(stale));
    this.session = createSession({ baseUrl: this.#base, env, tokens: this.#tokens });
    this.#connection = this.#connect();
    this.#election = this.#stand(`${name}:leader:${userId}`);
    this.upgrade = this.#watch(`${name}:upgrade`);
    this.upgrade.load();
  }

  /** Somebody looks at the page, or the network is back. */
  wake(): void {
    this.#connection.wake();
    this.#election.doubt(true);
  }

  resume(): void {
    this.#election.join();
    void this.profile();
  }

  /** The page is about to freeze: give up lock and socket, so that a tab that runs can have them. */
  suspend(): void {
    this.#election.leave();
    this.#connection.stop();
  }

  close(): void {
    this.#closed = true;
    this.upgrade.stop();
    this.suspend();
    this.tabs.close();
  }

  /** GET /session, one request however many ask for it at the same time. */
  profile(): Promise<Profile> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  watchUpgrade({ role }: WatchOptions): Promise<UpgradeOutcome> {
    return this.upgrade.start(role ?? this.upgrade.goal ?? this.#with.roles[1] ?? 'paid');
  }

  #connect(): Connection {
    const { env, options, store, userId } = this.#with;
    return new Connection({
      env,
      url: options.socketUrl ?? `${this.#base.replace(/^http/, 'ws')}/ws`,
      token: this.#tokens.current,
      ask: async () => (await this.profile()).answer,
      revocationId: store.revocationId,
      onFrame: (data) => {
        const news = parseFrame(data, userId);
        if (news) this.#spread({ ...news, via: 'socket' });
      },
      onState: (connection) => store.patch({ connection }),
    });
  }

  #stand(name: string): Election {
    return new Election({
      name,
      env: this.#with.env,
      onPosition: (position) => this.#take(position),
      probe: (wake) => this.tabs.post({ type: 'PROBE', wake }),
      announce: () => this.tabs.post({ type: 'ALIVE' }),
    });
  }

  #watch(key: string): Upgrade {
    const { env, store, userId, roles } = this.#with;
    return new Upgrade({
      key,
      env,
      userId,
      ask: () => this.profile(),
      asksForAll: () => store.getSnapshot().position !== 'follower',
      reaches: (user, role) => reaches(roles, user, role),
      onView: (upgrade) => store.patch({ upgrade }),
    });
  }

  #take(position: TabPosition): void {
    this.#with.store.patch({ position });
    if (position === 'follower') this.#connection.stop();
    else this.#connection.start();
  }

  /** Shows a piece of news, and tells the other tabs if it came from outside the browser. */
  #spread(news: News): void {
    const { store } = this.#with;
    const { user, via } = news;
    const verdict = this.#closed ? 'stale' : store.observe(news);
    if (verdict === 'stale') return;
    this.upgrade.observe(user);
    if (verdict === 'same' || via === 'tab') return;
    const change = verdict === 'change' ? store.getSnapshot().lastChange : null;
    this.tabs.post(change ?? { type: 'REFRESH', user });
    if (change && via === 'socket') this.#confirm(user.revocationId);
  }

  /**
   * A role change makes the token stale: fetch the profile, which renews it. Nobody waits for it,
   * so tabs with a socket each spread out, and the first one's REFRESH spares the others.
   */
  #confirm(revocationId: number): void {
    this.#later(Math.random() * limits.PROFILE_SPREAD_MS, () => this.#confirmed < revocationId);
  }

  #later(ms: number, stillNeeded: () => boolean): void {
    setTimeout(() => {
      if (!this.#closed && stillNeeded()) void this.profile();
    }, ms);
  }

  #receive(message: TabMessage): void {
    switch (message.type) {
      case 'ALIVE':
        return this.#election.heard();
      case 'PROBE':
        return this.#answer(message.wake);
      case 'SIGN_OUT':
        return this.#with.leave();
      case 'REFRESH':
        if (message.accessToken !== undefined) {
          this.#confirmed = message.user.revocationId;
          void this.#tokens.adopt(message.accessToken);
        }
        return this.#spread({ user: message.user, via: 'tab' });
      case 'ROLE_UPGRADED':
      case 'ROLE_DOWNGRADED':
        return this.#spread({ ...message, via: 'tab' });
    }
  }

  #answer(wake: boolean): void {
    if (this.#with.store.getSnapshot().position !== 'leader') return;
    this.tabs.post({ type: 'ALIVE' });
    if (wake) this.#connection.wake();
  }

  async #ask(): Promise<Profile> {
    const profile = await this.session.profile();
    if (profile.answer === 'ok') {
      this.#confirmed = profile.user.revocationId;
      this.#spread({ user: profile.user, via: 'poll' });
    } else if (profile.answer === 'refused') {
      if (!this.#closed) this.#with.store.patch({ user: null, status: 'signed_out' });
    } else if (!this.#with.store.getSnapshot().user) {
      // A page that shows nothing yet can't wait for a change to tell it something.
      this.#later(limits.IDENTIFY_RETRY_MS, () => true);
    }
    return profile;
  }

  async #refresh(stale: string): Promise<string | null> {
    const renewed = await refreshToken(this.#base, this.#with.env, stale);
    if (!renewed) return null;
    const { accessToken, user } = renewed;
    if (user) {
      this.#spread({ user, via: 'poll' });
      this.tabs.post({ type: 'REFRESH', user, accessToken });
    }
    return accessToken;
  }
}
