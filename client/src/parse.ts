// Parses what arrives from outside into the client's types, once and at the edge, or into null.
// It never throws and never repairs: a frame that is half right is not a frame.

import { attempt } from './attempt.js';
import type { ChangeType, User, UserRole } from './types.js';

type Fields = Record<string, unknown>;

export function parseJson(text: unknown): Fields | null {
  const value = attempt<unknown>(() => JSON.parse(text as string), null);
  return typeof text === 'string' && isFields(value) ? value : null;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** A `?` is a text that may be null or missing, and `[]` is a list of texts. */
const USER_TYPES: Record<Exclude<keyof User, 'accountId' | 'accounts'>, string> = {
  userId: 'string',
  role: 'string',
  features: '[]',
  status: '?',
  subscriptionActive: 'boolean',
  subscriptionExpiresAt: '?',
  trialEndsAt: '?',
  cancelAt: '?',
  pastDueSince: '?',
  roleAssignedAt: '?',
  epoch: 'number',
  revocationId: 'number',
  accountVersion: 'number',
};

/** The values of fields that an older server does not send. */
const DEFAULTS: Fields = { features: [], epoch: 0, accountVersion: 0 };

/** The fields of the result are always in the same order. */
export function parseUser(value: unknown): User | null {
  if (!isFields(value)) return null;
  const user: Fields = {};
  for (const [field, type] of Object.entries(USER_TYPES)) {
    const part = (user[field] = value[field] ?? DEFAULTS[field] ?? null);
    if (!hasType(part, type)) return null;
  }
  const { accountId, accounts } = value;
  if (hasType(accounts, '[]')) Object.assign(user, { accountId, accounts });
  return user as unknown as User;
}

function hasType(part: unknown, type: string): boolean {
  if (type === '[]') return Array.isArray(part) && part.every((item) => typeof item === 'string');
  if (type === '?') return part === null || typeof part === 'string';
  return typeof part === type;
}

/** The names of roles, lowest first. Null where an older server sends none. */
export function parseRoles(value: unknown): readonly UserRole[] | null {
  return hasType(value, '[]') ? (value as UserRole[]) : null;
}

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

/** Whether a frame or a message announces a role change. */
export function isChange(type: unknown): type is ChangeType {
  return type === 'ROLE_UPGRADED' || type === 'ROLE_DOWNGRADED';
}
