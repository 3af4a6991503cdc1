// Performs what machine.ts decides: one socket at most, its timers, and the questions around it.
// It decides nothing itself, and drops every answer that belongs to a state already left.

import type { Environment, Socket } from './environment.js';
import { transition } from './machine.js';
import type { ConnectionEvent, ConnectionState, Effect, TimerName } from './machine.js';
import type { ClientFrame, ConnectionName } from './types.js';

export interface ConnectionOptions {
  env: Pick<Environment, 'socket'>;
  url: string;
  token: () => Promise<string | null>;
  /** Asks GET /session why a dial failed; what it learns on the way reaches the store by itself. */
  ask: () => Promise<'ok' | 'refused' | 'unreachable'>;
  revocationId: () => number;
  onFrame: (data: unknown) => void;
  onState: (name: ConnectionName) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #timers = new Map<TimerName, ReturnType<typeof setTimeout>>();
  #state: ConnectionState = { name: 'idle' };
  /** Counts the states entered, so that a late answer is known to be late. */
  #epoch = 0;
  #socket: Socket | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#dispatch({ type: 'start' });
  }

  stop(): void {
    this.#dispatch({ type: 'stop' });
  }

  /** The network is back or the page is looked at: test the socket, or dial now. */
  wake(): void {
    this.#dispatch({ type: 'wake' });
  }

  #dispatch(event: ConnectionEvent): void {
    const [state, ...effects] = transition(this.#state, event, Math.random);
    const entered = state.name !== this.#state.name;
    this.#state = state;
    if (entered) {
      this.#epoch += 1;
      for (const timer of this.#timers.keys()) this.#clear(timer);
    }
    for (const effect of effects) this.#perform(effect);
    if (entered) this.#options.onState(state.name);
  }

  #perform(effect: Effect): void {
    switch (effect[0]) {
      case 'authorize':
        return this.#later(this.#options.token(), (token) => ({ type: 'token', token }));
      case 'ask':
        return this.#later(this.#ask(), (answer) => answer);
      case 'dial':
        return this.#dial(effect[1]);
      case 'sync':
        return this.#send({ action: 'sync', revocationId: this.#options.revocationId() });
      case 'ping':
        return this.#send({ action: 'ping' });
      case 'close':
        return this.#hangUp();
      case 'clear':
        return this.#clear(effect[1]);
      case 'timer':
        return this.#set(effect[1], effect[2]);
    }
  }

  #set(name: TimerName, ms: number): void {
    this.#clear(name);
    this.#timers.set(
      name,
      setTimeout(() => this.#dispatch({ type: name }), ms),
    );
  }

  #clear(name: TimerName): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  /** Dispatches the outcome of a question, unless the state that asked it has been left. */
  #later<T>(question: Promise<T>, toEvent: (answer: T) => ConnectionEvent): void {
    const asked = this.#epoch;
    const settle = (event: ConnectionEvent): void => {
      if (asked === this.#epoch) this.#dispatch(event);
    };
    question.then(
      (answer) => settle(toEvent(answer)),
      () => settle({ type: 'failed' }),
    );
  }

  async #ask(): Promise<ConnectionEvent> {
    const answer = await this.#options.ask();
    const token = await this.#options.token().catch(() => null);
    return { type: 'answered', answer, token };
  }

  #dial(token: string): void {
    try {
      const { env, url } = this.#options;
      this.#listen(env.socket(url, ['tierlift.v1', `bearer.${token}`]));
    } catch {
      // A token that is no subprotocol, or a page that forbids sockets, throws here.
      this.#later(Promise.resolve(1006), (code) => ({ type: 'closed', code, now: Date.now() }));
    }
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    socket.onopen = () => this.#dispatch({ type: 'opened', now: Date.now() });
    socket.onclose = ({ code }) => this.#dispatch({ type: 'closed', code, now: Date.now() });
    socket.onmessage = ({ data }) => {
      // Where its function fails, API Gateway says so in a frame of its own: that is no answer.
      if (!String(data).includes('"v":1')) return;
      this.#dispatch({ type: 'frame' });
      this.#options.onFrame(data);
    };
  }

  #send(frame: ClientFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  #hangUp(): void {
    const socket = this.#socket;
    if (!socket) return;
    // From here on this socket's words are history, whatever it still says.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    this.#socket = null;
  }
}
