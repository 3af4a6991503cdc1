// What is wrong is said once: in the snapshot, to the host, and for what a developer must fix in one
// line of the console.

import { describe, expect, it, vi } from 'vitest';
import type { TierClientOptions } from '../src/index.js';
import * as limits from '../src/limits.js';
import { createHarness, role } from './harness.js';

const harness = createHarness();

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** A NextAuth session: an encrypted token of five parts. */
const JWE = 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVydGV4dA.dGFn';

/** Of a host that forgot to make its id a string. */
const NUMBERED = `e30.${btoa(JSON.stringify({ sub: 5 }))}.sig`;

const html = () =>
  Promise.resolve(new Response('<!doctype html>', { headers: { 'content-type': 'text/html' } }));
const refused = () => Promise.resolve(Response.json({ code: 'origin.refused' }, { status: 403 }));

type Case = [name: string, code: string, options: Partial<TierClientOptions>, fetch?: typeof fetch];

const cases: Case[] = [
  ['a session that is no JWT', 'token.unreadable', { getToken: () => 'opaque-session-id' }],
  ['an encrypted session', 'token.unreadable', { getToken: () => JWE }],
  ['a token without a subject', 'token.unreadable', { getToken: () => 'e30.e30.sig' }],
  ['an id that is a number', 'token.unreadable', { getToken: () => NUMBERED }],
  ['no text', 'token.unreadable', { getToken: () => ({ token: 'x' }) as never }],
  [
    'a host that throws',
    'token.failed',
    {
      getToken: () => {
        throw new Error('no session store');
      },
    },
  ],
  ['a host that never answers', 'token.failed', { getToken: () => new Promise<never>(() => null) }],
  ['an origin that is not listed', 'origin.refused', {}, refused],
  [
    'a browser that hides the answer',
    'server.unreachable',
    {},
    () => Promise.reject(new TypeError()),
  ],
  ['the address of another server', 'server.unexpected', {}, html],
];

describe.each(cases)('%s', (_, code, options, fetch) => {
  it('is said once in the console, to onError and in the snapshot', async () => {
    const onError = vi.fn();
    const tab = harness.browser.openTab('u1', { ...options, onError });
    if (fetch) {
      tab.env.fetch = fetch;
      harness.server.socketsBlocked = true;
    }
    await harness.advance(MINUTE_MS);
    expect(tab.snapshot).toMatchObject({ status: 'error', user: null, error: { code } });
    expect(tab.warnings).toHaveLength(1);
    expect(tab.warnings[0]).toMatch(new RegExp(`^tierlift: .*${code}.*https://tier.test`));
    expect(onError.mock.calls).toEqual([[tab.snapshot.error]]);
  });

  it('does not make a caller wait for ever', async () => {
    const tab = harness.browser.openTab('u1', options);
    if (fetch) tab.env.fetch = fetch;
    const profile = tab.client.refreshUserProfile();
    const settled = vi.fn();
    void tab.client.fetch('/guarded').then(settled, settled);
    await harness.advance(MINUTE_MS);
    expect(await profile).toBeNull();
    expect(settled).toHaveBeenCalledTimes(1);
  });
});

it('a host whose ids are numbers reads that “sub” has to be a string', async () => {
  const tab = harness.browser.openTab('u1', { getToken: () => NUMBERED });
  await harness.advance();
  expect(tab.warnings).toEqual([expect.stringContaining('whose “sub” is a string')]);
});

describe.each(['https://', 'http://[', 'localhost:8787', 'ftp://tier.test'])(
  'a baseUrl that is no address: %s',
  (baseUrl) => {
    it('is said once, and neither throws nor makes anybody wait', async () => {
      const onError = vi.fn();
      const tab = harness.browser.openTab('u1', { baseUrl, onError });
      const outcome = tab.client.watchUpgrade();
      tab.client.start()();
      await harness.advance(MINUTE_MS);
      const error = { code: 'base_url.invalid' };
      expect(tab.snapshot).toMatchObject({ status: 'error', user: null, error });
      expect(tab.warnings).toEqual([
        `tierlift: baseUrl is no http or https address (base_url.invalid, ${baseUrl})`,
      ]);
      expect(onError).toHaveBeenCalledTimes(1);
      expect(await outcome).toBe('cancelled');
      expect(await tab.client.refreshUserProfile()).toBeNull();
      await expect(tab.client.fetch('/guarded')).rejects.toThrow('base_url.invalid');
      expect(tab.dialed).toEqual([]);
    });
  },
);

