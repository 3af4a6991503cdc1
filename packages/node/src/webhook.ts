// Webhooks of tierlift to the host, as Standard Webhooks signs them.

import { Webhook as Verifier } from 'standardwebhooks';
import type { components } from './openapi.js';

/** A committed change, as it is posted to the host. */
export type Webhook = components['schemas']['Webhook'] & {
  /** The same in every try: leave out what was seen. */
  id: string;
};

/** Those of Node.js and Express, or of the Fetch API. */
type Headers = Record<string, string | string[] | undefined> | globalThis.Headers;

/**
 * Verifies a webhook and returns it; throws if none of the secrets signed it, or if it is older than five minutes.
 * `body` is the body as it was received, before any parser. The secrets are those of `TIERLIFT_WEBHOOKS_OUT_SECRET`
 * by default, two while one is rotated.
 */
export function verifyWebhook(
  body: string | Uint8Array,
  headers: Headers,
  secrets = process.env.TIERLIFT_WEBHOOKS_OUT_SECRET ?? '',
): Webhook {
  const named = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => {
    const value = headers instanceof globalThis.Headers ? headers.get(name) : headers[name];
    return [name, String(value ?? '')] as const;
  });
  const own = Object.fromEntries(named);
  const text = typeof body === 'string' ? body : Buffer.from(body).toString('utf8');
  let failure: unknown;
  for (const secret of secrets.split(',')) {
    try {
      const webhook = new Verifier(secret.trim()).verify(text, own) as Omit<Webhook, 'id'>;
      return { ...webhook, id: own['webhook-id'] ?? '' };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
