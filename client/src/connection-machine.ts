// What the connection does next, as a pure function of its state and one event.
// It opens no socket, reads no clock and sets no timer: it returns effects, which socket.ts
// performs.
//
//            start                token                opened
//   ┌──────┐      ┌─────────────┐      ┌─────────┐           ┌──────┐
//   │ idle │─────▶│ authorizing │─────▶│ dialing │──────────▶│ open │──┐ frame, tick, wake:
//   └──────┘      └─────────────┘      └─────────┘           └──────┘◀─┘ stay
//       ▲           ▲    ▲   │ no token  ▲   │ closed,          │ │
//       │ stop      │    │   │   another │   │ deadline         │ │ expire: back to
//    from every     │    │   │     token │   ▼                  │ │ authorizing at once
//    state          │    │   │ ┌─────────┐  ┌────────┐ refused, │ │
//                   │    │   │ │ refused │◀─│ asking │◀─────────┘ │ closed, deadline
//                   │    │   │ └─────────┘  └────────┘  unheard   │
//                   │    │   ▼                  │ ok, unreachable  │
//                   │    │  ┌──────────────────────────────────┐   │
//                   │    └──│             waiting              │◀──┘
//                   │ retry, wake ────────────────────────────┘
//                   └── renewed token
//
// A browser does not say why an upgrade was refused, so the client calls GET /session after a dial
// that failed. The response distinguishes a bad token from a blocked socket, and serves as a poll:
// behind a proxy that blocks sockets, the tier is never older than the longest delay.

import { backoffMs } from './backoff.js';
import * as limits from './limits.js';

export type ConnectionState =
  | { name: 'idle' }
  | { name: 'authorizing'; attempt: number }
  | { name: 'dialing'; attempt: number; token: string }
  | { name: 'open'; attempt: number; token: string; openedAt: number; heard: boolean }
  | { name: 'asking'; attempt: number; token: string }
  | { name: 'waiting'; attempt: number }
  /** The server does not accept the token: only another one is dialed with. */
  | { name: 'refused'; attempt: number; token: string };

export type TimerName = 'retry' | 'deadline' | 'tick' | 'expire';

export type ConnectionEvent =
  | { type: 'start' | 'stop' | 'frame' | 'wake' | 'retry' | 'deadline' | 'expire' }
  /** A timer. `due`: the socket has been silent for too long to be trusted without another look. */
  | { type: TimerName; due: boolean }
  | { type: 'token'; token: string }
  /** The host failed to provide its token. */
  | { type: 'failed' }
  | { type: 'opened'; now: number }
  | { type: 'closed'; code: number; now: number }
  /** The outcome of GET /session after a failed dial, and the current token. */
  | { type: 'answered'; outcome: 'ok' | 'refused' | 'unreachable'; token: string };

export type Effect =
  | ['authorize' | 'sync' | 'ping' | 'close']
  /** Asks the host for another token than a refused one. */
  | ['renew', token: string]
  /** Calls GET /session, with another token if there is one in place of this one. */
  | ['ask', expired: string | null]
  | ['dial', token: string]
  | ['timer', timer: TimerName, ms: number]
  | ['clear', timer: TimerName];

export type Step = [state: ConnectionState, ...effects: Effect[]];

const DEADLINE: Effect = ['timer', 'deadline', limits.REPLY_MS_MAX];
const WAKE_DEADLINE: Effect = ['timer', 'deadline', limits.WAKE_REPLY_MS_MAX];
const TICK: Effect = ['timer', 'tick', limits.PING_INTERVAL_MS];

type Random = () => number;
type In<Name extends ConnectionState['name']> = Extract<ConnectionState, { name: Name }>;

export function transition(state: ConnectionState, event: ConnectionEvent, random: Random): Step {
  if (event.type === 'stop') return [{ name: 'idle' }, ['close']];
  switch (state.name) {
    case 'idle':
      return event.type === 'start' ? authorize(0) : [state];
    case 'authorizing':
      return inAuthorizing(state, event, random);
    case 'dialing':
      return inDialing(state, event, random);
    case 'open':
      return inOpen(state, event, random);
    case 'asking':
      return inAsking(state, event, random);
    case 'waiting':
      return event.type === 'retry' || event.type === 'wake' ? authorize(state.attempt) : [state];
    case 'refused':
      return inRefused(state, event, random);
  }
}

function inAuthorizing(state: In<'authorizing'>, event: ConnectionEvent, random: Random): Step {
  if (event.type === 'failed') return wait(state.attempt + 1, random);
  return event.type === 'token' ? dial(event.token, state.attempt) : [state];
}

