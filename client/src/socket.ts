// Performs what connection-machine.ts decides, in the tab that keeps the socket: at most one socket, its timers, and the requests
// around it. It decides nothing itself, and drops every reply to a state that has been left.

import type { Profile } from './api.js';
import { reportedHolder } from './claims.js';
import { transition } from './connection-machine.js';
import type { ConnectionEvent, ConnectionState, Effect, TimerName } from './connection-machine.js';
import type { Environment, Socket } from './environment.js';
import { parseFrame } from './frames.js';
import type { Frame } from './frames.js';
import * as limits from './limits.js';
import type { Store } from './store.js';
import { createTimer } from './timer.js';
import type { Timer } from './timer.js';
import type { Tokens } from './tokens.js';
import type { ClientFrame } from './types.js';

export interface SocketOptions {
  env: Pick<Environment, 'socket' | 'elapsed' | 'random' | 'setTimer' | 'visible'>;
  socketUrl: string;
  userId: string;
  store: Pick<Store, 'patch' | 'version'>;
  tokens: Pick<Tokens, 'current' | 'renew'>;
  /** Calls GET /session, which shows why a dial failed. It never rejects. */
  poll: () => Promise<Profile>;
  onFrame: (frame: Frame) => void;
  /** A frame is about somebody else: the socket is not this user's. */
  onForeignFrame: () => void;
}

export interface SocketConnection {
  start: () => void;
  stop: () => void;
  /** The network is back or the page is shown: tests the socket, or dials now. */
  wake: () => void;
  /** Somebody looks at another tab, which receives its changes through this socket. */
  watched: () => void;
}

export function createSocketConnection(options: SocketOptions): SocketConnection {
  const { env, store, tokens } = options;
  const timers = createTimers(env);
  let state: ConnectionState = { name: 'idle' };
  /** Counts the states entered, so that a late reply is recognized as late. */
  let entered = 0;
  let socket: FrameSocket | null = null;
  /** When the server was last heard, and when it was last asked to speak. */
  let heardAt = 0;
  let askedAt = 0;

  function dispatch(event: ConnectionEvent): void {
    if (event.type === 'frame' || event.type === 'opened') heardAt = env.elapsed();
    const [next, ...effects] = transition(state, event, env.random);
    const changed = next.name !== state.name;
    state = next;
    if (changed) {
      entered += 1;
      for (const timer of Object.values(timers)) timer.clear();
    }
    for (const effect of effects) perform(effect);
    if (changed) store.patch({ connection: next.name });
  }

  function perform(effect: Effect): void {
    switch (effect[0]) {
      case 'authorize':
        return settle(tokens.current().then(toToken));
      case 'renew':
        return settle(renewed(options, effect[1]).then(toToken));
      case 'ask':
        return settle(ask(options, effect[1]));
      case 'dial':
        socket = openSocket(options, effect[1], dispatch);
        return;
      case 'sync':
        return send({ action: 'sync', ...store.version() });
      case 'ping':
        return send({ action: 'ping' });
      case 'close':
        socket?.close();
        socket = null;
        return;
      case 'clear':
        return timers[effect[1]].clear();
      case 'timer':
        return timers[effect[1]].set(() => onTimer(effect[1]), effect[2]);
    }
  }

  // A hidden page pings only to keep the socket; one that is looked at must find out soon.
  const onTimer = (type: TimerName): void =>
    dispatch({ type, due: env.visible() || env.elapsed() - heardAt >= HIDDEN_SILENCE_MS });

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

  return {
    start: () => dispatch({ type: 'start' }),
    stop: () => dispatch({ type: 'stop' }),
    wake: () => dispatch({ type: 'wake' }),
    watched: () => {
      const due = askedAt <= heardAt;
      const now = env.elapsed();
      // A hidden page's timers may be a minute late, so an overdue one is made up for.
      if (!due && now - askedAt > limits.REPLY_MS_MAX) dispatch({ type: 'deadline', due });
      else if (now - heardAt >= limits.WATCHED_SILENCE_MS_MAX) dispatch({ type: 'tick', due });
    },
  };
}

function createTimers(env: Pick<Environment, 'setTimer'>): Record<TimerName, Timer> {
  return {
    retry: createTimer(env),
    deadline: createTimer(env),
    tick: createTimer(env),
    expire: createTimer(env),
  };
}

/** A hidden page only keeps its socket from being closed as idle. */
const HIDDEN_SILENCE_MS = limits.PING_HIDDEN_MS - limits.PING_INTERVAL_MS;

const toToken = (token: string): ConnectionEvent => ({ type: 'token', token });

async function renewed({ tokens }: SocketOptions, refused: string): Promise<string> {
  return (await tokens.renew(refused, 'expired')) ?? refused;
}

async function ask(options: SocketOptions, expired: string | null): Promise<ConnectionEvent> {
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
  options: SocketOptions,
  token: string,
  dispatch: (event: ConnectionEvent) => void,
): FrameSocket {
  const { env, socketUrl, userId, onFrame, onForeignFrame } = options;
  let socket: Socket | null = null;
  let live = true;

  function closed(code: number): void {
    if (live) dispatch({ type: 'closed', code, now: env.elapsed() });
    live = false;
  }

  function receive(data: unknown): void {
    const frame = live ? parseFrame(data, userId) : null;
    if (!frame) return;
    if (frame.type === 'CLOSE') closed(frame.code);
    else if ('user' in frame && reportedHolder(frame.user) !== userId) onForeignFrame();
    else {
      dispatch({ type: 'frame' });
      onFrame(frame);
    }
  }

  /** What the platform refuses ends the socket, after what is being done now. */
  function attempt(work: () => void): void {
    try {
      work();
    } catch {
      queueMicrotask(() => closed(1006));
    }
  }

  attempt(() => {
    // It throws where sockets are denied, or where the token is no valid subprotocol.
    socket = env.socket(socketUrl, ['tierlift.v1', `bearer.${token}`]);
    socket.onopen = () => {
      if (live) dispatch({ type: 'opened', now: env.elapsed() });
    };
    socket.onclose = ({ code }) => closed(code);
    socket.onmessage = ({ data }) => receive(data);
  });
  return {
    send: (frame) => attempt(() => socket?.send(JSON.stringify(frame))),
    close: () => {
      live = false;
      attempt(() => socket?.close(1000));
    },
  };
}
