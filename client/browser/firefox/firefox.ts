// A real Firefox with a profile of its own, over its WebDriver BiDi socket. It asserts nothing itself.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { WebSocket } from 'ws';

const STARTUP_MS_MAX = 60_000;
const CLOSE_MS_MAX = 10_000;

interface Reply {
  id?: number;
  result?: unknown;
  error?: string;
  message?: string;
}

export class Firefox {
  readonly #process: ChildProcess;
  readonly #profile: string;
  #socket: WebSocket | null = null;
  #sent = 0;
  readonly #waiting = new Map<number, (reply: Reply) => void>();

  private constructor(program: string, preferences: Record<string, unknown>) {
    this.#profile = mkdtempSync(join(tmpdir(), 'tierlift-firefox-'));
    const lines = Object.entries(preferences).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    );
    writeFileSync(join(this.#profile, 'user.js'), lines.join('\n'));
    const libraries = resolve(program, '../../x86_64-linux-gnu');
    this.#process = spawn(
      program,
      ['--headless', '--no-remote', '--profile', this.#profile, '--remote-debugging-port', '0'],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: {
          ...process.env,
          HOME: this.#profile,
          LD_LIBRARY_PATH: libraries,
          MOZ_DISABLE_CONTENT_SANDBOX: '1',
        },
      },
    );
  }

  static async launch(program: string, preferences: Record<string, unknown>): Promise<Firefox> {
    const firefox = new Firefox(program, preferences);
    const address = await firefox.#address();
    firefox.#socket = new WebSocket(`${address}/session`);
    firefox.#socket.on('message', (data: Buffer) => {
      const reply = JSON.parse(data.toString()) as Reply;
      if (reply.id !== undefined) firefox.#waiting.get(reply.id)?.(reply);
    });
    await once(firefox.#socket, 'open');
    await firefox.send('session.new', { capabilities: {} });
    return firefox;
  }

  /** Firefox prints where its socket is. */
  #address(): Promise<string> {
    return new Promise((found, failed) => {
      let printed = '';
      const timer = setTimeout(() => failed(new Error(`no Firefox: ${printed}`)), STARTUP_MS_MAX);
      this.#process.stderr?.on('data', (data: Buffer) => {
        printed += data.toString();
        const address = /WebDriver BiDi listening on (ws:\S+)/.exec(printed)?.[1];
        if (address === undefined) return;
        clearTimeout(timer);
        found(address);
      });
    });
  }

  async send(method: string, params: object): Promise<unknown> {
    const id = (this.#sent += 1);
    const replied = new Promise<Reply>((reply) => this.#waiting.set(id, reply));
    this.#socket?.send(JSON.stringify({ id, method, params }));
    const { result, error, message } = await replied;
    if (error !== undefined) throw new Error(`${method}: ${error}: ${message}`);
    return result;
  }

  /** Opens a tab, and resolves once it is loaded, its frames included. */
  async open(url: string): Promise<string> {
    const { context } = (await this.send('browsingContext.create', { type: 'tab' })) as {
      context: string;
    };
    await this.navigate(context, url);
    return context;
  }

  async navigate(context: string, url: string): Promise<void> {
    await this.send('browsingContext.navigate', { context, url, wait: 'complete' });
  }

  /** The first frame of a tab. */
  async frameOf(root: string): Promise<string> {
    const { contexts } = (await this.send('browsingContext.getTree', { root })) as {
      contexts: { children: { context: string }[] }[];
    };
    return contexts[0]?.children[0]?.context ?? '';
  }

  /** Evaluates an expression whose value is a text or null. */
  async text(context: string, expression: string): Promise<string | null> {
    const { result } = (await this.send('script.evaluate', {
      expression,
      target: { context },
      awaitPromise: true,
    })) as { result?: { value?: string } };
    return result?.value ?? null;
  }

  /** Goes back to the page before. */
  async back(context: string): Promise<void> {
    await this.send('browsingContext.traverseHistory', { context, delta: -1 });
  }

  /** Ends it in order: killed, it would leave processes behind that still write to its profile. */
  async close(): Promise<void> {
    const exited = once(this.#process, 'exit');
    const kill = setTimeout(() => this.#process.kill('SIGKILL'), CLOSE_MS_MAX);
    const message = { id: (this.#sent += 1), method: 'browser.close', params: {} };
    this.#socket?.send(JSON.stringify(message));
    await exited;
    clearTimeout(kill);
    this.#socket?.close();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
