// The types of the wire and of the store. It contains no behaviour.

/** What a user may do. The server's policy may name more roles than these three. */
export type UserRole = 'free' | 'paid' | 'operator' | (string & {});

/** The status of a subscription, as Stripe names it. Stripe may add more. */
export type StripeStatus =
  | 'trialing'
  | 'active'
  | 'past_due'
  | 'unpaid'
  | 'paused'
  | 'incomplete'
  | 'incomplete_expired'
  | 'canceled'
  | (string & {});

/**
 * The signed-in user, as the server reports it. Times are RFC 3339 in UTC, or null. An older server
 * does not report all of it: it leaves `features` empty, `epoch` and `accountVersion` 0, and the rest
 * null.
 */
export interface User<Role extends string = UserRole> {
  userId: string;
  role: Role;
  /** Names of the features that the role and Stripe's entitlements give the user. */
  features: readonly string[];
  /** Status of the subscription that is shown. Null if there is none, or for a purchase. */
  status: StripeStatus | null;
  subscriptionActive: boolean;
  subscriptionExpiresAt: string | null;
  /** When the trial ends, while there is one. */
  trialEndsAt: string | null;
  /** When the subscription is going to be canceled, if that is decided. */
  cancelAt: string | null;
  /** When the subscription became past due, while it is. */
  pastDueSince: string | null;
  roleAssignedAt: string | null;
  /** When the two counters below restarted, in s since the Unix epoch: 0 until a backup is restored. */
  epoch: number;
  /** Counts the user's role changes. A smaller id always belongs to an older state. */
  revocationId: number;
  /** Counts the commits of the user's account. It orders the states of one revocation id. */
  accountVersion: number;
  /** The account that gives the role, where a token speaks for several: the user's own or an organisation's. */
  accountId?: string;
  /** All accounts that the token speaks for, if there are several. The counters above are those of all. */
  accounts?: readonly string[];
}

/** The answer of GET /session: the user, and the roles of the policy, lowest first. */
export interface InitialUser<Role extends string = UserRole> extends User<Role> {
  roles?: readonly Role[];
}

export type ChangeType = 'ROLE_UPGRADED' | 'ROLE_DOWNGRADED';

/** The server's reply to a `sync`. */
export interface SnapshotFrame extends User {
  v: 1;
  type: 'SNAPSHOT';
  /** The roles of the server's policy, lowest first. */
  roles: readonly UserRole[];
}

/** A committed change, pushed to each live socket. */
export interface ChangeFrame extends User {
  v: 1;
  /** `SUBSCRIPTION_CHANGED`: the role is the same, and something else about the user is not. */
  type: ChangeType | 'SUBSCRIPTION_CHANGED';
  previousRole: UserRole;
  eventId: string;
  /** When the change was committed. */
  at: string;
}

export interface PongFrame {
  v: 1;
  type: 'PONG';
}

/** The server ends the socket, where it cannot send a close code. */
export interface CloseFrame {
  v: 1;
  type: 'CLOSE';
  code: number;
  reason: string;
}

export type ServerFrame = SnapshotFrame | ChangeFrame | PongFrame | CloseFrame;

/** What orders the states of a user: `epoch` first, `accountVersion` last. */
export type Version = Pick<User, 'epoch' | 'revocationId' | 'accountVersion'>;

export type ClientFrame = ({ action: 'sync' } & Version) | { action: 'ping' };

/** How an update reached this tab. */
export type Via = 'socket' | 'poll' | 'tab';

/** A role change, as one tab saw it. Each tab reports each change once. */
export interface RoleChange<Role extends string = UserRole> {
  type: ChangeType;
  user: User<Role>;
  previousRole: Role;
  via: Via;
  /** The Stripe event that caused it, if a frame named it. */
  eventId: string | null;
  /** When the server committed it, if a frame said so. */
  committedAt: string | null;
  /** When this tab learned of it, in ms since the Unix epoch. */
  seenAt: number;
}

/** A `solo` tab cannot take part in an election, so it keeps a socket of its own. */
export type TabPosition = 'leader' | 'follower' | 'solo';

export type ConnectionName =
  'idle' | 'authorizing' | 'dialing' | 'open' | 'asking' | 'waiting' | 'refused';

export type UpgradeStatusName = 'idle' | 'pending' | 'upgraded' | 'timed_out';
export type UpgradeOutcome = 'upgraded' | 'timed_out' | 'cancelled';

export interface UpgradeView<Role extends string = UserRole> {
  status: UpgradeStatusName;
  /** How often this watch has polled the server so far, from 0 to 7. */
  attempt: number;
  /** The role that the watch waits for. Null: any role above the one that the user had. */
  role: Role | null;
  /** The checkout that it waits for, if the host named one. */
  checkoutSessionId: string | null;
  /**
   * Whether the server has reported something of this purchase since the watch began: a subscription
   * that became active, or a higher role. Before that, nobody knows whether there was a payment.
   */
  paymentKnown: boolean;
}

/**
 * Why the client cannot do its work now. `token.failed`: `getToken` threw, rejected or did not answer.
 * `token.unreadable`: it returned something other than a JWT with a `sub`. `user.mismatch`: the server
 * reported another user. `server.unreachable`: no answer, which is also how a browser reports an
 * origin that the server does not list. `server.unexpected`: an answer that is not tierlift's.
 * `base_url.invalid`: the option is no address, and the client does nothing. The rest is the code of the server's refusal.
 */
export type TierErrorCode =
  | 'token.failed'
  | 'token.unreadable'
  | 'user.mismatch'
  | 'server.unreachable'
  | 'server.unexpected'
  | 'base_url.invalid'
  | 'token.missing'
  | 'token.invalid'
  | 'token.expired'
  | 'token.stale'
  | 'token.revoked'
  | 'token.session_expired'
  | (string & {});

export interface TierError {
  code: TierErrorCode;
  /** The code, and what `getToken` threw. The console has a sentence in English. */
  message: string;
}

/** Everything that a page shows. It is a new object exactly when something in it has changed. */
export interface TierSnapshot<Role extends string = UserRole> {
  /**
   * `error`: it is not known who is signed in, or nothing about the user; `error` says why, and the
   * client goes on trying. With a user to show, the status is `ready` whatever happens.
   */
  status: 'loading' | 'ready' | 'signed_out' | 'error';
  user: User<Role> | null;
  /**
   * Whether the user shown is not confirmed: an `initialUser` that the server has not answered yet, or
   * the last known state while the token is refused or the server is unreachable.
   */
  isStale: boolean;
  /** The roles of the server's policy, lowest first. Empty until the server has reported them. */
  roles: readonly Role[];
  /** What is wrong at the moment, or null. */
  error: TierError | null;
  position: TabPosition;
  /**
   * That of this tab's own socket. It is `idle` in a follower, because its updates come from the leader, and until the
   * code of a socket has been loaded.
   */
  connection: ConnectionName;
  upgrade: UpgradeView<Role>;
  lastChange: RoleChange<Role> | null;
}
