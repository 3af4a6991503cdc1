// Messages between the tabs of one browser: typed, versioned, and limited to one user.
// It prefers BroadcastChannel and falls back to localStorage events. It never writes a token to
// storage, never delivers a tab its own message, and drops what it does not understand.

import type { Channel, Environment } from './environment.js';
import { isChange, isFields, parseJson, parseUser } from './parse.js';
import type { ChangeType, RoleChange, User } from './types.js';

/** The state of the user, as another tab learned it. */
export type UpdateMessage =
  | ({ type: ChangeType } & Pick<RoleChange, 'user' | 'eventId' | 'committedAt'>)
  | { type: 'REFRESH'; user: User; accessToken?: string };

export type ElectionMessage =
  /** A follower checks that the leader is alive; `wake` also makes it test its socket. */
  { type: 'PROBE'; wake: boolean } | { type: 'ALIVE' };

export type TabMessage = UpdateMessage | ElectionMessage | { type: 'SIGN_OUT' };

/** What each message carries besides its content. */
export interface Envelope {
  v: 1;
  source: string;
  at: number;
  userId: string;
}

export interface Tabs {
  post: (message: TabMessage) => void;
  close: () => void;
}

export interface TabsOptions {
  name: string;
  userId: string;
  env: Pick<Environment, 'channel' | 'storage' | 'listen' | 'now' | 'random'>;
  onMessage: (message: TabMessage & Envelope) => void;
}

export function createTabs({ name, userId, env, onMessage }: TabsOptions): Tabs {
  const source = `${env.now()}-${env.random()}`;
  const receive = (data: unknown): void => {
    const message = parseMessage(data);
    if (message && message.source !== source && message.userId === userId) onMessage(message);
  };
  const link = openChannel(name, env, receive) ?? openStorage(name, env, receive);
  return {
    post: (message) => link.post({ v: 1, source, at: env.now(), userId, ...message }),
    close: link.close,
  };
}

interface Link {
  post: (message: TabMessage & Envelope) => void;
  close: () => void;
}

type Receive = (data: unknown) => void;

function openChannel(name: string, env: TabsOptions['env'], receive: Receive): Link | null {
  if (!env.channel) return null;
  const channel: Channel = env.channel(name);
  channel.onmessage = (event) => receive(event.data);
  return {
    post: (message) => channel.postMessage(message),
    close: () => channel.close(),
  };
}

/** Writing is sending: the value is removed at once, and a token is never written. */
function openStorage(name: string, env: TabsOptions['env'], receive: Receive): Link {
  return {
    post: (message) => {
      env.storage.write(name, JSON.stringify({ ...message, accessToken: undefined }));
      env.storage.write(name, null);
    },
    close: env.listen('storage', (event) => {
      const { key, newValue } = event as StorageEvent;
      if (key === name) receive(parseJson(newValue));
    }),
  };
}

function parseMessage(data: unknown): (TabMessage & Envelope) | null {
  if (!isFields(data) || data.v !== 1) return null;
  const { type } = data;
  const message = data as unknown as TabMessage & Envelope;
  if (type === 'SIGN_OUT' || type === 'PROBE' || type === 'ALIVE') return message;
  if (type !== 'REFRESH' && !isChange(type)) return null;
  // A page that was loaded before the client was updated sends fewer fields.
  const user = parseUser(data.user);
  return user?.userId === data.userId ? ({ ...message, user } as typeof message) : null;
}
