// What the browser tests start from: one real server and one real Chromium for each file, and a fresh
// browser context for each test.

import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Browser, BrowserContext } from 'playwright-core';
import { DemoServer } from './server';
import { launch } from './visitor';

/** Filled before the first test of a file runs. */
export interface Fixture {
  browser: Browser;
  server: DemoServer;
}

/** Starts the server and the browser of a test file, and stops them after its last test. */
export function useFixture(): Fixture {
  const fixture = {} as Fixture;
  beforeAll(async () => {
    fixture.server = await DemoServer.start();
    fixture.browser = await launch();
  });
  afterEach(() => Promise.all(fixture.browser.contexts().map(close)));
  afterAll(async () => {
    await fixture.browser.close();
    await fixture.server.close();
  });
  return fixture;
}

/** A request that a test answers itself may still be under way. */
async function close(context: BrowserContext): Promise<void> {
  await context.unrouteAll({ behavior: 'ignoreErrors' });
  await context.close();
}
