// The public API of the React part.

export { TierProvider, useTierClient } from './provider.js';
export type { TierProviderProps } from './provider.js';
export { useHasFeature, useHasRole, useTier, useTierSelector } from './tier.js';
export type { Tier } from './tier.js';
export { useTierUpgrade } from './upgrade.js';
export type { TierUpgrade } from './upgrade.js';
export { RequireFeature, RequireRole } from './require.js';
export type { RequireFeatureProps, RequireRoleProps } from './require.js';
export { SubscriptionStatus } from './subscription.js';
export type { SubscriptionStatusProps, SubscriptionTexts } from './subscription.js';
export { UpgradeStatus } from './status.js';
export type { UpgradeStatusProps, UpgradeTexts } from './status.js';
export type { ToastAdapter, ToastTexts } from './toasts.js';
