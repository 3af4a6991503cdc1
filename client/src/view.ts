// What a component reads: the snapshot, and the questions that it asks most.

import type { TierClient } from './client.js';
import type { TierSnapshot, UserRole } from './types.js';

export interface TierView<Role extends string = UserRole> extends TierSnapshot<Role> {
  /** Null until the server has reported it. */
  role: Role | null;
  /** Empty until the server has reported them, and with a server that reports none. */
  features: readonly string[];
  /** Whether the user has this feature. */
  has: (feature: string) => boolean;
  /** Whether the user has this role or a higher one. */
  hasRole: (role: Role) => boolean;
}

export function viewOf<Role extends string>(client: TierClient<Role>): TierView<Role> {
  const snapshot = client.getSnapshot();
  const { role = null, features = [] } = snapshot.user ?? {};
  return { ...snapshot, role, features, has: client.has, hasRole: client.hasRole };
}
