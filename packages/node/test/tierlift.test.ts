// The client against a real server.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tierlift, TierliftError, verifyWebhook } from '../src/index.js';
import type { Changes } from '../src/index.js';
import { SERVICE_TOKEN, Server, WEBHOOK_SECRET } from './server.js';

interface Received {
  body: Buffer;
  headers: IncomingHttpHeaders;
}

/** A host that takes webhooks, and whatever else a test has it answer. */
class Host {
  readonly received: Received[] = [];
  readonly #server: HttpServer;

  constructor(answer?: (path: string) => [status: number, body: string]) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.received.push({ body: Buffer.concat(chunks), headers: request.headers });
        const [status, body] = answer?.(request.url ?? '') ?? [204, ''];
        if (status > 0) response.writeHead(status, { location: '/elsewhere' }).end(body);
      });
    });
  }

  async start(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const host = new Host();
let server: Server;
let tierlift: Tierlift;

beforeAll(async () => {
  server = await Server.start(await host.start());
  tierlift = new Tierlift({ url: `${server.url}/`, serviceToken: SERVICE_TOKEN });
});
afterAll(async () => {
  await server.close();
  host.close();
});

const paid = (userId: string, grantId = `grant of ${userId}`) =>
  tierlift.grant({ grantId, userId, role: 'paid', reason: 'a test' });
const refusal = async (asked: Promise<unknown>) => {
  const error: unknown = await asked.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof TierliftError)) throw new Error(`no TierliftError: ${String(error)}`);
  return error;
};
const nowSecs = () => Math.floor(Date.now() / 1000);

describe('a user', () => {
  it('has what they were granted, whatever their id is', async () => {
    const id = 'ada/böb ?#%';
    expect(await tierlift.user(id)).toMatchObject({ userId: id, role: 'free', features: [] });
    expect(await paid(id)).toMatchObject({ userId: id, role: 'paid', withdrawnAt: null });
    expect(await tierlift.user(id)).toMatchObject({ role: 'paid', features: ['export'] });
    const withdrawal = { grantId: `grant of ${id}`, userId: id, reason: 'refunded' };
    expect((await tierlift.withdrawGrant(withdrawal)).withdrawnAt).not.toBeNull();
    expect((await tierlift.user(id)).role).toBe('free');
  });

  it('has what their organisation has, if it is named', async () => {
    await paid('org_1');
    const session = await tierlift.user('cleo', { account: ['org_1', 'org_2'] });
    expect(session).toMatchObject({ role: 'paid', accountId: 'org_1' });
    expect(session.accounts).toEqual(['cleo', 'org_1', 'org_2']);
  });

  it('must sign in again once their sign-in is too old or was revoked', async () => {
    const authTime = nowSecs();
    const signIn = { userId: 'dora', authTime };
    expect((await tierlift.user('dora', { authTime })).userId).toBe('dora');
    const { accessToken, expiresIn, user } = await tierlift.issueToken(signIn);
    expect([accessToken.split('.').length, expiresIn > 0, user.userId]).toEqual([3, true, 'dora']);
    const old = await refusal(tierlift.user('dora', { authTime: authTime - 365 * 86_400 }));
    expect([old.status, old.code]).toEqual([401, 'token.session_expired']);
    server.run('revoke', 'dora', '--reason', 'a test');
    for (const asked of [tierlift.user('dora', { authTime }), tierlift.issueToken(signIn)]) {
      const revoked = await refusal(asked);
      expect([revoked.status, revoked.answered, revoked.code]).toEqual([401, 409, 'token.revoked']);
    }
  });
});

it('asks for any number of users at once, in order', async () => {
  await paid('user 150');
  const ids = Array.from({ length: 201 }, (_, index) => `user ${index}`);
  const users = await tierlift.users(ids);
  expect(users.map(({ userId }) => userId)).toEqual(ids);
  expect(users.filter(({ role }) => role === 'paid').map(({ userId }) => userId)).toEqual([
    'user 150',
  ]);
  expect(await tierlift.users([])).toEqual([]);
});

