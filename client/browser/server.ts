// Runs a real `tierlift serve --demo` on a free port over a fresh file, and stops it. It fakes nothing:
// where the program has not been built, the tests fail and say how to build it.

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const STARTUP_MS_MAX = 15_000;
/** The public webhook secret of every demo. */
const WEBHOOK_SECRET = 'whsec_demo';
const SERVICE_TOKEN = '7c1e5a9b3d2f4806c8e0a2b4d6f81357';

/** The server, or another program of the workspace. */
export function program(name = 'tierlift'): string {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../target');
  const given = name === 'tierlift' ? process.env.TIERLIFT_BIN : undefined;
  const path = given ?? join(target, 'debug', name);
  if (!existsSync(path))
    throw new Error(`${path} does not exist: run cargo build, or set TIERLIFT_BIN`);
  return path;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** An event as Stripe posts it, signed now. */
export function signed(event: object, secret: string) {
  const body = JSON.stringify(event);
  const at = Math.floor(Date.now() / 1_000);
  const digest = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
  const headers = {
    'content-type': 'application/json',
    'stripe-signature': `t=${at},v1=${digest}`,
  };
  return { body, headers };
}

export type Action = 'upgrade' | 'downgrade' | 'past_due' | 'storm' | 'slow';

export class DemoServer {
  readonly origin: string;
  /** Where operators come in. */
  readonly operators: string;
  readonly #address: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tierlift-browser-'));
  #process: ChildProcess | null = null;

  private constructor(port: number, operators: number) {
    this.#address = `127.0.0.1:${port}`;
    this.origin = `http://${this.#address}`;
    this.operators = `http://127.0.0.1:${operators}`;
  }

  /** Starts one, with this configuration file if there is one. */
  static async start(config?: string): Promise<DemoServer> {
    const server = new DemoServer(await freePort(), await freePort());
    if (config !== undefined) server.configure(config);
    await server.run();
    return server;
  }

  /** Starts it, or restarts it over the same file and on the same port. */
  async run(): Promise<void> {
    const args = [
      'serve',
      '--demo',
      '--listen',
      this.#address,
      '--data',
      'demo.db',
      '--log',
      'warn',
      '--operations-listen',
      new URL(this.operators).host,
    ];
    const env = { ...process.env, TIERLIFT_SERVICE_TOKENS: `tests:${SERVICE_TOKEN}` };
    const options = { cwd: this.#folder, env, stdio: ['ignore', 'ignore', 'inherit'] as const };
    this.#process = spawn(program(), args, { ...options, stdio: [...options.stdio] });
    await this.#healthy();
  }

  async #healthy(): Promise<void> {
    const deadline = Date.now() + STARTUP_MS_MAX;
    for (;;) {
      const response = await fetch(`${this.origin}/healthz`).catch(() => null);
      if (response?.ok) return;
      if (Date.now() > deadline) throw new Error('the server did not become healthy');
      await new Promise((retry) => setTimeout(retry, 25));
    }
  }

  /** Kills it, as a crash would. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running?.exitCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Writes its configuration file, and has a running server read it again. */
  configure(config: string): void {
    this.write('tierlift.toml', config);
    this.#process?.kill('SIGHUP');
  }

  /** Writes a file beside its data. */
  write(name: string, text: string): void {
    writeFileSync(join(this.#folder, name), text);
  }

  /** Runs a command of an operator; returns what it prints. */
  command(...args: string[]): string {
    const all = [...args, '--data', 'demo.db'];
    return execFileSync(program(), all, { cwd: this.#folder, encoding: 'utf8' });
  }

  /** Writes to its data file as another process, beside it. */
  sql(statement: string): void {
    const script = `import sqlite3; db = sqlite3.connect("demo.db"); db.execute(${JSON.stringify(statement)}); db.commit()`;
    execFileSync('python3', ['-c', script], { cwd: this.#folder });
  }

  operatorToken(): string {
    return readFileSync(join(this.#folder, 'demo.db.operator-token'), 'utf8').trim();
  }

  /** Posts an event as Stripe would. */
  async webhook(event: object): Promise<void> {
    const { body, headers } = signed(event, WEBHOOK_SECRET);
    const url = `${this.origin}/webhooks/stripe`;
    const response = await fetch(url, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  }

  /** How many changes each user was notified of so far. */
  async changes(): Promise<Map<string, number>> {
    const users = new Map<string, number>();
    const authorization = `Bearer ${SERVICE_TOKEN}`;
    for (let after = ''; ;) {
      const response = await fetch(`${this.origin}/v1/changes?${after}`, {
        headers: { authorization },
      });
      const page = (await response.json()) as { changes: { userId: string }[]; cursor: string };
      if (page.changes.length === 0) return users;
      for (const { userId } of page.changes) users.set(userId, (users.get(userId) ?? 0) + 1);
      after = `after=${page.cursor}`;
    }
  }

  /** Makes the server send itself a customer's webhooks. */
  async simulate(userId: string, action: Action, delayMs?: number): Promise<void> {
    const response = await this.#post('/demo/simulate', { userId, action, delayMs });
    if (response.status !== 202)
      throw new Error(`${action}: ${response.status} ${await response.text()}`);
  }

  async token(userId: string): Promise<string> {
    const response = await this.#post('/demo/login', { userId });
    return ((await response.json()) as { accessToken: string }).accessToken;
  }

  #post(path: string, body: object): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    return fetch(this.origin + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }
}
