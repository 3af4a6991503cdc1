// The looks of each state: a screenshot at two widths and in two themes, no serious violation that axe
// reports, nothing wider than the screen, and nothing that moves when the role changes.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import type { User } from '@tierlift/client';
import { overflow, violations } from './access';
import { useFixture } from './fixture';
import { Visitor, live, showsRole, showsWatch } from './visitor';

const FOLDER = join(import.meta.dirname, '../screenshots/demo');
const WIDTHS = { phone: 390, desktop: 1280 };

const fixture = useFixture();

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
});

interface State {
  name: string;
  signedOut?: boolean;
  reach: (page: Page, visitor: Visitor) => Promise<void>;
}

const go = (page: Page, query = '') => page.goto(`${fixture.server.origin}/demo${query}`);

/** Reports this about the user as another tab would, later than anything that the server says. */
async function report(page: Page, part: Partial<User>): Promise<void> {
  await page.evaluate(async (changed) => {
    const authorization = `Bearer ${localStorage.getItem('demo.token')}`;
    const response = await fetch('/session', { headers: { authorization } });
    const user = { ...((await response.json()) as User), ...changed, accountVersion: 1_000_000 };
    const message = { v: 1, source: 'test', at: Date.now(), userId: user.userId, user };
    const channel = new BroadcastChannel(`tierlift:${location.origin}`);
    channel.postMessage({ ...message, type: 'REFRESH' });
    channel.close();
  }, part);
}

async function upgraded(visitor: Visitor, page: Page): Promise<void> {
  await live(page);
  await fixture.server.simulate(visitor.userId, 'upgrade');
  await page.getByTestId('premium-text').waitFor();
}

const FEATURES = ['export', 'reports', 'priority support', 'single sign-on', 'audit log'];
const OVERDUE = { features: FEATURES, status: 'past_due', pastDueSince: '2027-12-24T12:00:00Z' };

const states: State[] = [
  {
    name: 'sign-in',
    signedOut: true,
    reach: (page) => page.getByRole('heading', { name: 'Come in' }).waitFor(),
  },
  {
    name: 'trouble',
    signedOut: true,
    reach: async (page) => {
      await page.evaluate(() => localStorage.setItem('demo.token', 'an opaque session id'));
      await page.reload();
      await page.getByRole('alert').getByText('token.unreadable').waitFor();
    },
  },
  { name: 'free', reach: live },
  {
    name: 'checkout',
    reach: async (page) => {
      await go(page, '?checkout');
      await page.getByRole('button', { name: /Pay/ }).waitFor();
    },
  },
  {
    name: 'pending',
    reach: async (page) => {
      await go(page, '?return');
      await showsWatch(page, 'pending');
    },
  },
  {
    name: 'timed-out',
    reach: async (page) => {
      await page.clock.install();
      await go(page, '?return');
      await showsWatch(page, 'pending');
      await page.clock.runFor(61_000);
      await showsWatch(page, 'timed_out');
    },
  },
  {
    name: 'upgraded',
    reach: async (page, visitor) => {
      await go(page, '?return');
      await showsWatch(page, 'pending');
      await fixture.server.simulate(visitor.userId, 'upgrade');
      await showsWatch(page, 'upgraded');
      await page.getByTestId('premium-text').waitFor();
    },
  },
  {
    name: 'polling',
    reach: async (page) => {
      await live(page);
      await page.getByRole('switch', { name: /Drop my socket/ }).click();
      await page.locator('[data-testid=connection]', { hasText: 'Polling' }).waitFor();
    },
  },
  {
    name: 'downgraded',
    reach: async (page, visitor) => {
      await live(page);
      await page.getByRole('button', { name: 'Webhook storm' }).click();
      await page.getByText('webhooks sent').waitFor();
      await fixture.server.simulate(visitor.userId, 'upgrade');
      await showsRole(page, 'paid');
      await page.getByRole('button', { name: 'Cancel subscription' }).click();
      await showsRole(page, 'free');
      await page.locator('[data-testid=premium-response][data-code="403"]').waitFor();
    },
  },
  {
    name: 'ends',
    reach: async (page, visitor) => {
      await upgraded(visitor, page);
      await report(page, {
        features: FEATURES,
        status: 'active',
        cancelAt: '2027-12-24T12:00:00Z',
      });
      await page.getByText('Your plan ends on December 24, 2027.').waitFor();
    },
  },
  {
    name: 'past-due',
    reach: async (page, visitor) => {
      await upgraded(visitor, page);
      await report(page, OVERDUE);
      await page.getByText('overdue since December 24, 2027').waitFor();
    },
  },
];

describe.each(Object.entries(WIDTHS))('on a %s', (device, width) => {
  describe.each(['light', 'dark'] as const)('in the %s theme', (colorScheme) => {
    it.each(states)('$name', async ({ name, signedOut = false, reach }) => {
      const viewport = { width, height: device === 'phone' ? 844 : 900 };
      const look = { viewport, colorScheme, reducedMotion: 'reduce' as const };
      const visitor = await Visitor.arrive(fixture.browser, fixture.server, { ...look, signedOut });
      const page = await visitor.open();
      await reach(page, visitor);
      const path = join(FOLDER, `${name}-${device}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: true });
      expect(await violations(page)).toEqual([]);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
    });
  });

  it('nothing moves from free to pending, late, paid and back', async () => {
    const visitor = await Visitor.arrive(fixture.browser, fixture.server, {
      viewport: { width, height: 900 },
    });
    const page = await visitor.openLive();
    const places = () =>
      page.evaluate(() =>
        [...document.querySelectorAll('.card')].map((card) => {
          const { x, y, width: w, height } = card.getBoundingClientRect();
          return [x, y + scrollY, w, height].map(Math.round);
        }),
      );
    const before = await places();
    await page.clock.install();
    await go(page, '?return');
    await showsWatch(page, 'pending');
    expect(await places()).toEqual(before);
    await page.clock.runFor(61_000);
    await showsWatch(page, 'timed_out');
    expect(await places()).toEqual(before);
    await fixture.server.simulate(visitor.userId, 'upgrade');
    await page.getByTestId('premium-text').waitFor();
    expect(await places()).toEqual(before);
    await report(page, OVERDUE);
    await page.getByText('overdue since').waitFor();
    expect(await places()).toEqual(before);
    await fixture.server.simulate(visitor.userId, 'downgrade');
    await showsRole(page, 'free');
    expect(await places()).toEqual(before);
  });
});
