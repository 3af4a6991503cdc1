// The order of the roles, as the server reports it. It grants nothing; the server does.

import type { ChangeType, UserRole } from './types.js';

/** Lowest first, as in the server's default policy. An older server does not report its own. */
const DEFAULT_ROLES: readonly UserRole[] = ['free', 'paid', 'operator'];

/** Where `role` stands, from 0 for the lowest. Negative for a role that is not in the list. */
export function rankOf(roles: readonly UserRole[], role: UserRole): number {
  return (roles.length > 0 ? roles : DEFAULT_ROLES).indexOf(role);
}

/** Whether `role` is `goal` or a higher role. A role that is not in the list has no higher roles. */
export function reaches(roles: readonly UserRole[], role: UserRole, goal: UserRole): boolean {
  const rank = rankOf(roles, goal);
  return role === goal || (rank >= 0 && rankOf(roles, role) >= rank);
}

export function changeType(roles: readonly UserRole[], from: UserRole, to: UserRole): ChangeType {
  return rankOf(roles, to) < rankOf(roles, from) ? 'ROLE_DOWNGRADED' : 'ROLE_UPGRADED';
}
