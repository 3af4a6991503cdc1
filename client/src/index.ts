// The package's public API. Importing it touches neither window nor document.

export { createTierClient } from './client.js';
export type { TierClient } from './client.js';
export { reaches } from './roles.js';
export type {
  GetToken,
  TierClientOptions,
  TokenReason,
  TokenRequest,
  WatchOptions,
} from './options.js';
export type * from './types.js';
