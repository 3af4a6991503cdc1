// Parses a frame of the socket into the client's types, or into null. It never throws and never repairs.

import { isChange, parseJson, parseRoles, parseUser } from './parse.js';
import type { ChangeType, User, UserRole } from './types.js';

/** A frame from the server, with the user it is about. */
export type Frame =
  | { type: 'PONG' }
  | { type: 'CLOSE'; code: number }
  | { type: 'SNAPSHOT' | 'SUBSCRIPTION_CHANGED'; user: User; roles: readonly UserRole[] | null }
  | { type: ChangeType; user: User; eventId: string; committedAt: string };

/**
 * Null for anything that is not a frame of version 1, such as the error frames of API Gateway, and
 * for types that this client does not know. Unknown fields are ignored. `userId` is the socket's
 * user, whom the SNAPSHOT of an older server does not name.
 */
export function parseFrame(data: unknown, userId: string): Frame | null {
  const frame = parseJson(data);
  if (frame?.v !== 1) return null;
  const { type, eventId, at, code } = frame;
  if (type === 'PONG') return { type };
  if (type === 'CLOSE') return typeof code === 'number' ? { type, code } : null;
  const user = parseUser({ userId, ...frame });
  if (!user) return null;
  const roles = parseRoles(frame.roles);
  if (type === 'SNAPSHOT' || type === 'SUBSCRIPTION_CHANGED') return { type, user, roles };
  if (!isChange(type)) return null;
  return { type, user, eventId: String(eventId), committedAt: String(at) };
}
