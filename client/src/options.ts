// What a host passes to the client.

import type { UserRole } from './types.js';

export type GetToken = () => string | null | Promise<string | null>;

/** The host's side of the access token. */
export interface TokenHost {
  /** Returns your access token, or null when nobody is signed in. Called before each dial and request. */
  getToken: GetToken;
  /** Store this token from now on: the one that `getToken` returned was stale and has been renewed. */
  onToken?: (accessToken: string) => void;
}

export interface TierClientOptions extends TokenHost {
  /** URL of the tierlift server. Defaults to the page's own origin. */
  baseUrl?: string;
  /** URL of the WebSocket, if it is on another host. Defaults to `/ws` below `baseUrl`. */
  socketUrl?: string;
  /** This browser was signed out, here or in another tab: forget the token. */
  onSignOut?: () => void;
  /** The server's roles, lowest first. Defaults to `free`, `paid`, `operator`. */
  roles?: readonly UserRole[];
}

export interface WatchOptions {
  /** The role that was paid for. Defaults to the last watch's role, then to the second-lowest role. */
  role?: UserRole;
}
