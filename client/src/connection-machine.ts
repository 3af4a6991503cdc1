// What the connection does next, as a pure function of its state and one event.
// It opens no socket, reads no clock and sets no timer: it returns effects, which connection.ts
// performs.
//
//            start                token                opened
//   ┌──────┐      ┌─────────────┐      ┌─────────┐           ┌──────┐
//   │ idle │─────▶│ authorizing │─────▶│ dialing │──────────▶│ open │──┐ frame, ping, wake:
//   └──────┘      └─────────────┘      └─────────┘           └──────┘◀─┘ stay
//       ▲           ▲    ▲   │ no token     │ closed, deadline  │ │
//       │ stop      │    │   ▼              ▼                   │ │ expire: back to
//    from every     │    │ ┌─────────┐  ┌────────┐              │ │ authorizing at once
//    state          │    │ │ refused │◀─│ asking │ why?         │ │
//                   │    │ └─────────┘  └────────┘              │ closed, deadline
//                   │    │   │ another token: dialing           │
//                   │    │   ▼       ok, unreachable │          │
//                   │    │                           ▼          ▼
//                   │  renewed token        ┌──────────────────────┐
//                   └───────────────────────│       waiting        │
//                        retry, wake        └──────────────────────┘
//
// A browser does not say why an upgrade was refused, so the client calls GET /session after a dial
// that failed. The response distinguishes a bad token from a blocked socket, and serves as a poll:
// behind a proxy that blocks sockets, the tier is never older than the longest delay.

import * as limits from './limits.js';

export type ConnectionState =
  | { name: 'idle' }
  | { name: 'authorizing'; attempt: number }
  | { name: 'dialing'; attempt: number; token: string }
  | { name: 'open'; attempt: number; openedAt: number }
  | { name: 'asking'; attempt: number; token: string }
  | { name: 'waiting'; attempt: number }
  | { name: 'refused'; token: string | null };

export type TimerName = 'retry' | 'deadline' | 'ping' | 'expire';

export type ConnectionEvent =
  | { type: 'start' | 'stop' | 'frame' | 'wake' | TimerName }
  /** The host's token, or null when nobody is signed in. */
  | { type: 'token'; token: string | null }
  /** The host failed to provide its token. */
  | { type: 'failed' }
  | { type: 'opened'; now: number }
  | { type: 'closed'; code: number; now: number }
  /** The outcome of GET /session after a failed dial, and the current token. */
  | { type: 'answered'; outcome: 'ok' | 'refused' | 'unreachable'; token: string | null };

export type Effect =
  | ['authorize' | 'sync' | 'ping' | 'close' | 'ask']
  | ['dial', token: string]
  | ['timer', timer: TimerName, ms: number]
  | ['clear', timer: TimerName];

export type Step = [state: ConnectionState, ...effects: Effect[]];

const DEADLINE: Effect = ['timer', 'deadline', limits.REPLY_MS_MAX];
const PING: Effect = ['timer', 'ping', limits.PING_INTERVAL_MS];

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
      return inRefused(state, event);
  }
}

function inAuthorizing(state: In<'authorizing'>, event: ConnectionEvent, random: Random): Step {
  if (event.type === 'failed') return wait(state.attempt + 1, random);
  if (event.type !== 'token') return [state];
  return event.token === null ? refuse(null) : dial(event.token, state.attempt);
}

function inDialing(state: In<'dialing'>, event: ConnectionEvent, random: Random): Step {
  if (event.type === 'opened') return open(state.attempt, event.now, random);
  if (event.type !== 'closed' && event.type !== 'deadline') return [state];
  return [{ ...state, name: 'asking' }, ['close'], ['ask']];
}

function inOpen(state: In<'open'>, event: ConnectionEvent, random: Random): Step {
  switch (event.type) {
    case 'frame':
      return [state, ['clear', 'deadline']];
    case 'ping':
      return [state, ['ping'], DEADLINE, PING];
    case 'wake':
      return [state, ['ping'], ['timer', 'deadline', limits.WAKE_REPLY_MS_MAX]];
    case 'expire':
      return authorize(0, ['close']);
    case 'deadline':
      return wait(state.attempt, random, ['close']);
    case 'closed':
      return afterClose(state, event, random);
    default:
      return [state];
  }
}

function inAsking(state: In<'asking'>, event: ConnectionEvent, random: Random): Step {
  if (event.type !== 'answered') return [state];
  if (event.outcome === 'refused') return refuse(state.token);
  // The token was stale and has been renewed, which justifies one immediate dial. A second one would
  // make a busy loop with a host that returns a new token every time.
  const renewed = event.outcome === 'ok' && event.token !== state.token;
  if (renewed && state.attempt === 0) return authorize(1);
  return wait(state.attempt + 1, random);
}

function inRefused(state: In<'refused'>, event: ConnectionEvent): Step {
  if (event.type === 'retry' || event.type === 'wake') return [state, ['authorize']];
  if (event.type === 'token' && event.token !== null && event.token !== state.token) {
    return dial(event.token, 0);
  }
  return event.type === 'token' || event.type === 'failed' ? refuse(state.token) : [state];
}

/**
 * 1008: the server rejects this client's frames. 4008: the user has too many sockets, and an
 * immediate dial would push out another one. Both wait for the longest delay.
 */
const SLOW_RETRY_CODES = [1008, 4008];

function afterClose(state: In<'open'>, event: { code: number; now: number }, random: Random): Step {
  if (SLOW_RETRY_CODES.includes(event.code)) return wait(Infinity, random);
  const healthy = event.now - state.openedAt >= limits.HEALTHY_LIFETIME_MS_MIN;
  return wait(healthy ? 0 : state.attempt + 1, random);
}

function authorize(attempt: number, ...first: Effect[]): Step {
  return [{ name: 'authorizing', attempt }, ...first, ['authorize']];
}

function dial(token: string, attempt: number): Step {
  return [{ name: 'dialing', attempt, token }, ['dial', token], DEADLINE];
}

function open(attempt: number, openedAt: number, random: Random): Step {
  const lifetime = limits.SOCKET_LIFETIME_MS_MIN + random() * limits.SOCKET_LIFETIME_MS_JITTER;
  return [
    { name: 'open', attempt, openedAt },
    ['sync'],
    DEADLINE,
    PING,
    ['timer', 'expire', lifetime],
  ];
}

function refuse(token: string | null): Step {
  return [{ name: 'refused', token }, ['timer', 'retry', limits.REFUSED_RETRY_DELAY_MS]];
}

function wait(attempt: number, random: Random, ...first: Effect[]): Step {
  const retry: Effect = ['timer', 'retry', backoffMs(attempt, random)];
  return [{ name: 'waiting', attempt }, ...first, retry];
}

/** Between half of the doubled delay and all of it, so that clients do not all reconnect together. */
export function backoffMs(attempt: number, random: Random): number {
  const whole = Math.min(
    limits.RECONNECT_DELAY_MS_MAX,
    limits.RECONNECT_DELAY_MS_BASE * 2 ** attempt,
  );
  return (whole * (1 + random())) / 2;
}
