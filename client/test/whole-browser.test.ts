// The whole browser under everything at once: several tabs, two users, tokens that expire, denied
// facilities, frozen and killed tabs, slow, silent and cut sockets, and a host that signs in and out.
// An oracle keeps its own record of what the server gave whom and when. How a failure is run again:
// replay.ts.

import { afterEach, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { History } from './history.js';
import type { Step } from './history.js';
import { DENIALS } from './browser-model.js';
import { NO_TIMEOUT_MS, replayable, restartClock } from './replay.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const user = fc.constantFrom('u1', 'u2');
const role = fc.constantFrom('free', 'paid', 'team', 'operator');
const index = fc.nat(3);
const step = (name: string, run: Step['run']): Step => ({ name, run });

const ofServer: fc.Arbitrary<Step>[] = [
  fc
    .tuple(user, role)
    .map(([who, next]) => step(`${who} becomes ${next}`, (h) => void h.server.setRole(who, next))),
  fc
    .tuple(user, fc.constantFrom('active', 'past_due', null))
    .map(([who, status]) =>
      step(`the status of ${who} is ${status}`, (h) => void h.server.change(who, { status })),
    ),
  fc.boolean().map((up) => step(`the server is ${up ? 'up' : 'down'}`, (h) => h.setUp(up))),
  fc
    .boolean()
    .map((on) => step(`sockets blocked: ${on}`, (h) => void (h.server.socketsBlocked = on))),
  fc.boolean().map((on) => step(`sockets muted: ${on}`, (h) => h.mute(on))),
  fc
    .constantFrom('paid', 'unpaid', 'foreign', 'busy', 'away', 'hangs', 'mistaken', 'garbled', null)
    .map((what) => step(`a checkout is ${what}`, (h) => void (h.server.checkout = what))),
  fc.constant(step('sockets are cut', (h) => h.server.dropSockets())),
  user.map((who) => step(`${who} is signed out by the server`, (h) => h.revoke(who))),
];

const ofHost: fc.Arbitrary<Step>[] = [
  fc
    .tuple(user, fc.constantFrom(5, 60, null))
    .map(([who, seconds]) =>
      step(`the host signs in ${who} for ${seconds} s`, (h) => h.signIn(who, seconds)),
    ),
  fc.constant(step('the host signs out by itself', (h) => h.forgetToken())),
  fc.boolean().map((on) => step(`the host renews tokens: ${on}`, (h) => void (h.host.renews = on))),
  fc
    .constantFrom('answers', 'throws', 'hangs')
    .map((mood) => step(`getToken ${mood}`, (h) => void (h.host.mood = mood))),
];

const ofTabs: fc.Arbitrary<Step>[] = [
  fc.constant(step('a tab is opened', (h) => h.openTab())),
  index.map((i) => step(`tab ${i} learns of a sign-in`, (h) => h.tab(i)?.client.signedIn())),
  index.map((i) => step(`tab ${i} signs out`, (h) => h.signOut(i))),
  index.map((i) => step(`tab ${i} is closed`, (h) => h.closeTab(i))),
  index.map((i) => step(`tab ${i} is killed`, (h) => h.killTab(i))),
  fc
    .tuple(index, fc.boolean())
    .map(([i, told]) =>
      step(`tab ${i} freezes, told: ${told}`, (h) => h.freeze(i, told ? 'freeze' : undefined)),
    ),
  index.map((i) => step(`tab ${i} thaws`, (h) => h.thaw(i))),
  fc
    .tuple(index, fc.boolean())
    .map(([i, visible]) => step(`tab ${i} is visible: ${visible}`, (h) => h.show(i, visible))),
  index.map((i) => step(`tab ${i} is back online`, (h) => h.tab(i)?.fire('online'))),
  index.map((i) => step(`tab ${i} makes a request`, (h) => h.request(i))),
  fc
    .tuple(index, fc.option(role, { nil: undefined }))
    .map(([i, wanted]) => step(`tab ${i} watches for ${wanted}`, (h) => h.watch(i, wanted))),
  index.map((i) => step(`tab ${i} is back from a checkout`, (h) => h.watch(i, undefined, 'cs_1'))),
  index.map((i) => step(`tab ${i} dismisses`, (h) => h.tab(i)?.client.dismissUpgrade())),
];

const denial = fc.option(fc.constantFrom(...DENIALS), { nil: false as const, freq: 3 });

const scenario = fc.record({
  /** A token's life ends with a second of the clock, and a history may begin anywhere in one. */
  startedAt: fc.integer({ min: 1_800_000_000_000, max: 1_800_000_000_999 }),
  steps: fc.array(
    fc.tuple(fc.oneof(...ofServer, ...ofHost, ...ofTabs), fc.integer({ min: 0, max: 5_000 })),
    { maxLength: 30 },
  ),
  delays: fc.infiniteStream(fc.integer({ min: 0, max: 1_500 })),
  first: fc.record({ renews: fc.boolean(), seconds: fc.constantFrom(null, 5, 20) }),
  missing: fc.record({
    locks: denial,
    channel: denial,
    storage: denial,
    socket: denial,
    fetch: fc.option(fc.constantFrom(...DENIALS), { nil: false as const, freq: 9 }),
    abort: denial,
    clock: denial,
    code: denial,
  }),
});

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

async function play(
  { startedAt, steps, delays, missing, first }: Scenario,
  judge: (history: History) => Promise<void> | void,
): Promise<void> {
  restartClock(startedAt);
  const history = new History(missing, () => delays.next().value as number, first);
  try {
    for (const [{ run }, pauseMs] of steps) {
      run(history);
      await vi.advanceTimersByTimeAsync(pauseMs);
    }
    await judge(history);
  } finally {
    history.end();
  }
}

it(
  'no tab shows a role that was not given to the user it names, and each is right once things are quiet',
  async () => {
    await fc.assert(
      fc.asyncProperty(scenario, (drawn) =>
        play(drawn, async (history) => {
          await history.outage();
          await history.recovery();
          await history.handover();
          expect(history.lies).toEqual([]);
        }),
      ),
      replayable(1_000),
    );
  },
  NO_TIMEOUT_MS,
);

it('runs a history a second time exactly as the first', async () => {
  const shown = async (): Promise<string[]> => {
    const all: string[] = [];
    for (const drawn of fc.sample(scenario, { seed: 1, numRuns: 20 })) {
      await play(drawn, ({ shown }) => void all.push(...shown));
    }
    return all;
  };
  const first = await shown();
  expect(first.length).toBeGreaterThan(100);
  expect(await shown()).toEqual(first);
});
