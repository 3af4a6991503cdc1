// The package's front door. Importing it touches neither window nor document.

export { createTierClient } from './client.js';
export type { TierClient, TierClientOptions, WatchOptions } from './client.js';
export { createTabs } from './tabs.js';
export type { Envelope, TabMessage, Tabs, TabsOptions } from './tabs.js';
export type { GetToken } from './tokens.js';
export type * from './types.js';
