// The connection of this tab, until its code is there. The code of a socket, socket.ts, is loaded as soon as
// somebody is signed in, so that a tab that is to keep a socket later, and one whose network fails, have
// it. Where it does not come, this tab calls GET /session instead and loads again, ever more rarely.

import { backoffMs } from './backoff.js';
import type { Environment } from './environment.js';
import { createLoadSocket } from './load.js';
import type { SocketConnection, SocketOptions } from './socket.js';
import { createTimer } from './timer.js';

export interface ConnectionOptions extends SocketOptions {
  env: SocketOptions['env'] & Pick<Environment, 'load'>;
}

export function createConnection(options: ConnectionOptions): SocketConnection {
  const { env, poll } = options;
  const load = createLoadSocket(env);
  const retry = createTimer(env);
  let socket: SocketConnection | undefined;
  /** Whether this tab is to keep a socket. */
  let wanted = false;
  let attempt = 0;
  let loading = false;

  function begin(): void {
    retry.clear();
    if (loading) return;
    loading = true;
    load().then(({ createSocketConnection }) => {
      socket = createSocketConnection(options);
      if (wanted) socket.start();
    }, failed);
  }

  function failed(): void {
    loading = false;
    if (!wanted) return;
    void poll();
    retry.set(begin, backoffMs(attempt, env.random));
    attempt += 1;
  }

  begin();
  return {
    start: () => {
      wanted = true;
      if (socket) socket.start();
      else begin();
    },
    stop: () => {
      wanted = false;
      retry.clear();
      socket?.stop();
    },
    wake: () => {
      if (retry.isSet()) begin();
      socket?.wake();
    },
    watched: () => socket?.watched(),
  };
}
