// The words of the wire and of the store, each in one place. It holds no behaviour.

/** What a user may do. The server's policy may name more roles than these three. */
export type UserRole = 'free' | 'paid' | 'operator' | (string & {});

/** What the server knows about the signed-in user. Times are RFC 3339 in UTC, or null. */
export interface User {
  userId: string;
  role: UserRole;
  subscriptionActive: boolean;
  subscriptionExpiresAt: string | null;
  roleAssignedAt: string | null;
  /** Counts the user's role changes. A smaller one is always older news. */
  revocationId: number;
}

export type ChangeType = 'ROLE_UPGRADED' | 'ROLE_DOWNGRADED';

/** The server's answer to a `sync`. It names no user: the socket belongs to one. */
export interface SnapshotFrame extends Omit<User, 'userId'> {
  v: 1;
  type: 'SNAPSHOT';
}

/** A committed role change, pushed to each live socket. */
export interface ChangeFrame extends User {
  v: 1;
  type: ChangeType;
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

/** How this tab came to know something. */
export type Via = 'socket' | 'poll' | 'tab';

/** A role change as one tab saw it. Each tab reports each change once. */
export interface RoleChange {
  type: ChangeType;
  user: User;
  previousRole: UserRole;
  via: Via;
  /** The Stripe event behind it, where a frame told. */
  eventId: string | null;
  /** When the server committed it, where a frame told. */
  committedAt: string | null;
  /** When this tab learned of it, in ms since the epoch. */
  seenAt: number;
}

/** `solo` is a tab that cannot elect a leader and so keeps a socket of its own. */
export type TabPosition = 'leader' | 'follower' | 'solo';

export type ConnectionName =
  'idle' | 'authorizing' | 'dialing' | 'open' | 'asking' | 'waiting' | 'refused';

export type UpgradeStatusName = 'idle' | 'pending' | 'upgraded' | 'timed_out';
export type UpgradeOutcome = 'upgraded' | 'timed_out' | 'cancelled';

export interface UpgradeView {
  status: UpgradeStatusName;
  /** How often this watch has asked the server so far, from 0 to 7. */
  attempt: number;
}

/** Everything a page shows. A new object whenever, and only when, something in it changed. */
export interface TierSnapshot {
  status: 'loading' | 'ready' | 'signed_out';
  user: User | null;
  /** `connection` is `idle` in a follower: its news come from the leader. */
  position: TabPosition;
  connection: ConnectionName;
  upgrade: UpgradeView;
  lastChange: RoleChange | null;
}
