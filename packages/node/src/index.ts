// What `@tierlift/node` exports.

export { TierliftError } from './error.js';
export type { Code } from './error.js';
export { Tierlift } from './tierlift.js';
export type {
  Change,
  Changes,
  Grant,
  GrantRequest,
  Issued,
  Options,
  Session,
  SignIn,
  User,
  Withdrawal,
} from './tierlift.js';
export { verifyWebhook } from './webhook.js';
export type { Webhook } from './webhook.js';
