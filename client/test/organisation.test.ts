// Tokens that speak for a user and an organisation: what one organisation's token has shown is never
// compared with what another's shows, although the user is the same.

import { describe, expect, it } from 'vitest';
import { holderOf, reportedHolder } from '../src/claims.js';
import { createUser, tokenFor } from './fake-server.js';
import { createHarness, role } from './harness.js';

const harness = createHarness();

const token = (rev: number, org?: string): string =>
  tokenFor('u1', rev, org === undefined ? {} : { org_id: org });

/** Tabs of a host that keeps its token where all of them read it. */
function openTabs(first: string, count: number) {
  const host = { token: first };
  const options = { getToken: () => host.token, accountClaims: ['sub', 'org_id'] };
  return {
    host,
    tabs: Array.from({ length: count }, () => harness.browser.openTab('u1', options)),
  };
}

describe('another organisation', () => {
  it('starts over, however far the one before has come', async () => {
    const { server } = harness;
    for (const next of ['paid', 'free', 'paid']) server.setRole('u1\norg1', next);
    const { host, tabs } = openTabs(token(3, 'org1'), 2);
    await harness.advance();
    expect(tabs.map(role)).toEqual(['paid', 'paid']);
    expect(tabs[0]!.snapshot.user).toMatchObject({ userId: 'u1', accounts: ['u1', 'org1'] });
    host.token = token(0, 'org2');
    tabs[0]!.client.signedIn();
    await harness.advance(1_000);
    expect(tabs.map(role)).toEqual(['free', 'free']);
    server.setRole('u1\norg2', 'paid');
    await harness.advance();
    expect(tabs.map(role)).toEqual(['paid', 'paid']);
    host.token = token(0);
    tabs[1]!.client.signedIn();
    await harness.advance(1_000);
    expect(tabs.map(role)).toEqual(['free', 'free']);
    expect([...server.sockets].map((socket) => socket.userId)).toEqual(['u1']);
  });
});

describe('whose session a token begins', () => {
  const read = (claims: object, names: string[]): string | null =>
    holderOf(tokenFor('u1', 0, claims), names);

  it.each<[claims: object, names: string[], holder: string]>([
    [{}, [], 'u1'],
    [{ org_id: 'o' }, [], 'u1'],
    [{ org_id: 'o' }, ['sub', 'org_id'], 'u1\no'],
    [{ org_id: null }, ['org_id'], 'u1'],
    [{ org_id: 'u1' }, ['org_id'], 'u1'],
    [{ teams: ['b', 'a', 'b'] }, ['teams'], 'u1\nb\na'],
    [{ o: { id: 'x' } }, ['o.id'], 'u1\nx'],
    [{ o: 'x' }, ['o.id'], 'u1'],
    [{ 'https://x.example/org': 'y' }, ['https://x.example/org'], 'u1\ny'],
  ])('%j by %j', (claims, names, holder) => {
    expect(read(claims, names)).toBe(holder);
    const accounts = holder.split('\n');
    const user = createUser('u1', accounts.length > 1 ? { accounts } : {});
    expect(reportedHolder(user)).toBe(holder);
  });
});
