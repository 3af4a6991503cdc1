// What counts as a frame, and what does not.

import { describe, expect, it } from 'vitest';
import { parseFrame } from '../src/frames.js';
import { parseUser } from '../src/parse.js';
import { asOlderServer, createUser } from './fake-server.js';

const user = createUser('u1', {
  role: 'paid',
  features: ['export', 'reports'],
  status: 'past_due',
  subscriptionActive: true,
  subscriptionExpiresAt: '2027-02-01T00:00:00.000Z',
  trialEndsAt: '2027-01-08T00:00:00.000Z',
  cancelAt: '2027-03-01T00:00:00.000Z',
  pastDueSince: '2027-02-01T00:00:00.000Z',
  revocationId: 3,
  accountVersion: 17,
});
const { userId, ...state } = user;
const change = { v: 1, ...user, previousRole: 'free', eventId: 'evt_1', at: '2026-01-01' };

const frames: [name: string, text: string, frame: object][] = [
  ['a pong', '{"v":1,"type":"PONG"}', { type: 'PONG' }],
  ['a close', '{"v":1,"type":"CLOSE","code":4001}', { type: 'CLOSE', code: 4001 }],
  ['a pong with blanks', '{ "v": 1, "type": "PONG" }', { type: 'PONG' }],
  ['a pong with an unknown field', '{"v":1,"type":"PONG","serverTime":7}', { type: 'PONG' }],
  [
    'a snapshot',
    JSON.stringify({ v: 1, type: 'SNAPSHOT', ...state }),
    { type: 'SNAPSHOT', user, roles: null },
  ],
  [
    'a snapshot with blanks and an unknown field',
    JSON.stringify({ v: 1, type: 'SNAPSHOT', ...state, news: 'e1', roles: ['free'] }, null, 2),
    { type: 'SNAPSHOT', user, roles: ['free'] },
  ],
  [
    'SUBSCRIPTION_CHANGED, whose event caused no role change',
    JSON.stringify({ ...change, type: 'SUBSCRIPTION_CHANGED', previousRole: 'paid' }),
    { type: 'SUBSCRIPTION_CHANGED', user, roles: null },
  ],
  ...(['ROLE_UPGRADED', 'ROLE_DOWNGRADED'] as const).map((type): [string, string, object] => [
    type,
    JSON.stringify({ ...change, type }),
    { type, user, eventId: 'evt_1', committedAt: '2026-01-01' },
  ]),
];

const rejected: [name: string, data: unknown][] = [
  ['no text', 7],
  ['binary data', new ArrayBuffer(2)],
  ['no JSON', 'not json'],
  ['no JSON that contains a version', 'error: "v":1'],
  ['no object', '1'],
  ['null', 'null'],
  ['an empty object', '{}'],
  ['no version', '{"type":"PONG"}'],
  ['version 2', '{"v":2,"type":"PONG"}'],
  ['version 10', '{"v":10,"type":"PONG"}'],
  ['a version in quotes', '{"v":"1","type":"PONG"}'],
  ['a version inside a field', '{"type":"PONG","note":{"v":1}}'],
  ['a version inside a string', String.raw`{"message":"\"v\":1","type":"PONG"}`],
  ['no type', '{"v":1}'],
  ['a close without a code', '{"v":1,"type":"CLOSE"}'],
  ['an epoch that is text', JSON.stringify({ v: 1, type: 'SNAPSHOT', ...state, epoch: 'e1' })],
  ['an unknown type', JSON.stringify({ ...change, type: 'ROLE_MELTED' })],
  ['a snapshot without a state', '{"v":1,"type":"SNAPSHOT"}'],
  ['a snapshot with half a state', '{"v":1,"type":"SNAPSHOT","role":"paid"}'],
  ['a role that is not text', JSON.stringify({ v: 1, type: 'SNAPSHOT', ...state, role: 1 })],
  ['features that are no list', JSON.stringify({ ...change, type: 'SNAPSHOT', features: 'all' })],
  ['a feature that is not text', JSON.stringify({ ...change, type: 'SNAPSHOT', features: [1] })],
  ['a status that is not text', JSON.stringify({ ...change, type: 'SNAPSHOT', status: true })],
  ['a time that is not text', JSON.stringify({ ...change, type: 'SNAPSHOT', cancelAt: 0 })],
  ['a version that is text', JSON.stringify({ ...change, type: 'SNAPSHOT', accountVersion: '17' })],
  ['an error frame of API Gateway', '{"message":"Internal server error","connectionId":"a="}'],
  ['a throttling frame of API Gateway', '{"message":"Too Many Requests","requestId":"b="}'],
];

describe('a frame', () => {
  it.each(frames)('is %s', (_, text, frame) => {
    expect(parseFrame(text, userId)).toEqual(frame);
  });

  it.each(rejected)('is not %s', (_, data) => {
    expect(parseFrame(data, userId)).toBeNull();
  });
});

describe('a user', () => {
  const older = { features: [], status: null, trialEndsAt: null, cancelAt: null };

  it.each([
    ['of an older server', asOlderServer(user)],
    ['with nulls', { ...user, ...older, features: null, pastDueSince: null, accountVersion: null }],
  ])('%s has no features and the account version 0', (_, value) => {
    const expected = { ...user, ...older, pastDueSince: null, accountVersion: 0 };
    expect(parseUser(value)).toEqual(expected);
  });

  it('has its fields in the same order, however they were sent', () => {
    const reversed = Object.fromEntries(Object.entries({ ...user, more: 1 }).reverse());
    expect(JSON.stringify(parseUser(reversed))).toBe(JSON.stringify(parseUser(user)));
  });
});
