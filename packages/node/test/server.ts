// Runs a real `tierlift serve` on a free port over a fresh file. It fakes nothing: where the program has not been
// built, the tests fail and say how to build it.

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const STARTUP_MS_MAX = 60_000;

export const SERVICE_TOKEN = '3f9a1c5e7b2d4f6088aacce1f35792b4';
export const WEBHOOK_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

function program(): string {
  const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, '../../../target');
  const path = join(target, 'debug/tierlift');
  if (!existsSync(path)) throw new Error(`${path} does not exist: run cargo build`);
  return path;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

export class Server {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tierlift-node-'));
  readonly #process: ChildProcess;

  private constructor(
    readonly url: string,
    config: string,
    more: NodeJS.ProcessEnv = {},
  ) {
    writeFileSync(join(this.#folder, 'tierlift.toml'), config);
    const args = ['serve', '--listen', new URL(url).host, '--data', 'tierlift.db'];
    const env = {
      ...process.env,
      STRIPE_WEBHOOK_SECRET: 'whsec_7Rk2vWqXf4LmZt9YbNcS',
      TIERLIFT_JWT_SECRET: 'a secret of 32 bytes or even more',
      TIERLIFT_SERVICE_TOKENS: `web:${SERVICE_TOKEN}`,
      TIERLIFT_WEBHOOKS_OUT_SECRET: WEBHOOK_SECRET,
      ...more,
    };
    this.#process = spawn(program(), args, { cwd: this.#folder, env, stdio: 'ignore' });
  }

  /** Starts one whose webhooks go to an address, with more variables. */
  static async start(webhooks: string, more?: NodeJS.ProcessEnv): Promise<Server> {
    const config = `
      [plans]
      price_pro = "paid"
      [features]
      paid = ["export"]
      [webhooks_out]
      url = "${webhooks}"`;
    const server = new Server(`http://127.0.0.1:${await freePort()}`, config, more);
    const deadline = Date.now() + STARTUP_MS_MAX;
    for (;;) {
      const response = await fetch(`${server.url}/healthz`).catch(() => null);
      if (response?.ok) return server;
      if (Date.now() > deadline || server.#process.exitCode !== null) {
        await server.close();
        throw new Error('tierlift does not start');
      }
      await new Promise((retry) => setTimeout(retry, 20));
    }
  }

  /** Runs a command beside its data file. */
  run(...args: string[]): void {
    execFileSync(program(), args, { cwd: this.#folder, stdio: 'pipe' });
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
