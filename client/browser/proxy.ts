// A host's server before a tierlift server: it serves the embedded page and a page with a frame, and
// passes everything else on, sockets included.

import { createServer, request } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { PAGE, embeddedPage } from './embedded';

export class Proxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #page: string;

  private constructor(target: URL, page: string) {
    this.#target = target;
    this.#page = page;
    this.#server = createServer((incoming, outgoing) => {
      const { pathname, searchParams } = new URL(incoming.url ?? '/', this.#target);
      const sandbox = searchParams.has('sandbox') ? 'sandbox="allow-scripts"' : '';
      const pages: Record<string, string> = {
        [PAGE]: this.#page,
        '/host': `<!doctype html><iframe ${sandbox} src="${searchParams.get('frame')}"></iframe>`,
      };
      const body = pages[pathname];
      if (body !== undefined) {
        // With this policy the page itself has an opaque origin.
        const policy = searchParams.has('sandboxed') && {
          'content-security-policy': 'sandbox allow-scripts',
        };
        outgoing.writeHead(200, { 'content-type': 'text/html', ...policy }).end(body);
        return;
      }
      const { method, url: path } = incoming;
      const passed = request(this.#target, { method, path, headers: this.#headers(incoming) });
      passed.on('response', (response) => {
        // An opaque origin is none that a server could list.
        const opaque = incoming.headers.origin === 'null';
        outgoing.writeHead(response.statusCode ?? 502, {
          ...response.headers,
          ...(opaque && { 'access-control-allow-origin': '*' }),
        });
        response.pipe(outgoing);
      });
      passed.on('error', () => outgoing.destroy());
      incoming.pipe(passed);
    });
    this.#server.on('upgrade', (incoming: IncomingMessage, socket) => {
      const lines = Object.entries(this.#headers(incoming)).map(
        ([name, value]) => `${name}: ${value}`,
      );
      const passed = connect(Number(this.#target.port), this.#target.hostname, () => {
        passed.write([`GET ${incoming.url} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
        passed.pipe(socket).pipe(passed);
      });
      for (const side of [passed, socket]) side.on('error', () => socket.destroy());
    });
  }

  static async start(target: string): Promise<Proxy> {
    const proxy = new Proxy(new URL(target), await embeddedPage());
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The server's own host and origin, for which it needs no configuration. */
  #headers(incoming: IncomingMessage): Record<string, string> {
    const { origin } = incoming.headers;
    return {
      ...incoming.headers,
      host: this.#target.host,
      ...(origin === undefined ? {} : { origin: this.#target.origin }),
    } as never;
  }

  origin(host = '127.0.0.1'): string {
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
