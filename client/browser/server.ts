// Runs a real `tierlift serve --demo` on a free port over a fresh file, and stops it. It fakes nothing:
// where the program has not been built, the tests fail and say how to build it.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const STARTUP_MS_MAX = 15_000;

export function program(): string {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../target');
  const path = process.env.TIERLIFT_BIN ?? join(target, 'debug/tierlift');
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

export type Action = 'upgrade' | 'downgrade' | 'past_due' | 'storm' | 'slow';

export class DemoServer {
  readonly origin: string;
  readonly #address: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tierlift-browser-'));
  #process: ChildProcess | null = null;

  private constructor(port: number) {
    this.#address = `127.0.0.1:${port}`;
    this.origin = `http://${this.#address}`;
  }

  static async start(): Promise<DemoServer> {
    const server = new DemoServer(await freePort());
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
    ];
    const options = { cwd: this.#folder, stdio: ['ignore', 'ignore', 'inherit'] as const };
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
