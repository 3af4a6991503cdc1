// The hosts of examples/hosts: how each is started, and what of its source is tierlift's.

import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildSync } from 'esbuild';
import { program } from '../browser/server';
import { run } from './package';
import type { Folder } from './package';

const HOSTS = resolve(import.meta.dirname, '../../examples/hosts');
const CLIENT = resolve(import.meta.dirname, '..');

export type Command = [file: string, ...args: string[]];

export interface Host {
  /** The file that has tierlift's lines. */
  source: string;
  /** A command that succeeds where its language is installed. */
  needs: Command;
  /** Prepares it in a folder of its own, and returns the command that starts it at an address. */
  command: (cwd: string, address: URL) => Command;
}

/** A Python with what examples/hosts/requirements.txt lists. */
const python = process.env.HOSTS_PYTHON ?? 'python3';

export const hosts: Record<string, Host> = {
  express: {
    source: 'server.js',
    needs: [process.execPath, '--version'],
    command: (cwd) => {
      run(cwd, 'npm', 'ci', '--no-audit', '--no-fund', '--prefer-offline');
      return [process.execPath, 'server.js'];
    },
  },
  fastapi: {
    source: 'main.py',
    needs: [python, '-c', 'import fastapi, multipart, uvicorn'],
    command: (_, { hostname, port }) => {
      const address = ['--host', hostname, '--port', port];
      return [python, '-B', '-m', 'uvicorn', 'main:app', ...address];
    },
  },
  django: {
    source: 'host.py',
    needs: [python, '-c', 'import django'],
    command: (_, { host }) => [python, '-B', 'host.py', 'runserver', '--noreload', host],
  },
  go: {
    source: 'main.go',
    needs: ['go', 'version'],
    command: (cwd) => {
      // Of the standard library alone: no module is asked for, and no C compiler.
      run(cwd, 'env', 'GOPROXY=off', 'CGO_ENABLED=0', 'go', 'build', '-o', 'host', '.');
      return [join(cwd, 'host')];
    },
  },
  php: {
    source: 'index.php',
    needs: ['php', '--version'],
    command: (cwd, { host }) => {
      const sessions = ['-d', `session.save_path=${cwd}`];
      return ['php', ...sessions, '-S', host, '-t', join(cwd, '../page'), 'index.php'];
    },
  },
  rails: {
    source: 'config.ru',
    needs: ['ruby', '-e', 'require "rails"; require "puma"'],
    command: (_, { host }) => {
      const puma = 'require "puma/cli"; Puma::CLI.new(ARGV).run';
      return ['ruby', '-e', puma, '--', '--bind', `tcp://${host}`, 'config.ru'];
    },
  },
  axum: {
    source: 'src/main.rs',
    needs: ['true'],
    command: () => [program('tierlift-host-axum')],
  },
};

export function isInstalled([file, ...args]: Command): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What of a host is tierlift's: lines of code between its marks, without comments, lone brackets and `end`. */
export function linesOfTierlift(name: string, source: string): string[] {
  const text = readFileSync(join(HOSTS, name, source), 'utf8');
  const [, part] = /^(?:#|\/\/) tierlift$(.*)^(?:#|\/\/) end$/ms.exec(text) ?? [];
  if (part === undefined) throw new Error(`${name}/${source} does not say what is tierlift's`);
  const comment = /^\s*(?:#(?!\[)|\/\/|\/\*|\*|""")/;
  const bracket = /^\s*(?:end|\W*)$/;
  return part.split('\n').filter((line) => !comment.test(line) && !bracket.test(line));
}

/** Copies a host and the page into a folder. The page asks the tierlift at an origin. */
export function copy(name: string, folder: Folder, tierlift: string): void {
  cpSync(join(HOSTS, name), folder.at('host'), { recursive: true });
  cpSync(join(HOSTS, 'page'), folder.at('page'), { recursive: true });
  buildSync({
    entryPoints: [join(CLIENT, 'src/index.ts')],
    outdir: folder.at('page/tierlift'),
    bundle: true,
    splitting: true,
    format: 'esm',
  });
  const page = folder.at('page/index.html');
  writeFileSync(page, readFileSync(page, 'utf8').replace('http://127.0.0.1:8787', tierlift));
}
