// The order of the roles, as configured by the host. It grants nothing; the server does.

import type { ChangeType, User, UserRole } from './types.js';

/** Lowest first, as in the server's default policy. */
export const DEFAULT_ROLES: readonly UserRole[] = ['free', 'paid', 'operator'];

/** Whether `user` has `goal` or a higher role. A role that is not in the list has no higher roles. */
export function reaches(roles: readonly UserRole[], user: User, goal: UserRole): boolean {
  const rank = roles.indexOf(goal);
  return user.role === goal || (rank >= 0 && roles.indexOf(user.role) >= rank);
}

export function changeType(roles: readonly UserRole[], from: UserRole, to: UserRole): ChangeType {
  return roles.indexOf(to) < roles.indexOf(from) ? 'ROLE_DOWNGRADED' : 'ROLE_UPGRADED';
}
