// A page of a host that has nothing but the client: for frames and browsers that deny storage, in which
// the demo, which keeps its own token there, could not run. It asserts nothing itself.

import { join } from 'node:path';
import { build } from 'esbuild';
import type { BrowserContext, Frame, Page } from 'playwright-core';
import type { TierSnapshot } from '@tierlift/client';

export const PAGE = '/embedded';
const CORS = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };

/**
 * The page: it starts a client with the token of its address, shows the snapshot, and counts how often
 * the browser has brought it back as it was left.
 */
export async function embeddedPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '../src/index.ts')],
    bundle: true,
    minify: true,
    format: 'iife',
    globalName: 'tierlift',
    write: false,
  });
  const start = `
    const token = new URLSearchParams(location.search).get('token');
    const baseUrl = location.protocol + '//' + location.host;
    window.client = tierlift.createTierClient({ baseUrl, getToken: () => token });
    const show = () => { document.body.dataset.role = client.getSnapshot().user?.role ?? ''; };
    client.subscribe(show);
    window.restored = 0;
    addEventListener('pageshow', ({ persisted }) => { window.restored += Number(persisted); });
    client.start();`;
  return `<!doctype html><title>embedded</title><body><script>${outputFiles[0]?.text}</script><script>${start}</script>`;
}

/** Serves the page, and lets pages of an opaque origin read the server's answers. */
export async function serveEmbedded(context: BrowserContext): Promise<void> {
  const body = await embeddedPage();
  await context.route(
    ({ pathname }) => pathname === PAGE,
    (route) => {
      // With this policy the page itself has an opaque origin.
      const sandboxed = new URL(route.request().url()).searchParams.has('sandboxed');
      const policy = sandboxed ? { 'content-security-policy': 'sandbox allow-scripts' } : undefined;
      return route.fulfill({ headers: { 'content-type': 'text/html', ...policy }, body });
    },
  );
  await context.route(/\/session(\/refresh)?(\?|$)/, async (route) => {
    if (route.request().method() === 'OPTIONS')
      return route.fulfill({ status: 204, headers: CORS });
    const headers = { ...(await route.request().allHeaders()) };
    // An opaque origin is none that a server could list.
    delete headers.origin;
    const response = await route.fetch({ headers }).catch(() => null);
    if (response === null) return route.abort();
    return route.fulfill({ response, headers: { ...response.headers(), ...CORS } });
  });
}

export const snapshotOf = (page: Page | Frame): Promise<TierSnapshot> =>
  page.evaluate(() =>
    (globalThis as unknown as { client: { getSnapshot: () => TierSnapshot } }).client.getSnapshot(),
  );

export async function showsRoleEmbedded(page: Page | Frame, role: string): Promise<void> {
  await page.waitForFunction((wanted) => document.body.dataset.role === wanted, role);
}
