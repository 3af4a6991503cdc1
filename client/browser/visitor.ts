// A visitor of the demo: opens contexts and tabs of a real Chromium, signed in, and reads what they
// show. It asserts nothing itself.

import sparticuz from '@sparticuz/chromium';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import type { DemoServer } from './server';

/** How long a test waits for an event. Bounds that matter are asserted separately. */
const WAIT_MS_MAX = 15_000;

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function launch(): Promise<Browser> {
  const executablePath = await sparticuz.executablePath();
  return chromium.launch({ executablePath, args: FLAGS, headless: true });
}

let visitors = 0;

/** One browser profile with one signed-in user. */
export class Visitor {
  readonly userId: string;
  readonly context: BrowserContext;
  readonly requests: string[] = [];
  readonly #server: DemoServer;
  readonly #sockets = new Set<object>();

  private constructor(server: DemoServer, context: BrowserContext, userId: string) {
    this.#server = server;
    this.context = context;
    this.userId = userId;
    context.on('request', (request) => {
      this.requests.push(`${request.method()} ${new URL(request.url()).pathname}`);
    });
    context.on('page', (page) => this.#watchSockets(page));
  }

  static async arrive(
    browser: Browser,
    server: DemoServer,
    options: BrowserContextOptions & { userId?: string; signedOut?: boolean } = {},
  ): Promise<Visitor> {
    const { userId = `visitor-${process.pid}-${++visitors}`, signedOut, ...rest } = options;
    const context = await browser.newContext(rest);
    context.setDefaultTimeout(WAIT_MS_MAX);
    const visitor = new Visitor(server, context, userId);
    if (!signedOut) await visitor.#storeToken(await server.token(userId));
    return visitor;
  }

  /** Stores the token where the demo expects it, once and not again on each navigation. */
  async #storeToken(token: string): Promise<void> {
    await this.context.addInitScript((value) => {
      if (sessionStorage.getItem('seeded') ?? localStorage.getItem('demo.token')) return;
      sessionStorage.setItem('seeded', 'yes');
      localStorage.setItem('demo.token', value);
    }, token);
  }

  #watchSockets(page: Page): void {
    page.on('websocket', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    page.on('close', () => {
      for (const socket of this.#sockets)
        if (this.#owner.get(socket) === page) this.#sockets.delete(socket);
    });
    page.on('websocket', (socket) => this.#owner.set(socket, page));
  }

  readonly #owner = new WeakMap<object, Page>();

  get openSockets(): number {
    return this.#sockets.size;
  }

  async open(path = '/demo'): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(this.#server.origin + path);
    return page;
  }

  /** Opens a tab and waits until it receives updates. */
  async openLive(): Promise<Page> {
    const page = await this.open();
    await live(page);
    return page;
  }

  count(request: string): number {
    return this.requests.filter((made) => made === request).length;
  }
}

export async function live(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const at = (id: string) => document.querySelector<HTMLElement>(`[data-testid=${id}]`);
    const open = at('connection')?.dataset.connection === 'open';
    return at('role') !== null && (open || at('position')?.dataset.position === 'follower');
  });
}

export const role = (page: Page) => page.getByTestId('role').textContent();

export async function showsRole(page: Page, wanted: string): Promise<void> {
  await page.locator(`[data-testid=role][data-role=${wanted}]`).waitFor();
}

export const position = (page: Page) => page.getByTestId('position').getAttribute('data-position');

export async function hasPosition(page: Page, wanted: string): Promise<void> {
  await page.locator(`[data-testid=position][data-position=${wanted}]`).waitFor();
}

export async function showsWatch(page: Page, wanted: string): Promise<void> {
  await page.locator(`.action[data-watch=${wanted}]`).waitFor();
}

export const buyButton = (page: Page) => page.getByRole('link', { name: /Upgrade for/ });

/** Somebody with two tabs, the first of which keeps the socket. */
export async function twoTabs(place: {
  browser: Browser;
  server: DemoServer;
}): Promise<[Visitor, leader: Page, follower: Page]> {
  const visitor = await Visitor.arrive(place.browser, place.server);
  const leader = await visitor.openLive();
  const follower = await visitor.openLive();
  await hasPosition(leader, 'leader');
  await hasPosition(follower, 'follower');
  return [visitor, leader, follower];
}
