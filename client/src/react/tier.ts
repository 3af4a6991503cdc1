'use client';
// The hooks that read the tier. They show what is known; access is the server's decision.

import { useCallback, useMemo, useSyncExternalStore } from 'react';
import type { TierClient } from '../client.js';
import { reaches } from '../roles.js';
import type { TierSnapshot, UserRole } from '../types.js';
import { useTierClient } from './provider.js';

export interface Tier<Role extends string = UserRole> extends TierSnapshot<Role> {
  /** Null until the server has reported it. */
  role: Role | null;
  /** Empty until the server has reported them, and with a server that reports none. */
  features: readonly string[];
  /** Whether `features` contains this one. */
  has: (feature: string) => boolean;
  /** Whether the user has this role or a higher one. */
  hasRole: (role: Role) => boolean;
  client: TierClient<Role>;
}

const NO_FEATURES: readonly string[] = [];

/**
 * Everything, and therefore renders whenever anything changes, the connection included. Where that is
 * too often, use `useHasRole`, `useHasFeature` or `useTierSelector`.
 */
export function useTier<Role extends string = UserRole>(): Tier<Role> {
  const client = useTierClient<Role>();
  const { subscribe, getSnapshot, getServerSnapshot } = client;
  const snapshot = useSyncExternalStore(subscribe, getSnapshot, getServerSnapshot);
  const { user, roles } = snapshot;
  const { role = null, features = NO_FEATURES } = user ?? {};
  const has = useCallback((feature: string) => features.includes(feature), [features]);
  const hasRole = useCallback(
    (goal: Role) => role !== null && reaches(roles, role, goal),
    [roles, role],
  );
  return { ...snapshot, role, features, has, hasRole, client };
}

/** What the selector picks from the snapshot. Renders only when that is another value. */
export function useTierSelector<Value, Role extends string = UserRole>(
  selector: (snapshot: TierSnapshot<Role>) => Value,
): Value {
  const { subscribe, getSnapshot, getServerSnapshot } = useTierClient<Role>();
  const select = useMemo(() => selectFrom(getSnapshot, selector), [getSnapshot, selector]);
  const selectOnServer = useMemo(
    () => selectFrom(getServerSnapshot, selector),
    [getServerSnapshot, selector],
  );
  return useSyncExternalStore(subscribe, select, selectOnServer);
}

/** Selects once from each snapshot: React calls it often, and expects the same value each time. */
function selectFrom<Snapshot, Value>(
  getSnapshot: () => Snapshot,
  selector: (snapshot: Snapshot) => Value,
): () => Value {
  let latest: { snapshot: Snapshot; value: Value } | null = null;
  return () => {
    const snapshot = getSnapshot();
    if (latest?.snapshot !== snapshot) latest = { snapshot, value: selector(snapshot) };
    return latest.value;
  };
}

/** Whether the user has this role or a higher one. Renders only when that changes. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a host names its roles
export function useHasRole<Role extends string = UserRole>(role: Role): boolean {
  return useTierSelector<boolean, Role>(
    ({ user, roles }) => user !== null && reaches(roles, user.role, role),
  );
}

/** Whether the user has this feature. Renders only when that changes. */
export function useHasFeature(feature: string): boolean {
  return useTierSelector(({ user }) => user?.features.includes(feature) ?? false);
}
