// The host's own sessions: a sealed cookie, which the server can read and cannot take back.
import { getIronSession } from 'iron-session';
import type { IronSession } from 'iron-session';
import { cookies } from 'next/headers';

interface Session {
  user?: string;
  /** When they signed in, in s since the Unix epoch. */
  at?: number;
}

export async function session(): Promise<IronSession<Session>> {
  const password = process.env.SESSION_SECRET ?? '';
  return getIronSession<Session>(await cookies(), { cookieName: 'session', password });
}
