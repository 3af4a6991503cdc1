// The roles and their order come from the server. The host repeats them nowhere.

import { describe, expect, it } from 'vitest';
import { createTierClient } from '../src/index.js';
import { ROLES } from './fake-server.js';
import { createHarness } from './harness.js';

const harness = createHarness();

describe('the roles of the server', () => {
  it('are in the snapshot, lowest first, in every tab', async () => {
    const tabs = await harness.openTabs(2);
    expect(tabs.map((tab) => tab.snapshot.roles)).toEqual([ROLES, ROLES]);
  });

  it('tell an upgrade from a downgrade, whichever way it arrives', async () => {
    harness.server.socketsBlocked = true;
    const [tab] = await harness.openTabs(1);
    const changed = async (role: string) => {
      harness.server.setRole('u1', role);
      await Promise.all([tab!.client.refreshUserProfile(), harness.advance(500)]);
      return tab!.snapshot.lastChange?.type;
    };
    // `team` is not one of the default roles.
    expect(await changed('team')).toBe('ROLE_UPGRADED');
    expect(await changed('operator')).toBe('ROLE_UPGRADED');
    expect(await changed('team')).toBe('ROLE_DOWNGRADED');
  });

  it('answer whether the user has a role or a higher one', async () => {
    harness.server.setRole('u1', 'team');
    const tab = harness.browser.openTab();
    expect(tab.client.hasRole('free')).toBe(false);
    await harness.advance(500);
    expect(ROLES.map((role) => tab.client.hasRole(role))).toEqual([true, true, true, false]);
    expect(tab.client.hasRole('piad')).toBe(false);
  });

  it('are the default ones with an older server', async () => {
    harness.server.older = true;
    harness.server.setRole('u1', 'operator');
    const [tab] = await harness.openTabs(1);
    await harness.advance(500);
    expect(tab!.client.hasRole('paid')).toBe(true);
  });

  it('can be typed', () => {
    const client = createTierClient<'free' | 'pro'>({ getToken: () => null });
    // @ts-expect-error a role that the policy does not have
    expect(client.hasRole('piad')).toBe(false);
    expect(client.hasRole('pro')).toBe(false);
  });
});
