// A stand-in for Stripe: its API opens checkouts, its page takes a payment, and the webhooks that follow
// are those of `tierlift trigger`.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { program } from '../browser/server';
import { PRICE, SECRETS } from './servers';

interface Checkout {
  userId: string;
  successUrl: string;
  cancelUrl: string;
}

export class Stripe {
  /** Whether webhooks are held back until `deliver` is called. */
  late = false;
  readonly #checkouts = new Map<string, Checkout>();
  readonly #server = createServer((request, response) => void this.#respond(request, response));
  readonly #tierlift: string;

  private constructor(tierlift: string) {
    this.#tierlift = tierlift;
  }

  static async start(tierlift: string): Promise<Stripe> {
    const stripe = new Stripe(tierlift);
    await once(stripe.#server.listen(0, '127.0.0.1'), 'listening');
    return stripe;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async deliver(userId: string, action = 'upgrade'): Promise<void> {
    const { STRIPE_WEBHOOK_SECRET: secret, TIERLIFT_JWT_SECRET: jwtSecret } = SECRETS;
    const args = ['--url', this.#tierlift, '--secret', secret, '--jwt-secret', jwtSecret];
    const about = ['trigger', action, '--user', userId, '--price', PRICE];
    await promisify(execFile)(program(), [...about, ...args]);
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const id = path.replace('/pay/', '');
    const checkout = this.#checkouts.get(id);
    if (path === '/v1/checkout/sessions') this.#open(await bodyOf(request), response);
    else if (!checkout) response.writeHead(404).end();
    else if (request.method === 'GET') {
      response.setHeader('content-type', 'text/html');
      response.end(`<form method="post"><button>Pay</button></form>
        <a href="${checkout.cancelUrl}">Cancel</a>`);
    } else {
      if (!this.late) await this.deliver(checkout.userId);
      const location = checkout.successUrl.replace('{CHECKOUT_SESSION_ID}', id);
      response.writeHead(303, { location }).end();
    }
  }

  #open(body: URLSearchParams, response: ServerResponse): void {
    const id = `cs_test_${this.#checkouts.size + 1}`;
    const get = (name: string) => body.get(name) ?? `no ${name}`;
    // Later events of the subscription know the user by this alone.
    const userId = get('subscription_data[metadata][user_id]');
    const urls = { successUrl: get('success_url'), cancelUrl: get('cancel_url') };
    this.#checkouts.set(id, { userId, ...urls });
    response.setHeader('content-type', 'application/json');
    const url = `${this.origin}/pay/${id}`;
    response.end(JSON.stringify({ id, object: 'checkout.session', url }));
  }
}

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return new URLSearchParams(body);
}
