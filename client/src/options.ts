// What a host passes to the client.

import type { InitialUser, TierError, UserRole } from './types.js';

/**
 * Why the token is asked for. `load`: the page is starting. `identify`: somebody may have signed in or
 * out. `request`: before a request or a dial. `expired`: the server no longer accepts the last one.
 * `stale`: the role has changed since the last one was issued.
 */
export type TokenReason = 'load' | 'identify' | 'request' | 'expired' | 'stale';

export interface TokenRequest {
  reason: TokenReason;
}

/** Returns your access token, or null when nobody is signed in. */
export type GetToken = (request: TokenRequest) => string | null | Promise<string | null>;

/** The host's side of the access token. */
export interface TokenHost {
  /**
   * Returns your access token, or null when nobody is signed in. Called before each dial and request.
   * For the reasons `expired` and `stale`, return a new token if you can get one.
   */
  getToken: GetToken;
  /**
   * Store this token from now on: tierlift has renewed the one that `getToken` returned. Called with
   * `refresh: 'tierlift'`, and for a token that tierlift issued; never with one that has lost a claim
   * or expires sooner.
   */
  onToken?: (accessToken: string) => void;
  /**
   * Who renews a token that became stale by a role change. `host`, the default: `getToken` does, and
   * if it returns the same token, tierlift's exchange is used in this page alone. `tierlift`: the
   * server's POST /session/refresh does, for tokens that tierlift issued.
   */
  refresh?: 'host' | 'tierlift';
  /**
   * The server's `account_claims`, if it has any but `sub`: a token that names another organisation begins
   * another session, as one of another user does. Use the same list in all tabs.
   */
  accountClaims?: readonly string[];
}

export interface TierClientOptions<Role extends string = UserRole> extends TokenHost {
  /** URL of the tierlift server. Defaults to the page's own origin. */
  baseUrl?: string;
  /** URL of the WebSocket, if it is on another host. Defaults to `/ws` below `baseUrl`. */
  socketUrl?: string;
  /**
   * The answer of GET /session with which your server rendered the page: shown at once, as stale, until
   * tierlift has answered. Null: nobody is signed in. It is dropped if the token belongs to somebody else.
   */
  initialUser?: InitialUser<Role> | null;
  /** This browser was signed out, here or in another tab: forget the token. */
  onSignOut?: () => void;
  /** Something went wrong that a developer should know of. Called once until it is over. */
  onError?: (error: TierError) => void;
}

export interface WatchOptions<Role extends string = UserRole> {
  /**
   * The role that was paid for. Without it, the watch waits for any role above the one that the user
   * has, unless that one is only minutes old.
   */
  role?: Role;
  /** The id of the checkout, `{CHECKOUT_SESSION_ID}` in Stripe's `success_url`. */
  checkoutSessionId?: string;
}
