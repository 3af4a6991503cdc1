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
  const timers = createTimers(env, onTimer);
  let state: ConnectionState = { name: 'idle' };
  /** Counts the states entered, so that a late reply is recognized as late. */
  let entered = 0;
  let socket: FrameSocket | null = null;
  /** When the server was last heard of, by the monotonic clock. */
  let heardAt = 0;

  function onTimer(type: TimerName): void {
    dispatch(type === 'tick' ? { type, due: isDue() } : { type });
  }

  /** A hidden page pings only to keep the socket; one that is looked at must find out soon. */
  function isDue(): boolean {
    const silentMs = env.elapsed() - heardAt;
    return env.visible() || silentMs >= limits.PING_HIDDEN_MS - limits.PING_INTERVAL_MS;
  }

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
        return settle(renewed(effect[1]).then((token) => ({ type: 'token', token })));
      case 'ask':
        return settle(ask(effect[1]));
      case 'dial':
        return dial(effect[1]);
      case 'sync':
        return socket?.send({ action: 'sync', ...store.version() });
      case 'ping':
        return socket?.send({ action: 'ping' });
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

  async function renewed(refused: string): Promise<string> {
    return (await tokens.renew(refused, 'expired')) ?? refused;
  }

  async function ask(expired: string | null): Promise<ConnectionEvent> {
    if (expired !== null) await renewed(expired);
    const { outcome } = await options.poll();
    return { type: 'answered', outcome, token: await tokens.current() };
  }

  function dial(token: string): void {
    try {
      socket = openSocket(options, token, dispatch);
    } catch {
      // The token is no valid subprotocol, or the page forbids sockets.
      settle(Promise.resolve({ type: 'closed', code: 1006, now: env.elapsed() }));
    }
  }

  /** A hidden page's timers may be a minute late, so an overdue one is made up for. */
  function watched(): void {
    timers.catchUp();
    if (env.elapsed() - heardAt >= limits.WATCHED_SILENCE_MS_MAX) {
      dispatch({ type: 'tick', due: !timers.has('deadline') });
    }
  }

  return {
    start: () => dispatch({ type: 'start' }),
    stop: () => dispatch({ type: 'stop' }),
    wake: () => dispatch({ type: 'wake' }),
    watched,
  };
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
  socket.onclose = ({ code }) => closed(code);
  socket.onmessage = ({ data }) => {
    const frame = parseFrame(data, userId);
    if (!frame) return;
    if (frame.type === 'CLOSE') return closed(frame.code);
    if ('user' in frame && frame.user.userId !== userId) return onOtherUser();
    dispatch({ type: 'frame' });
    onFrame(frame);
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

function createTimers(
  env: Pick<Environment, 'setTimer' | 'elapsed'>,
  onExpired: (name: TimerName) => void,
) {
  const running = new Map<TimerName, { dueAt: number; cancel: () => void }>();
  const clear = (name: TimerName): void => {
    running.get(name)?.cancel();
    running.delete(name);
  };
  const expire = (name: TimerName): void => {
    clear(name);
    onExpired(name);
  };
  return {
    set: (name: TimerName, ms: number): void => {
      clear(name);
      const cancel = env.setTimer(() => expire(name), ms);
      running.set(name, { dueAt: env.elapsed() + ms, cancel });
    },
    has: (name: TimerName): boolean => running.has(name),
    clear,
    clearAll: (): void => [...running.keys()].forEach(clear),
    catchUp: (): void => {
      for (const [name, { dueAt }] of [...running]) {
        if (running.has(name) && env.elapsed() > dueAt) expire(name);
      }
    },
  };
}
