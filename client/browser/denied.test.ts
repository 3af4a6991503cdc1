// A real Chromium that denies storage and locks to a page of an opaque origin: the page itself, a frame of
// its own site and one of another site. Nothing hangs, and the role is shown and followed. What Firefox
// denies is in browser/firefox.

import { expect, it } from 'vitest';
import type { Frame, Page } from 'playwright-core';
import { PAGE, serveEmbedded, showsRoleEmbedded, snapshotOf } from './embedded';
import { useFixture } from './fixture';
import { Visitor } from './visitor';

const fixture = useFixture();

/** A browser, and the address of the page for its user. */
async function arrive(): Promise<[visitor: Visitor, address: string]> {
  const visitor = await Visitor.arrive(fixture.browser, fixture.server, { signedOut: true });
  await serveEmbedded(visitor.context);
  const token = await fixture.server.token(visitor.userId);
  return [visitor, `${fixture.server.origin}${PAGE}?token=${token}`];
}

/** What the browser says to a page that uses each of them. */
const refusals = (page: Page | Frame): Promise<(string | null)[]> =>
  page.evaluate(() =>
    Promise.all(
      [() => globalThis.localStorage, () => navigator.locks.request('any', () => null)].map(
        async (use) => {
          try {
            await use();
            return null;
          } catch (error) {
            return (error as DOMException).name;
          }
        },
      ),
    ),
  );

async function follows(visitor: Visitor, page: Page | Frame): Promise<void> {
  expect(await refusals(page)).toEqual(['SecurityError', 'SecurityError']);
  await showsRoleEmbedded(page, 'free');
  expect((await snapshotOf(page)).position).toBe('solo');
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await showsRoleEmbedded(page, 'paid');
}

it('a page that is denied storage and locks does not hang, and follows a webhook', async () => {
  const [visitor, address] = await arrive();
  const page = await visitor.context.newPage();
  await page.goto(`${address}&sandboxed`);
  await follows(visitor, page);
});

it.each([
  ['its own site', '127.0.0.1'],
  ['another site', 'localhost'],
])('a sandboxed frame in a page of %s does not hang, nor the page around it', async (_, host) => {
  const [visitor, address] = await arrive();
  const page = await visitor.context.newPage();
  const body = `<iframe sandbox="allow-scripts" src="${address}"></iframe>`;
  await page.route('**/host', (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.goto(`${fixture.server.origin.replace('127.0.0.1', host)}/host`);
  await follows(visitor, page.frames()[1]!);
  expect(await page.evaluate(() => document.readyState)).toBe('complete');
});
