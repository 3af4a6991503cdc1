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

/** Whether a frame or a message announces a role change. */
export function isChange(type: unknown): type is ChangeType {
  return type === 'ROLE_UPGRADED' || type === 'ROLE_DOWNGRADED';
}
