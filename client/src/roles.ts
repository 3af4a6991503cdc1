// The order of the roles, as far as the host has told it. It grants nothing: the server does.

import type { ChangeType, User, UserRole } from './types.js';

/** Lowest first, as in the server's default policy. */
export const DEFAULT_ROLES: readonly UserRole[] = ['free', 'paid', 'operator'];

/** Whether `user` has `goal` or better. A role outside the list is reached only by being it. */
export function reaches(roles: readonly UserRole[], user: User, goal: UserRole): boolean {
  const wanted = roles.indexOf(goal);
  return user.role === goal || (wanted >= 0 && roles.indexOf(user.role) >= wanted);
}

export function changeType(roles: readonly UserRole[], from: UserRole, to: UserRole): ChangeType {
  return roles.indexOf(to) < roles.indexOf(from) ? 'ROLE_DOWNGRADED' : 'ROLE_UPGRADED';
}
