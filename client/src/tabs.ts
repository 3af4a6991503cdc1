// Messages between the tabs of one browser: typed, versioned, and each about one user or nobody.
// It prefers BroadcastChannel and falls back to localStorage events. It never writes a token to
// storage, never delivers a tab its own message, and drops what it does not understand.

import { attempt } from './attempt.js';
import type { Channel, Environment } from './environment.js';
import { reportedHolder } from './claims.js';
import { isChange, isFields, parseJson, parseUser } from './parse.js';
import type { ChangeType, RoleChange, TierError, User } from './types.js';

/** What another tab learned about the user. */
export type UpdateMessage =
  | ({ type: ChangeType } & Pick<RoleChange, 'user' | 'eventId' | 'committedAt'>)
  | { type: 'REFRESH'; user: User }
  /** The state is no longer confirmed, and why. */
  | { type: 'STALE'; error: TierError }
  /** `from` is no longer accepted, `to` replaces it. */
  | { type: 'TOKEN'; from: string; to: string };

export type ElectionMessage =
  /** A follower checks that the leader is alive; `wake` also makes it test its socket. */
  { type: 'PROBE'; wake: boolean } | { type: 'ALIVE' };

export type SessionMessage = UpdateMessage | ElectionMessage;

/** `IDENTITY`: a tab found that this user is signed in, or nobody. */
export type TabMessage = SessionMessage | { type: 'SIGN_OUT' } | { type: 'IDENTITY' };

/** What each message carries besides its content. */
export interface Envelope {
  v: 1;
  source: string;
  at: number;
  userId: string | null;
}

export interface Tabs {
  /** Whether this tab can hear the others without storage. */
  readonly live: boolean;
  post: (userId: string | null, message: TabMessage) => void;
  close: () => void;
}

export interface TabsOptions {
  name: string;
  env: Pick<Environment, 'channel' | 'storage' | 'listen' | 'now' | 'random'>;
  onMessage: (message: TabMessage & Envelope) => void;
}

export function createTabs({ name, env, onMessage }: TabsOptions): Tabs {
  const source = `${env.now()}-${env.random()}`;
  const receive = (data: unknown): void => {
    const message = parseMessage(data);
    if (message && message.source !== source) onMessage(message);
  };
  const channel = env.channel(name);
  if (channel) channel.onmessage = (event) => receive(event.data);
  // A tab whose channel fails is heard over storage by those whose channel works.
  const unlisten = env.listen('storage', (event) => {
    const { key, newValue } = event as StorageEvent;
    if (key === name) receive(parseJson(newValue));
  });
  return {
    live: channel !== null,
    post: (userId, content) => {
      const message = { v: 1, source, at: env.now(), userId, ...content };
      if (!posted(channel, message)) write(env, name, message);
    },
    close: () => {
      unlisten();
      channel?.close();
    },
  };
}

function posted(channel: Channel | null, message: object): boolean {
  return attempt(() => {
    channel?.postMessage(message);
    return channel !== null;
  }, false);
}

/** Writing is sending: the value is removed at once, and a token is never written. */
function write(env: TabsOptions['env'], name: string, message: object & { type?: string }): void {
  if (message.type === 'TOKEN') return;
  env.storage.write(name, JSON.stringify(message));
  env.storage.write(name, null);
}

const PLAIN: unknown[] = ['SIGN_OUT', 'IDENTITY', 'PROBE', 'ALIVE', 'TOKEN'];

function parseMessage(data: unknown): (TabMessage & Envelope) | null {
  if (!isFields(data) || data.v !== 1) return null;
  const { type, error } = data;
  const message = data as unknown as TabMessage & Envelope;
  if (PLAIN.includes(type)) return message;
  if (type === 'STALE') return isFields(error) ? message : null;
  if (type !== 'REFRESH' && !isChange(type)) return null;
  // A page that was loaded before the client was updated sends fewer fields.
  const user = parseUser(data.user);
  return user && reportedHolder(user) === data.userId
    ? ({ ...message, user } as typeof message)
    : null;
}