it('a wrong secret is said as what it is, and signs nobody out', async () => {
  harness.server.refuse('u1', 'token.invalid');
  const [tab] = await harness.openTabs(1);
  expect(tab!.snapshot).toMatchObject({ status: 'error', error: { code: 'token.invalid' } });
  expect(tab!.warnings).toHaveLength(1);
});

it('an error is over when it is over, and is reported again when it comes back', async () => {
  const onError = vi.fn();
  const tab = harness.browser.openTab('u1', { onError });
  harness.server.up = false;
  await harness.advance(SECOND_MS);
  harness.server.up = true;
  await harness.advance(10 * SECOND_MS);
  expect(tab.snapshot).toMatchObject({ status: 'ready', error: null, isStale: false });
  harness.server.up = false;
  await Promise.all([tab.client.refreshUserProfile(), harness.advance()]);
  expect(tab.snapshot).toMatchObject({ status: 'ready', isStale: true });
  expect(onError).toHaveBeenCalledTimes(2);
  // What worked before is no mistake of the developer's.
  expect(tab.warnings).toHaveLength(1);
});

it('a host whose callbacks throw breaks nothing', async () => {
  const thrown: unknown[] = [];
  vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((work) => {
    try {
      work();
    } catch (error) {
      thrown.push(error);
    }
  });
  const broken = (): never => {
    throw new Error('the host');
  };
  harness.server.up = false;
  const tab = harness.browser.openTab('u1', {
    onError: broken,
    onToken: broken,
    refresh: 'tierlift',
  });
  tab.client.subscribe(broken);
  await harness.advance(SECOND_MS);
  harness.server.up = true;
  await harness.advance(limits.RECONNECT_DELAY_MS_MAX);
  harness.server.setRole('u1', 'paid');
  await harness.advance(2 * SECOND_MS);
  expect(role(tab)).toBe('paid');
  expect(thrown.length).toBeGreaterThan(0);
});

describe('a long answer through client.fetch', () => {
  const slow = (headMs: number, bodyMs: number) => async (_: string, init: RequestInit) => {
    const body = new ReadableStream({
      start: (controller) => {
        const timer = setTimeout(() => {
          controller.enqueue(new TextEncoder().encode('the end'));
          controller.close();
        }, headMs + bodyMs);
        init.signal?.addEventListener('abort', () => {
          clearTimeout(timer);
          controller.error(new DOMException('', 'AbortError'));
        });
      },
    });
    await new Promise((done) => setTimeout(done, headMs));
    return new Response(body);
  };

  it('is streamed to its end, however long that takes', async () => {
    const [tab] = await harness.openTabs(1);
    vi.spyOn(harness.server, 'fetch').mockImplementation(slow(1_000, MINUTE_MS));
    const text = tab!.client.fetch('/stream').then((response) => response.text());
    await harness.advance(2 * MINUTE_MS);
    expect(await text).toBe('the end');
  });

  it('whose head does not come is given up', async () => {
    const [tab] = await harness.openTabs(1);
    vi.spyOn(harness.server, 'fetch').mockImplementation(slow(MINUTE_MS, 0));
    const failed = expect(tab!.client.fetch('/stream')).rejects.toThrow('no answer');
    await harness.advance(limits.REQUEST_MS_MAX + SECOND_MS);
    await failed;
  });

  it('is limited by the caller’s own signal instead', async () => {
    const [tab] = await harness.openTabs(1);
    vi.spyOn(harness.server, 'fetch').mockImplementation(slow(20_000, 0));
    const { signal } = new AbortController();
    const response = tab!.client.fetch('/slow', { signal });
    await harness.advance(30_000);
    expect((await response).status).toBe(200);
  });
});
