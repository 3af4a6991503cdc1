// Turns what arrives from outside into our types, once and at the edge, or into null.
// It never throws and never repairs: a frame that is half right is no frame.

import type { ChangeType, User } from './types.js';

type Fields = Record<string, unknown>;

export function parseJson(text: unknown): Fields | null {
  if (typeof text !== 'string') return null;
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** A `?` is a time, which may be null or, in an older answer, missing. */
const USER_TYPES: Record<keyof User, string> = {
  userId: 'string',
  role: 'string',
  subscriptionActive: 'boolean',
  subscriptionExpiresAt: '?',
  roleAssignedAt: '?',
  revocationId: 'number',
};
export const USER_FIELDS = Object.keys(USER_TYPES) as (keyof User)[];

export function parseUser(value: unknown): User | null {
  if (!isFields(value)) return null;
  const user: Fields = {};
  for (const field of USER_FIELDS) {
    const type = USER_TYPES[field];
    const part = (user[field] = value[field] ?? null);
    const sound = typeof part === type || (type === '?' && (!part || typeof part === 'string'));
    if (!sound) return null;
  }
  return user as unknown as User;
}

/** What a frame says about the user. */
export interface FrameNews {
  user: User;
  type?: ChangeType;
  eventId?: string | null;
  committedAt?: string | null;
}

/**
 * Null for a PONG and for anything that is no frame. `userId` is the socket's owner, whom a
 * SNAPSHOT leaves out.
 */
export function parseFrame(text: unknown, userId: string): FrameNews | null {
  const frame = parseJson(text);
  const user = parseUser({ userId, ...frame });
  if (!user || frame?.v !== 1) return null;
  const { type, eventId, at } = frame;
  if (type === 'SNAPSHOT') return { user };
  if (!isChange(type)) return null;
  return { user, type, eventId: String(eventId), committedAt: String(at) };
}

export function isChange(type: unknown): type is ChangeType {
  return type === 'ROLE_UPGRADED' || type === 'ROLE_DOWNGRADED';
}

/**
 * The user a token was issued to, read without verifying it: it only chooses which lock and which
 * channel this tab joins. What a user may do is always the server's answer.
 */
export function subjectOf(token: string): string | null {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(payload), (char) => char.charCodeAt(0));
    const sub = parseJson(new TextDecoder().decode(bytes))?.sub;
    return typeof sub === 'string' ? sub : null;
  } catch {
    return null;
  }
}
