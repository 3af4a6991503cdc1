// Starts what an example needs: a `tierlift serve` with a configuration of its own, and the example's own
// server. Each is ended by its own process id.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort, program } from '../browser/server';
import type { Folder } from './package';

const STARTUP_MS_MAX = 60_000;

export const PRICE = 'price_pro';
export const SERVICE_TOKEN = '3f9a1c5e7b2d4f6088aacce1f35792b4';
export const SECRETS = {
  TIERLIFT_SERVICE_TOKENS: `web:${SERVICE_TOKEN}`,
  STRIPE_WEBHOOK_SECRET: 'whsec_7Rk2vWqXf4LmZt9YbNcS',
  TIERLIFT_JWT_SECRET: 'a secret of 32 bytes or even more',
  SESSION_SECRET: 'another secret of 32 bytes or more',
};

export class Server {
  readonly origin: string;
  readonly #process: ChildProcess;
  #printed = '';

  private constructor(origin: string, running: ChildProcess) {
    this.origin = origin;
    this.#process = running;
    for (const output of [running.stdout, running.stderr]) {
      output?.on('data', (text: Buffer) => (this.#printed += text.toString()));
    }
  }

  /** Runs a program until it answers at `path`. */
  static async start(
    [file, ...args]: [string, ...string[]],
    origin: string,
    { cwd, env, path }: { cwd: string; env: Record<string, string>; path: string },
  ): Promise<Server> {
    const running = spawn(file, args, { cwd, env: { ...process.env, ...env } });
    const server = new Server(origin, running);
    const deadline = Date.now() + STARTUP_MS_MAX;
    for (;;) {
      const response = await fetch(origin + path).catch(() => null);
      if (response?.ok) return server;
      if (running.exitCode !== null || Date.now() > deadline) {
        await server.close();
        throw new Error(`${file} does not answer: ${response?.status}\n${server.#printed}`);
      }
      await new Promise((retry) => setTimeout(retry, 50));
    }
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}

export const freeOrigin = async () => `http://127.0.0.1:${await freePort()}`;

/** A tierlift that knows one price, and pages of these origins. */
export async function startTierlift(folder: Folder, origins: string[]): Promise<Server> {
  const text = `
    allowed_origins = ${JSON.stringify(origins)}
    [plans]
    ${PRICE} = "paid"
    [features]
    free = ["read"]
    paid = ["export"]`;
  folder.write('tierlift/tierlift.toml', text);
  const origin = await freeOrigin();
  const args = ['serve', '--listen', new URL(origin).host, '--data', 'tierlift.db'];
  const options = { cwd: join(folder.path, 'tierlift'), env: SECRETS, path: '/healthz' };
  return Server.start([program(), ...args], origin, options);
}
