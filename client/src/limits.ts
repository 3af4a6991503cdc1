// Every delay and bound of the client, by name. Units come last, then the qualifier.

/** Delay before the first reconnect. Each further delay doubles, up to the maximum. */
export const RECONNECT_DELAY_MS_BASE = 1_000;
export const RECONNECT_DELAY_MS_MAX = 30_000;
/** A socket that lived this long was healthy, so its successor starts from the base delay. */
export const HEALTHY_LIFETIME_MS_MIN = 10_000;
/** A connection that does not reply to a dial, a sync or a ping within this time is dead. */
export const REPLY_MS_MAX = 10_000;
/** Shorter after a wake-up: the socket is more likely dead, and somebody is looking at the page. */
export const WAKE_REPLY_MS_MAX = 3_000;
/** A page that is looked at finds out that its socket is dead within this time and REPLY_MS_MAX. */
export const PING_INTERVAL_MS = 25_000;
/** A hidden page only keeps the socket: API Gateway closes one that is idle for 10 minutes. */
export const PING_HIDDEN_MS = 240_000;
/** A leader tests a socket that was silent for this long when a follower is looked at. */
export const WATCHED_SILENCE_MS_MAX = 10_000;
/** API Gateway ends every connection after 2 hours. The jitter keeps tabs from moving together. */
export const SOCKET_LIFETIME_MS_MIN = 6_300_000;
export const SOCKET_LIFETIME_MS_JITTER = 600_000;
/** Delay before a host that failed to provide its token is asked again. */
export const IDENTIFY_RETRY_DELAY_MS = 5_000;

/** The head of a response, or the body of one of the client's own, is awaited no longer than this. */
export const REQUEST_MS_MAX = 10_000;
/** The host's `getToken` is awaited no longer than this. */
export const TOKEN_MS_MAX = 10_000;
/** More changes of the user than this within the time: a host that cannot decide. */
export const USER_CHANGES_MAX = 5;
export const USER_CHANGES_MS = 10_000;
/** Delay before such a host is asked again. Messages of other tabs are also acted on no more often. */
export const USER_CHANGE_DELAY_MS = 1_000;
export const IDENTIFY_GAP_MS = 250;
/** What one tab does for all, such as renewing a token, waits no longer than this for another tab. */
export const WORK_LOCK_MS_MAX = 15_000;
/** Its lock is held this much longer, so that the message arrives before the lock does. */
export const WORK_LOCK_HOLD_MS = 50;
/** Tabs spread their profile request after a role change over this time; the first serves all. */
export const PROFILE_JITTER_MS_MAX = 1_000;

/** A leader that does not reply to a probe within this time, plus the jitter, is replaced. */
export const PROBE_REPLY_MS_MIN = 500;
export const PROBE_REPLY_MS_JITTER = 300;
export const PROBE_INTERVAL_MS = 15_000;
/** A new tab checks after JOIN_MS that a leader exists, which has this long to reply. */
export const JOIN_MS = 1_000;
export const JOIN_REPLY_MS_MAX = 3_000;
/** A lock that cannot be stolen within this time is not granted at all. */
export const STEAL_MS_MAX = 3_000;
/** Delay before a tab that lost the lock queues for it again. */
export const LOCK_RETRY_DELAY_MS = 1_000;
/** A tab that lost the lock more often than this keeps a socket of its own. */
export const LOCK_LOSSES_MAX = 3;

/** A stored watch that is older than this is ignored. */
export const WATCH_AGE_MS_MAX = 3_600_000;
/** A role that is younger than this when a watch begins may be the one that it waits for. */
export const ROLE_AGE_MS_MAX = 600_000;
/** How long a watch lasts. */
export const WATCH_MS_MAX = 60_000;
/** When a watch polls, counted from its start: at once, then after 1, 2, 4, 8, 16 and 29 s. */
export const WATCH_POLL_AT_MS = [0, 1_000, 3_000, 7_000, 15_000, 31_000, WATCH_MS_MAX] as const;