function inDialing(state: In<'dialing'>, event: ConnectionEvent, random: Random): Step {
  if (event.type === 'opened') return open(state, event.now, random);
  // A dial that began before the page slept may never be answered.
  if (event.type === 'wake') return [state, WAKE_DEADLINE];
  if (event.type !== 'closed' && event.type !== 'deadline') return [state];
  return ask(state, null);
}

function inOpen(state: In<'open'>, event: ConnectionEvent, random: Random): Step {
  switch (event.type) {
    case 'frame':
      return [{ ...state, heard: true }, ['clear', 'deadline']];
    case 'tick':
      return event.due ? [state, ['ping'], DEADLINE, TICK] : [state, TICK];
    case 'wake':
      return [state, ['ping'], WAKE_DEADLINE];
    case 'expire':
      return authorize(0, ['close']);
    case 'deadline':
      // A proxy may accept a socket and pass nothing on. Only a request tells the role then.
      return state.heard
        ? wait(state.attempt, random, ['close'])
        : ask({ ...state, attempt: state.attempt + 1 }, null);
    case 'closed':
      return afterClose(state, event, random);
    default:
      return [state];
  }
}

function inAsking(state: In<'asking'>, event: ConnectionEvent, random: Random): Step {
  if (event.type === 'failed') return wait(state.attempt + 1, random);
  if (event.type !== 'answered') return [state];
  if (event.outcome === 'refused') return refuse({ ...state, token: event.token }, random);
  // The token was not accepted and has been renewed, which justifies one immediate dial. A second one
  // would make a busy loop with a host that returns a new token every time.
  const renewed = event.outcome === 'ok' && event.token !== state.token;
  if (renewed && state.attempt === 0) return authorize(1);
  return wait(state.attempt + 1, random);
}

function inRefused(state: In<'refused'>, event: ConnectionEvent, random: Random): Step {
  if (event.type === 'retry' || event.type === 'wake') return [state, ['renew', state.token]];
  if (event.type === 'token' && event.token !== state.token) {
    return dial(event.token, state.attempt);
  }
  return event.type === 'token' || event.type === 'failed' ? refuse(state, random) : [state];
}

/** The token is no longer accepted: it has expired, or was revoked. */
const REFUSED_CODES = [4001, 4003];

/**
 * 1008: the server rejects this client's frames. 4008: the user has too many sockets, and an
 * immediate dial would push out another one. 4011: the client sent too many frames. They wait for the
 * longest delay.
 */
const SLOW_RETRY_CODES = [1008, 4008, 4011];

function afterClose(state: In<'open'>, event: { code: number; now: number }, random: Random): Step {
  const healthy = event.now - state.openedAt >= limits.HEALTHY_LIFETIME_MS_MIN;
  const attempt = healthy ? 0 : state.attempt;
  if (REFUSED_CODES.includes(event.code)) return ask({ ...state, attempt }, state.token);
  if (SLOW_RETRY_CODES.includes(event.code)) return wait(Infinity, random, ['close']);
  return wait(healthy ? 0 : attempt + 1, random, ['close']);
}

function authorize(attempt: number, ...first: Effect[]): Step {
  return [{ name: 'authorizing', attempt }, ...first, ['authorize']];
}

function dial(token: string, attempt: number): Step {
  return [{ name: 'dialing', attempt, token }, ['dial', token], DEADLINE];
}

function open({ attempt, token }: In<'dialing'>, openedAt: number, random: Random): Step {
  const lifetime = limits.SOCKET_LIFETIME_MS_MIN + random() * limits.SOCKET_LIFETIME_MS_JITTER;
  return [
    { name: 'open', attempt, token, openedAt, heard: false },
    ['sync'],
    DEADLINE,
    TICK,
    ['timer', 'expire', lifetime],
  ];
}

function ask({ attempt, token }: In<'dialing' | 'open'>, expired: string | null): Step {
  return [{ name: 'asking', attempt, token }, ['close'], ['ask', expired]];
}

function refuse({ token, attempt }: { token: string; attempt: number }, random: Random): Step {
  return [
    { name: 'refused', token, attempt: attempt + 1 },
    ['timer', 'retry', backoffMs(attempt, random)],
  ];
}

function wait(attempt: number, random: Random, ...first: Effect[]): Step {
  const retry: Effect = ['timer', 'retry', backoffMs(attempt, random)];
  return [{ name: 'waiting', attempt }, ...first, retry];
}
