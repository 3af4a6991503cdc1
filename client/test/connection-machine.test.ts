// Each row of the table in SPEC.md, as one row here.

import { describe, expect, it } from 'vitest';
import { backoffMs } from '../src/backoff.js';
import * as limits from '../src/limits.js';
import { transition } from '../src/connection-machine.js';
import type { ConnectionEvent, ConnectionState, Effect } from '../src/connection-machine.js';

const idle: ConnectionState = { name: 'idle' };
const authorizing = (attempt = 0): ConnectionState => ({ name: 'authorizing', attempt });
const dialing = (attempt = 0): ConnectionState => ({ name: 'dialing', attempt, token: 'a' });
const open = (attempt = 0, heard = true): ConnectionState => ({
  name: 'open',
  attempt,
  token: 'a',
  openedAt: 0,
  heard,
});
const asking = (attempt = 0): ConnectionState => ({ name: 'asking', attempt, token: 'a' });
const waiting = (attempt = 0): ConnectionState => ({ name: 'waiting', attempt });
const refused = (attempt = 1): ConnectionState => ({ name: 'refused', attempt, token: 'a' });

const deadline = (ms: number): Effect => ['timer', 'deadline', ms];
const retry = (ms: number): Effect => ['timer', 'retry', ms];
const tick: Effect = ['timer', 'tick', limits.PING_INTERVAL_MS];
const answered = (outcome: 'ok' | 'refused' | 'unreachable', token = 'a'): ConnectionEvent => ({
  type: 'answered',
  outcome,
  token,
});
const closed = (code: number, now = 0): ConnectionEvent => ({ type: 'closed', code, now });
const ticked = (due: boolean): ConnectionEvent => ({ type: 'tick', due });

/** With `random` at 1, a delay is as long as its bound. */
const one = (): number => 1;
const longest = limits.RECONNECT_DELAY_MS_MAX;

type Row = [from: ConnectionState, event: ConnectionEvent, to: ConnectionState, ...Effect[]];

const rows: Row[] = [
  [idle, { type: 'start' }, authorizing(), ['authorize']],
  [authorizing(), { type: 'token', token: 'a' }, dialing(), ['dial', 'a'], deadline(10_000)],
  [authorizing(1), { type: 'failed' }, waiting(2), retry(4_000)],
  [
    dialing(1),
    { type: 'opened', now: 5 },
    { name: 'open', attempt: 1, token: 'a', openedAt: 5, heard: false },
    ['sync'],
    deadline(10_000),
    tick,
    ['timer', 'expire', 6_900_000],
  ],
  [dialing(1), closed(1006), asking(1), ['close'], ['ask', null]],
  [dialing(1), { type: 'deadline' }, asking(1), ['close'], ['ask', null]],
  [dialing(1), { type: 'wake' }, dialing(1), deadline(3_000)],
  [asking(), answered('ok'), waiting(1), retry(2_000)],
  [asking(), answered('ok', 'renewed'), authorizing(1), ['authorize']],
  [asking(1), answered('ok', 'renewed'), waiting(2), retry(4_000)],
  [asking(), answered('unreachable'), waiting(1), retry(2_000)],
  [asking(), { type: 'failed' }, waiting(1), retry(2_000)],
  [asking(), answered('refused'), refused(1), retry(1_000)],
  [asking(3), answered('refused'), refused(4), retry(8_000)],
  [open(0, false), { type: 'frame' }, open(), ['clear', 'deadline']],
  [open(), ticked(true), open(), ['ping'], deadline(10_000), tick],
  [open(), ticked(false), open(), tick],
  [open(), { type: 'wake' }, open(), ['ping'], deadline(3_000)],
  [open(), { type: 'expire' }, authorizing(), ['close'], ['authorize']],
  [open(2), { type: 'deadline' }, waiting(2), ['close'], retry(4_000)],
  [open(2, false), { type: 'deadline' }, asking(3), ['close'], ['ask', null]],
  [open(3), closed(1006, 9_999), waiting(4), ['close'], retry(16_000)],
  [open(3), closed(1001, 10_000), waiting(0), ['close'], retry(1_000)],
  [open(), closed(4009, 10_000), waiting(0), ['close'], retry(1_000)],
  [open(), closed(4008, 10_000), waiting(Infinity), ['close'], retry(longest)],
  [open(), closed(4011, 10_000), waiting(Infinity), ['close'], retry(longest)],
  [open(), closed(1008, 10_000), waiting(Infinity), ['close'], retry(longest)],
  [open(3), closed(4001, 10_000), asking(0), ['close'], ['ask', 'a']],
  [open(3), closed(4003, 9_999), asking(3), ['close'], ['ask', 'a']],
  [waiting(3), { type: 'retry' }, authorizing(3), ['authorize']],
  [waiting(3), { type: 'wake' }, authorizing(3), ['authorize']],
  [refused(), { type: 'retry' }, refused(), ['renew', 'a']],
  [refused(), { type: 'wake' }, refused(), ['renew', 'a']],
  [refused(1), { type: 'token', token: 'a' }, refused(2), retry(2_000)],
  [refused(5), { type: 'failed' }, refused(6), retry(30_000)],
  [
    refused(2),
    { type: 'token', token: 'b' },
    { name: 'dialing', attempt: 2, token: 'b' },
    ['dial', 'b'],
    deadline(10_000),
  ],
];

const states = [idle, authorizing(), dialing(), open(), asking(), waiting(), refused()];
const events: ConnectionEvent[] = [
  { type: 'start' },
  { type: 'token', token: 'a' },
  { type: 'failed' },
  { type: 'opened', now: 0 },
  { type: 'frame' },
  closed(1006),
  answered('ok'),
  { type: 'retry' },
  { type: 'deadline' },
  ticked(true),
  { type: 'expire' },
  { type: 'wake' },
];
const listed = new Set(rows.map(([from, event]) => `${from.name} × ${event.type}`));
const unlisted = states.flatMap((state) =>
  events
    .filter((event) => !listed.has(`${state.name} × ${event.type}`))
    .map((event): [ConnectionState, ConnectionEvent] => [state, event]),
);

describe('the connection machine', () => {
  it.each(rows)('$0.name($0.attempt) × $1.type($1) → $2.name', (from, event, to, ...effects) => {
    expect(transition(from, event, one)).toEqual([to, ...effects]);
  });

  it.each(unlisted)('$0.name × $1.type changes nothing', (state, event) => {
    expect(transition(state, event, one)).toEqual([state]);
  });

  it.each(states)('$name × stop closes the socket', (state) => {
    expect(transition(state, { type: 'stop' }, one)).toEqual([idle, ['close']]);
  });

  it('finds a dead socket within 40 s while somebody looks at the page', () => {
    expect(limits.PING_INTERVAL_MS + limits.REPLY_MS_MAX).toBeLessThan(40_000);
  });

  it('pings well under the gateway’s 10 minutes and moves well before its 2 hours', () => {
    expect(limits.PING_HIDDEN_MS).toBeLessThan(300_000);
    expect(limits.SOCKET_LIFETIME_MS_MIN + limits.SOCKET_LIFETIME_MS_JITTER).toBeLessThan(
      7_200_000,
    );
  });

  it.each([0, 1, 2, 3, 4, 5, 10, 2_000, Infinity])('spreads wait %d, up to the cap', (attempt) => {
    const bound = Math.min(longest, 1_000 * 2 ** attempt);
    expect(backoffMs(attempt, () => 0)).toBe(bound / 2);
    expect(backoffMs(attempt, one)).toBe(bound);
  });
});