it('follows changes from a cursor until it is aborted', async () => {
  const { cursor, changes } = await tierlift.changes();
  expect(changes).toEqual([]);
  const controller = new AbortController();
  const seen: string[] = [];
  let last: Changes | undefined;
  const following = (async () => {
    for await (const answer of tierlift.follow(cursor, controller.signal)) {
      last = answer;
      seen.push(...answer.changes.map(({ userId, role }) => `${userId} ${role}`));
      if (seen.length === 2) return;
    }
  })();
  await paid('eve');
  await paid('finn');
  await following;
  expect(seen).toEqual(['eve paid', 'finn paid']);
  const waiting = tierlift.follow(last?.cursor ?? '', controller.signal).next();
  controller.abort();
  await refusal(waiting);
  expect((await tierlift.follow(cursor, controller.signal).next()).done).toBe(true);
  expect((await refusal(tierlift.changes('9-0123456789abcdef'))).code).toBe('cursor.expired');
});

it('verifies the webhooks of the server, and no others', async () => {
  await paid('gil');
  const ofGil = () => host.received.find(({ body }) => body.includes('"gil"'));
  await expect.poll(ofGil, { timeout: 30_000 }).toBeDefined();
  const { body, headers } = ofGil() ?? { body: Buffer.of(), headers: {} };
  const webhook = verifyWebhook(body, headers, WEBHOOK_SECRET);
  expect(webhook).toMatchObject({ type: 'role.upgraded', id: headers['webhook-id'] });
  expect(webhook.data).toMatchObject({ userId: 'gil', previousRole: 'free', role: 'paid' });
  const other = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX';
  const list = new Headers(headers as Record<string, string>);
  expect(verifyWebhook(body.toString(), list, `${other}, ${WEBHOOK_SECRET}`)).toEqual(webhook);
  for (const [text, with_, secret] of [
    [`${body.toString()} `, headers, WEBHOOK_SECRET],
    [body, headers, other],
    [body, { ...headers, 'webhook-id': 'another' }, WEBHOOK_SECRET],
    [body, { ...headers, 'webhook-timestamp': String(nowSecs() - 301) }, WEBHOOK_SECRET],
    [body, {}, WEBHOOK_SECRET],
    [body, headers, ''],
  ] as const)
    expect(() => verifyWebhook(text, with_, secret)).toThrow();
});

describe('without an answer', () => {
  it('has a status that lets nobody in and signs nobody out', async () => {
    const wrong = new Tierlift({ url: server.url, serviceToken: 'x'.repeat(32) });
    const refused = await refusal(wrong.user('ada'));
    expect([refused.status, refused.answered, refused.code]).toEqual([
      503,
      401,
      'service_token.invalid',
    ]);
    const nobody = new Tierlift({ url: 'http://127.0.0.1:1', serviceToken: SERVICE_TOKEN });
    const silent = await refusal(nobody.user('ada'));
    expect([silent.status, silent.statusCode, silent.answered]).toEqual([503, 503, undefined]);
  });

  it('takes no page of a proxy, no redirect and no end of patience for one', async () => {
    const strange = new Host((path) => {
      if (path.includes('html')) return [200, '<html>'];
      if (path === '/elsewhere') return [200, '{}'];
      if (path.includes('conflict')) return [409, 'Conflict'];
      return path.includes('late') ? [0, ''] : [302, ''];
    });
    const url = await strange.start();
    const asked = new Tierlift({ url, serviceToken: SERVICE_TOKEN, timeoutMs: 200 });
    for (const id of ['html', 'conflict', 'late', 'moved'])
      expect((await refusal(asked.user(id))).status).toBe(503);
    strange.close();
  });

  it('says what is missing before it asks', () => {
    expect(() => new Tierlift({ url: '', serviceToken: 'x' })).toThrow('TIERLIFT_URL');
    expect(() => new Tierlift({ url: 'http://x', serviceToken: '' })).toThrow(
      'TIERLIFT_SERVICE_TOKEN',
    );
  });
});
