// The public API of the React part.

export { TierProvider, useTier } from './provider.js';
export type { TierProviderProps, Tier } from './provider.js';
export { useTierUpgrade } from './upgrade.js';
export type { TierUpgrade } from './upgrade.js';
export { RequireFeature } from './require-feature.js';
export type { RequireFeatureProps } from './require-feature.js';
export { SubscriptionStatus } from './subscription.js';
export type { SubscriptionStatusProps, SubscriptionTexts } from './subscription.js';
export { UpgradeStatus } from './status.js';
export type { UpgradeStatusProps, UpgradeTexts } from './status.js';
export type { ToastAdapter, ToastTexts } from './toasts.js';
