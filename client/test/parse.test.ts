// What counts as a frame, and what does not.

import { describe, expect, it } from 'vitest';
import { parseFrame } from '../src/parse.js';
import { createUser } from './fake-server.js';

const user = createUser('u1', { role: 'paid', revocationId: 3 });
const { userId, ...state } = user;
const change = { v: 1, ...user, previousRole: 'free', eventId: 'evt_1', at: '2026-01-01' };

const frames: [name: string, text: string, frame: object][] = [
  ['a pong', '{"v":1,"type":"PONG"}', { type: 'PONG' }],
  ['a pong with blanks', '{ "v": 1, "type": "PONG" }', { type: 'PONG' }],
  ['a pong with an unknown field', '{"v":1,"type":"PONG","serverTime":7}', { type: 'PONG' }],
  ['a snapshot', JSON.stringify({ v: 1, type: 'SNAPSHOT', ...state }), { type: 'SNAPSHOT', user }],
  [
    'a snapshot with blanks and an unknown field',
    JSON.stringify({ v: 1, type: 'SNAPSHOT', ...state, epoch: 'e1' }, null, 2),
    { type: 'SNAPSHOT', user },
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
  ['an unknown type', JSON.stringify({ ...change, type: 'ROLE_MELTED' })],
  ['a snapshot without a state', '{"v":1,"type":"SNAPSHOT"}'],
  ['a snapshot with half a state', '{"v":1,"type":"SNAPSHOT","role":"paid"}'],
  ['a role that is not text', JSON.stringify({ v: 1, type: 'SNAPSHOT', ...state, role: 1 })],
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
