// Tokens that tierlift signs by itself, checked without it: by Node's own OpenSSL, from the published key set alone.

import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tierlift } from '../src/index.js';
import type { Issued } from '../src/index.js';
import { SERVICE_TOKEN, Server } from './server.js';

const pem = () =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const json = (part: string | undefined) =>
  JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Record<string, unknown>;

/** The claims of a token, if one of the keys has signed it (RFC 7515, section 5.2). */
const check = (token: string, keys: JsonWebKey[]) => {
  const [head, claims, signature] = token.split('.');
  const { alg, kid } = json(head);
  const jwk = keys.find((key) => key.kid === kid);
  if (alg !== 'EdDSA' || !jwk) throw new Error(`no key ${String(kid)}`);
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const signed = Buffer.from(`${String(head)}.${String(claims)}`);
  if (!verify(null, signed, key, Buffer.from(signature ?? '', 'base64url')))
    throw new Error('not signed by it');
  return json(claims);
};

describe('a token that tierlift signs by itself', () => {
  const both = pem() + pem();
  let server: Server;
  let tierlift: Tierlift;
  let keys: JsonWebKey[];

  beforeAll(async () => {
    server = await Server.start('http://127.0.0.1:9/hooks', { TIERLIFT_SIGNING_KEYS: both });
    tierlift = new Tierlift({ url: server.url, serviceToken: SERVICE_TOKEN });
    const response = await fetch(`${server.url}/.well-known/jwks.json`);
    ({ keys } = (await response.json()) as { keys: JsonWebKey[] });
  });

  afterAll(() => server.close());

  it('is checked with the published keys, and says the role and the features', async () => {
    const expiresAt = new Date(Date.now() + 300_000).toISOString();
    const grant = { grantId: 'pass', userId: 'ada', role: 'paid', expiresAt, reason: 'a pass' };
    await tierlift.grant(grant);
    const issued: Issued = await tierlift.issueToken({ userId: 'ada' });
    const claims = check(issued.accessToken, keys);
    expect(claims).toMatchObject({ sub: 'ada', role: 'paid', features: ['export'] });
    const { iat, exp } = claims as { iat: number; exp: number };
    expect(exp).toBeLessThanOrEqual(Date.parse(expiresAt) / 1_000);
    expect(exp - iat).toBe(issued.expiresIn);
  });

  it('is refused when it was altered, or when its key is not published', async () => {
    const { accessToken } = await tierlift.issueToken({ userId: 'bob' });
    expect(check(accessToken, keys)).toMatchObject({ sub: 'bob', role: 'free', features: [] });
    const [head, , signature] = accessToken.split('.');
    const paid = Buffer.from(JSON.stringify({ sub: 'bob', role: 'paid' })).toString('base64url');
    const altered = `${String(head)}.${paid}.${String(signature)}`;
    expect(() => check(altered, keys)).toThrow('not signed by it');
    expect(keys).toHaveLength(2);
    expect(() => check(accessToken, keys.slice(1))).toThrow('no key');
  });
});
