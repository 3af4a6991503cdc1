// Performs what connection-machine.ts decides: at most one socket, its timers, and the requests
// around it. It decides nothing itself, and drops every reply to a state that has been left.

import type { Profile } from './api.js';
import { transition } from './connection-machine.js';
import type { ConnectionEvent, ConnectionState, Effect, TimerName } from './connection-machine.js';
import type { Environment } from './environment.js';
import { parseFrame } from './parse.js';
import type { Frame } from './parse.js';
import type { Store } from './store.js';
import type { Tokens } from './tokens.js';
import type { ClientFrame } from './types.js';

export interface ConnectionOptions {
  env: Pick<Environment, 'socket' | 'now' | 'random' | 'setTimer'>;
  url: string;
  userId: string;
  store: Pick<Store, 'patch' | 'version'>;
  tokens: Pick<Tokens, 'current'>;
  /** Calls GET /session, which shows why a dial failed. It never rejects. */
  poll: () => Promise<Profile>;
  onFrame: (frame: Frame) => void;
}

export interface Connection {
  start: () => void;
  stop: () => void;
  /** The network is back or the page is shown: tests the socket, or dials now. */
  wake: () => void;
}

export function createConnection(options: ConnectionOptions): Connection {
  const { env, store, tokens } = options;
  const timers = createTimers(env, (type) => dispatch({ type }));
  let state: ConnectionState = { name: 'idle' };
  /** Counts the states entered, so that a late reply is recognized as late. */
  let entered = 0;
  let socket: FrameSocket | null = null;

  function dispatch(event: ConnectionEvent): void {
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
      case 'ask':
        return settle(ask(options));
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

  function dial(token: string): void {
    try {
      socket = openSocket(options, token, dispatch);
    } catch {
      // The token is no valid subprotocol, or the page forbids sockets.
      settle(Promise.resolve({ type: 'closed', code: 1006, now: env.now() }));
    }
  }

  return {
    start: () => dispatch({ type: 'start' }),
    stop: () => dispatch({ type: 'stop' }),
    wake: () => dispatch({ type: 'wake' }),
  };
}

interface FrameSocket {
  send: (frame: ClientFrame) => void;
  /** Closes the socket. It dispatches nothing afterwards. */
  close: () => void;
}

function openSocket(
  { env, url, userId, onFrame }: ConnectionOptions,
  token: string,
  dispatch: (event: ConnectionEvent) => void,
): FrameSocket {
  const socket = env.socket(url, ['tierlift.v1', `bearer.${token}`]);
  socket.onopen = () => dispatch({ type: 'opened', now: env.now() });
  socket.onclose = ({ code }) => dispatch({ type: 'closed', code, now: env.now() });
  socket.onmessage = ({ data }) => {
    const frame = parseFrame(data, userId);
    if (!frame) return;
    dispatch({ type: 'frame' });
    onFrame(frame);
  };
  return {
    send: (frame) => socket.send(JSON.stringify(frame)),
    close: () => {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(1000);
    },
  };
}

async function ask({ poll, tokens }: ConnectionOptions): Promise<ConnectionEvent> {
  const { outcome } = await poll();
  return { type: 'answered', outcome, token: await tokens.current().catch(() => null) };
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
