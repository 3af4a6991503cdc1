// The order of the roles, as configured by the host. It grants nothing; the server does.

import type { ChangeType, UserRole } from './types.js';

/** Lowest first, as in the server's default policy. */
export const DEFAULT_ROLES: readonly UserRole[] = ['free', 'paid', 'operator'];

/** Whether `role` is `goal` or a higher role. A role that is not in the list has no higher roles. */
export function reaches(roles: readonly UserRole[], role: UserRole, goal: UserRole): boolean {
  const rank = roles.indexOf(goal);
  return role === goal || (rank >= 0 && roles.indexOf(role) >= rank);
}

export function changeType(roles: readonly UserRole[], from: UserRole, to: UserRole): ChangeType {
  return roles.indexOf(to) < roles.indexOf(from) ? 'ROLE_DOWNGRADED' : 'ROLE_UPGRADED';
}
