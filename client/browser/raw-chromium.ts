// A real Chromium over its own DevTools socket. Playwright keeps every page focused, and so visible; this
// leaves a page's life to the browser. It asserts nothing itself.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sparticuz from '@sparticuz/chromium';
import { WebSocket } from 'ws';

const STARTUP_MS_MAX = 30_000;
const CLOSE_MS_MAX = 10_000;
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'];

interface Reply {
  id?: number;
  result?: unknown;
  error?: { message: string };
}

export class RawChromium {
  readonly #process: ChildProcess;
  readonly #profile: string;
  #socket: WebSocket | null = null;
  #sent = 0;
  readonly #waiting = new Map<number, (reply: Reply) => void>();

  private constructor(program: string, preferences: object) {
    this.#profile = mkdtempSync(join(tmpdir(), 'tierlift-chromium-'));
    mkdirSync(join(this.#profile, 'Default'));
    writeFileSync(join(this.#profile, 'Default/Preferences'), JSON.stringify(preferences));
    const libraries = resolve(program, '../../x86_64-linux-gnu');
    const folder = `--user-data-dir=${this.#profile}`;
    this.#process = spawn(program, [...FLAGS, folder, '--remote-debugging-port=0', 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, LD_LIBRARY_PATH: `${libraries}:${libraries}/pulseaudio` },
    });
  }

  /** `program` is another one than that of the other tests. */
  static async launch(program?: string, preferences: object = {}): Promise<RawChromium> {
    const path = program ?? (await sparticuz.executablePath());
    const browser = new RawChromium(path, preferences);
    const socket = new WebSocket(await browser.#address());
    browser.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const reply = JSON.parse(data.toString()) as Reply;
      if (reply.id !== undefined) browser.#waiting.get(reply.id)?.(reply);
    });
    await once(socket, 'open');
    return browser;
  }

  /** Chromium prints where its socket is. */
  #address(): Promise<string> {
    return new Promise((found, failed) => {
      let printed = '';
      const timer = setTimeout(() => failed(new Error(`no Chromium: ${printed}`)), STARTUP_MS_MAX);
      this.#process.stderr?.on('data', (data: Buffer) => {
        printed += data.toString();
        const address = /DevTools listening on (ws:\S+)/.exec(printed)?.[1];
        if (address === undefined) return;
        clearTimeout(timer);
        found(address);
      });
    });
  }

  async send(method: string, params: object, sessionId?: string): Promise<unknown> {
    const id = (this.#sent += 1);
    const replied = new Promise<Reply>((reply) => this.#waiting.set(id, reply));
    this.#socket?.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await replied;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async open(url: string): Promise<RawPage> {
    const { targetId } = (await this.send('Target.createTarget', { url })) as { targetId: string };
    return this.#attach(targetId);
  }

  async #attach(targetId: string): Promise<RawPage> {
    const attached = await this.send('Target.attachToTarget', { targetId, flatten: true });
    return new RawPage(this, targetId, (attached as { sessionId: string }).sessionId);
  }

  /** The first frame of another site than its page's, or null. */
  async frame(): Promise<RawPage | null> {
    const { targetInfos } = (await this.send('Target.getTargets', {})) as {
      targetInfos: { type: string; targetId: string }[];
    };
    const found = targetInfos.find(({ type }) => type === 'iframe');
    return found ? this.#attach(found.targetId) : null;
  }

  /** Ends it in order: killed, it would leave processes behind that still write to its profile. */
  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    const kill = setTimeout(() => this.#process.kill('SIGKILL'), CLOSE_MS_MAX);
    this.#socket?.send(JSON.stringify({ id: (this.#sent += 1), method: 'Browser.close' }));
    await exited;
    clearTimeout(kill);
    this.#socket?.close();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

export class RawPage {
  readonly #browser: RawChromium;
  readonly #target: string;
  readonly #session: string;

  constructor(browser: RawChromium, target: string, session: string) {
    this.#browser = browser;
    this.#target = target;
    this.#session = session;
  }

  send(method: string, params: object = {}): Promise<unknown> {
    return this.#browser.send(method, params, this.#session);
  }

  async navigate(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
    await this.#arrives(new URL(url).pathname);
  }

  /** Goes back to the page before, which is at this path. */
  async back(path: string): Promise<void> {
    const { currentIndex, entries } = (await this.send('Page.getNavigationHistory')) as {
      currentIndex: number;
      entries: { id: number }[];
    };
    await this.send('Page.navigateToHistoryEntry', { entryId: entries[currentIndex - 1]?.id });
    await this.#arrives(path);
  }

  async #arrives(path: string): Promise<void> {
    for (;;) {
      const at = await this.evaluate('document.readyState + location.pathname').catch(() => '');
      if (at === `complete${path}`) return;
    }
  }

  /** Ends the page's process, which tells the page nothing. The browser does not answer. */
  crash(): void {
    void this.send('Page.crash').catch(() => undefined);
  }

  /** Shows this tab, and hides the others. */
  show(): Promise<unknown> {
    return this.#browser.send('Target.activateTarget', { targetId: this.#target });
  }

  /** Evaluates an expression whose value can be serialized. */
  async evaluate(expression: string): Promise<unknown> {
    const { result } = (await this.send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    })) as { result: { value?: unknown } };
    return result.value;
  }

  /** The value of an attribute of the demo's element with this test id. */
  data(id: string, name: string): Promise<unknown> {
    return this.evaluate(`document.querySelector('[data-testid=${id}]')?.dataset.${name}`);
  }
}
