'use client';
// Shows its children to a user who has a feature. It hides, and protects nothing: the server does.

import type { ReactNode } from 'react';
import { useTier } from './provider.js';

export interface RequireFeatureProps {
  feature: string;
  children?: ReactNode;
  /** Shown once it is known that the user does not have the feature, or that nobody is signed in. */
  fallback?: ReactNode;
}

export function RequireFeature({ feature, children, fallback = null }: RequireFeatureProps) {
  const { status, has } = useTier();
  if (has(feature)) return <>{children}</>;
  // An offer to pay must not flash up for a customer whose features are still on their way.
  return status === 'loading' || status === 'error' ? null : <>{fallback}</>;
}
