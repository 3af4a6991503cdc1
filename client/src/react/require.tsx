'use client';
// Shows its children to a user who has a role or a feature. It hides, and protects nothing: the server
// does.

import type { ReactNode } from 'react';
import type { UserRole } from '../types.js';
import { useHasFeature, useHasRole, useTierSelector } from './tier.js';

interface RequireProps {
  children?: ReactNode;
  /** Shown once it is known that the user does not have it, or that nobody is signed in. */
  fallback?: ReactNode;
}

export interface RequireFeatureProps extends RequireProps {
  feature: string;
}

export interface RequireRoleProps<Role extends string = UserRole> extends RequireProps {
  /** The lowest role that will do. */
  role: Role;
}

export function RequireFeature({ feature, ...rest }: RequireFeatureProps) {
  return <Require has={useHasFeature(feature)} {...rest} />;
}

export function RequireRole<Role extends string = UserRole>(props: RequireRoleProps<Role>) {
  const { role, ...rest } = props;
  return <Require has={useHasRole(role)} {...rest} />;
}

function Require({ has, children, fallback = null }: RequireProps & { has: boolean }) {
  const known = useTierSelector(({ status }) => status === 'ready' || status === 'signed_out');
  if (has) return <>{children}</>;
  // An offer to pay must not flash up for a customer whose plan is still on its way.
  return known ? <>{fallback}</> : null;
}
