// A stack on an emulator of AWS: the packaged functions, deployed from the packaged template. It fakes nothing itself: what
// has not been built makes the tests fail and say how to build it.

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { program, signed } from '../server';

const ROOT = resolve(import.meta.dirname, '../../..');
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
const PACKAGE = process.env.TIERLIFT_PACKAGE ?? join(TARGET, 'test-package');
const PYTHON = join(TARGET, 'tools/venv/bin/python');
const SCRIPTS = join(ROOT, 'tests-aws/ministack');
const WEBHOOK_SECRET = 'whsec_7Zq2mVxT4bLr9KsWdN3c';
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'x86_64';

/** What follows `prefix` in the first line of a program's output that begins so. */
async function announced(output: Readable, prefix: string): Promise<string> {
  for await (const line of createInterface(output))
    if (line.startsWith(prefix)) return line.slice(prefix.length).trim();
  throw new Error(`nothing begins with "${prefix}"`);
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  if (child.stdin === null) child.kill('SIGINT');
  else child.stdin.end();
  await exited;
}

export class Stack {
  readonly #folder: string;
  readonly #emulator: ChildProcess;
  readonly #endpoint: string;
  #console: ChildProcess | null = null;
  #outputs: Record<string, string> = {};

  private constructor(folder: string, emulator: ChildProcess, port: string) {
    this.#folder = folder;
    this.#emulator = emulator;
    this.#endpoint = `http://127.0.0.1:${port}`;
  }

  static async start(plans: string): Promise<Stack> {
    for (const [path, command] of [
      [PYTHON, 'make tools'],
      [join(PACKAGE, 'template.yaml'), 'make test-package'],
    ] as const)
      if (!existsSync(path)) throw new Error(`${path} does not exist: run ${command}`);
    const folder = mkdtempSync(join(tmpdir(), 'tierlift-stack-'));
    const env = { ...process.env, TMPDIR: folder, AUTH: 'true', LOG_LEVEL: 'WARNING' };
    const emulator = spawn(PYTHON, ['-B', join(SCRIPTS, 'serve.py')], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const stack = new Stack(folder, emulator, await announced(emulator.stdout, ''));
    stack.deploy(
      'Roles=free,paid,team',
      plans,
      'GraceDays=0',
      'AllowedOrigins=https://app.example.com',
      `Architecture=${ARCHITECTURE}`,
    );
    const secret = ['--secret-id', stack.#output('WebhookSecretArn')];
    stack.#aws('secretsmanager', 'put-secret-value', ...secret, '--secret-string', WEBHOOK_SECRET);
    return stack;
  }

  /** Creates the stack, or updates it with parameters. */
  deploy(...parameters: string[]): void {
    const template = join(PACKAGE, 'template.yaml');
    const script = join(SCRIPTS, 'deploy.py');
    const args = ['-B', script, this.#endpoint, PACKAGE, template, ...parameters];
    const printed = execFileSync(PYTHON, args, { encoding: 'utf8' });
    this.#outputs = JSON.parse(printed) as Record<string, string>;
  }

  #output(name: string): string {
    const value = this.#outputs[name];
    if (value === undefined) throw new Error(`the stack has no output ${name}`);
    return value;
  }

  get #environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env.PATH,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: this.#endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    };
  }

  #aws(...args: string[]): void {
    const env = this.#environment;
    execFileSync(PYTHON, ['-B', join(SCRIPTS, 'aws.py'), ...args], { env });
  }

  /** The answer of a command of an operator. */
  json(...args: string[]): unknown {
    const options = { cwd: this.#folder, env: this.#environment, encoding: 'utf8' } as const;
    return JSON.parse(execFileSync(program(), [...args, '--aws', '--json'], options));
  }

  /** Posts an event as Stripe would. */
  async webhook(event: object): Promise<void> {
    const { body, headers } = signed(event, WEBHOOK_SECRET);
    const url = this.#output('WebhookUrl');
    const response = await fetch(url, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  }

  /** Serves the console as an operator does; returns where it is, with its token. */
  async console(actor: string): Promise<string> {
    const args = ['console', '--aws', '--actor', actor];
    const child = spawn(program(), args, {
      cwd: this.#folder,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#console = child;
    return announced(child.stdout, 'console: ');
  }

  async close(): Promise<void> {
    if (this.#console !== null) await end(this.#console);
    await end(this.#emulator);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
