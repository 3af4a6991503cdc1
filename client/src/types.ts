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
 * does not report all of it: it leaves `features` empty, `accountVersion` 0, and the rest null.
 */
export interface User {
  userId: string;
  role: UserRole;
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
  /** Counts the user's role changes. A smaller id always belongs to an older state. */
  revocationId: number;
  /** Counts the commits of the user's account. It orders the states of one revocation id. */
  accountVersion: number;
}

export type ChangeType = 'ROLE_UPGRADED' | 'ROLE_DOWNGRADED';

/** The server's reply to a `sync`. It names no user, because the socket belongs to one. */
export interface SnapshotFrame extends Omit<User, 'userId'> {
  v: 1;
  type: 'SNAPSHOT';
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

export type ServerFrame = SnapshotFrame | ChangeFrame | PongFrame;

export type ClientFrame = { action: 'sync'; revocationId: number } | { action: 'ping' };

/** How an update reached this tab. */
export type Via = 'socket' | 'poll' | 'tab';

/** A role change, as one tab saw it. Each tab reports each change once. */
export interface RoleChange {
  type: ChangeType;
  user: User;
  previousRole: UserRole;
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

export interface UpgradeView {
  status: UpgradeStatusName;
  /** How often this watch has polled the server so far, from 0 to 7. */
  attempt: number;
}

/** Everything that a page shows. It is a new object exactly when something in it has changed. */
export interface TierSnapshot {
  status: 'loading' | 'ready' | 'signed_out';
  user: User | null;
  /** The connection of a follower is `idle`, because its updates come from the leader. */
  position: TabPosition;
  connection: ConnectionName;
  upgrade: UpgradeView;
  lastChange: RoleChange | null;
}
