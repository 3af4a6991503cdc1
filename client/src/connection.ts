// Performs what connection-machine.ts decides: at most one socket, its timers, and the requests
// around it. It decides nothing itself, and drops every reply to a state that has been left.

import type { Profile } from './api.js';
import { transition } from './connection-machine.js';
import type { ConnectionEvent, ConnectionState, Effect, TimerName } from './connection-machine.js';
import type { Environment } from './environment.js';
import * as limits from './limits.js';
import { parseFrame } from './parse.js';
import type { Frame } from './parse.js';
import type { Store } from './store.js';
import type { Tokens } from './tokens.js';
import type { ClientFrame } from './types.js';

export interface ConnectionOptions {
  env: Pick<Environment, 'socket' | 'elapsed' | 'random' | 'setTimer' | 'visible'>;
  url: string;
  userId: string;
  store: Pick<Store, 'patch' | 'version'>;
  tokens: Pick<Tokens, 'current' | 'renew'>;
  /** Calls GET /session, which shows why a dial failed. It never rejects. */
  poll: () => Promise<Profile>;
  onFrame: (frame: Frame) => void;
  /** A frame is about somebody else: the socket is not this user's. */
  onOtherUser: () => void;
}

export interface Connection {
  start: () => void;
  stop: () => void;
  /** The network is back or the page is shown: tests the socket, or dials now. */
  wake: () => void;
  /** Somebody looks at another tab, which hears of changes through this socket. */
  watched: () => void;
}

export function createConnection(options: ConnectionOptions): Connection {
  const { env, store, tokens } = options;
  const timers = createTimers(env, (type) =>
    // A hidden page pings only to keep the socket; one that is looked at must find out soon.
    dispatch(
      type === 'tick' ? { type, due: env.visible() || isSilent(HIDDEN_SILENCE_MS) } : { type },
    ),
  );
  let state: ConnectionState = { name: 'idle' };
  /** Counts the states entered, so that a late reply is recognized as late. */
  let entered = 0;
  let socket: FrameSocket | null = null;
  /** When the server was last heard of, and asked, by the monotonic clock. */
  let heardAt = 0;
  let askedAt = 0;

  function dispatch(event: ConnectionEvent): void {
    if (event.type === 'frame' || event.type === 'opened') heardAt = env.elapsed();
    const [next, ...effects] = transition(state, event, env.random);
    const changed = next.name !== state.name;
    state = next;
    if (changed) {
      entered += 1;
      timers.clearAll();
    }
    for (const effect of effects) perform(effect);
    if (changed) store.patch({ connection: next.name });
  }

  function perform(effect: Effect): void {
    switch (effect[0]) {
      case 'authorize':
        return settle(tokens.current().then((token) => ({ type: 'token', token })));
      case 'renew':
        return settle(renewed(options, effect[1]).then((token) => ({ type: 'token', token })));
      case 'ask':
        return settle(ask(options, effect[1]));
      case 'dial':
        return dial(effect[1]);
      case 'sync':
        return send({ action: 'sync', ...store.version() });
      case 'ping':
        return send({ action: 'ping' });
      case 'close':
        socket?.close();
        socket = null;
        return;
      case 'clear':
        return timers.clear(effect[1]);
      case 'timer':
        return timers.set(effect[1], effect[2]);
    }
  }

  /** Dispatches the reply to a request, unless the state that made it has been left. */
  function settle(reply: Promise<ConnectionEvent>): void {
    const current = entered;
    const settled = (event: ConnectionEvent): void => {
      if (current === entered) dispatch(event);
    };
    reply.then(settled, () => settled({ type: 'failed' }));
  }

  function send(frame: ClientFrame): void {
    askedAt = env.elapsed();
    socket?.send(frame);
  }

  function dial(token: string): void {
    try {
      socket = openSocket(options, token, dispatch);
    } catch {
      // The token is no valid subprotocol, or the page forbids sockets.
      settle(Promise.resolve({ type: 'closed', code: 1006, now: env.elapsed() }));
    }
  }

  const isSilent = (ms: number): boolean => env.elapsed() - heardAt >= ms;

  return {
    start: () => dispatch({ type: 'start' }),
    stop: () => dispatch({ type: 'stop' }),
    wake: () => dispatch({ type: 'wake' }),
    watched: () => {
      const asked = askedAt > heardAt;
      // A hidden page's timers may be a minute late, so an overdue one is made up for.
      if (asked && env.elapsed() - askedAt > limits.REPLY_MS_MAX) dispatch({ type: 'deadline' });
      else if (isSilent(limits.WATCHED_SILENCE_MS_MAX)) dispatch({ type: 'tick', due: !asked });
    },
  };
}

const HIDDEN_SILENCE_MS = limits.PING_HIDDEN_MS - limits.PING_INTERVAL_MS;

async function renewed({ tokens }: ConnectionOptions, refused: string): Promise<string> {
  return (await tokens.renew(refused, 'expired')) ?? refused;
}

async function ask(options: ConnectionOptions, expired: string | null): Promise<ConnectionEvent> {
  if (expired !== null) await renewed(options, expired);
  const { outcome } = await options.poll();
  return { type: 'answered', outcome, token: await options.tokens.current() };
}

interface FrameSocket {
  send: (frame: ClientFrame) => void;
  /** Closes the socket. It dispatches nothing afterwards. */
  close: () => void;
}

function openSocket(
  { env, url, userId, onFrame, onOtherUser }: ConnectionOptions,
  token: string,
  dispatch: (event: ConnectionEvent) => void,
): FrameSocket {
  const socket = env.socket(url, ['tierlift.v1', `bearer.${token}`]);
  let released = false;
  const closed = (code: number): void => {
    if (released) return;
    release();
    dispatch({ type: 'closed', code, now: env.elapsed() });
  };
  const release = (): void => {
    released = true;
    socket.onopen = socket.onmessage = socket.onclose = null;
  };
  socket.onopen = () => dispatch({ type: 'opened', now: env.elapsed() });
  socket.onclose = ({ code }) => {
    closed(code);
  };
  socket.onmessage = ({ data }) => {
    const frame = parseFrame(data, userId);
    if (!frame) return;
    if (frame.type === 'CLOSE') closed(frame.code);
    else if ('user' in frame && frame.user.userId !== userId) onOtherUser();
    else {
      dispatch({ type: 'frame' });
      onFrame(frame);
    }
  };
  return {
    send: (frame) => {
      try {
        socket.send(JSON.stringify(frame));
      } catch {
        queueMicrotask(() => closed(1006));
      }
    },
    close: () => {
      release();
      try {
        socket.close(1000);
      } catch {
        // It cannot be used, and nothing is heard of it any more.
      }
    },
  };
}

function createTimers(env: Pick<Environment, 'setTimer'>, onExpired: (name: TimerName) => void) {
  const cancels = new Map<TimerName, () => void>();
  const clear = (name: TimerName): void => cancels.get(name)?.();
  return {
    set: (name: TimerName, ms: number): void => {
      clear(name);
      cancels.set(
        name,
        env.setTimer(() => onExpired(name), ms),
      );
    },
    clear,
    clearAll: (): void => cancels.forEach((cancel) => cancel()),
  };
}
