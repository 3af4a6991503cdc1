// Serves one page of a host's own, on an origin of its own: a script that esbuild bundles from the
// client's source, an empty document, and the headers and other scripts that the test chooses.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { compile } from 'svelte/compiler';

const HTML = `<!doctype html><html lang="en"><title>Host</title>
  <body><script type="module" src="/page.js"></script></body></html>`;

type Alias = Record<string, string>;

const svelte: Plugin = {
  name: 'svelte',
  setup: (bundler) =>
    bundler.onLoad({ filter: /\.svelte$/ }, async ({ path }) => {
      const { js } = compile(await readFile(path, 'utf8'), { filename: path, generate: 'client' });
      return { contents: js.code };
    }),
};

/** What an application's bundler tells Vue. */
const VUE = {
  __VUE_OPTIONS_API__: 'false',
  __VUE_PROD_DEVTOOLS__: 'false',
  __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
};

/** The scripts by their path: the page's, and what it loads on demand. */
async function bundle(entry: string, alias: Alias): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: { page: join(import.meta.dirname, entry) },
    bundle: true,
    splitting: true,
    outdir: '/',
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    // React runs effects twice in Strict Mode in development only.
    define: { 'process.env.NODE_ENV': '"development"', ...VUE },
    conditions: ['browser'],
    plugins: [svelte],
    alias,
    write: false,
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}

export class PageServer {
  /** Headers of the document. */
  headers: Record<string, string> = {};
  /** Scripts by their path. */
  readonly scripts: Map<string, string>;
  readonly #server: Server;

  private constructor(scripts: Map<string, string>) {
    this.scripts = scripts;
    this.#server = createServer((request, response) => {
      const found = this.scripts.get(request.url ?? '');
      const type = found === undefined ? 'text/html' : 'text/javascript';
      response.writeHead(200, { 'content-type': type, ...(found === undefined && this.headers) });
      response.end(found ?? HTML);
    });
  }

  /** Starts one. `alias` replaces packages that the script imports. */
  static async start(entry: string, alias: Alias = {}): Promise<PageServer> {
    const server = new PageServer(await bundle(entry, alias));
    await once(server.#server.listen(0, '127.0.0.1'), 'listening');
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
