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
/** API Gateway closes a connection that is idle for 10 minutes. */
export const PING_INTERVAL_MS = 240_000;
/** API Gateway ends every connection after 2 hours. The jitter keeps tabs from moving together. */
export const SOCKET_LIFETIME_MS_MIN = 6_300_000;
export const SOCKET_LIFETIME_MS_JITTER = 600_000;
/** Delay before a refused connection asks the host for another token. */
export const REFUSED_RETRY_DELAY_MS = 30_000;
/** Delay before a host that failed to provide its token is asked again. */
export const IDENTIFY_RETRY_DELAY_MS = 5_000;

export const REQUEST_MS_MAX = 10_000;
/** The refresh lock is held this much longer, so that the broadcast arrives before the lock does. */
export const REFRESH_LOCK_HOLD_MS = 50;
/** Tabs spread their profile request after a role change over this time; the first serves all. */
export const PROFILE_JITTER_MS_MAX = 1_000;

/** A leader that does not reply to a probe within this time, plus the jitter, is replaced. */
export const PROBE_REPLY_MS_MIN = 500;
export const PROBE_REPLY_MS_JITTER = 300;
export const PROBE_INTERVAL_MS = 15_000;

/** A stored watch that is older than this is ignored. */
export const WATCH_AGE_MS_MAX = 3_600_000;
/** When a watch polls, counted from its start: at once, then after 1, 2, 4, 8, 16 and 29 s. */
export const WATCH_POLL_AT_MS = [0, 1_000, 3_000, 7_000, 15_000, 31_000, 60_000] as const;
