// Every wait and bound of the client, by name. Milliseconds unless the name says otherwise.

/** The first wait before a reconnect; each further one doubles, up to the cap. */
export const RECONNECT_MS_BASE = 1_000;
export const RECONNECT_MS_MAX = 30_000;
/** A socket that lived this long was healthy: its successor starts from the first wait again. */
export const HEALTHY_AFTER_MS = 10_000;
/** A dial, a sync or a ping without an answer for this long means a dead connection. */
export const REPLY_MS_MAX = 10_000;
/** After a wake-up the doubt is greater and a person is looking, so less patience. */
export const WAKE_REPLY_MS_MAX = 3_000;
/** API Gateway closes a connection idle for 10 minutes. */
export const PING_EVERY_MS = 240_000;
/** API Gateway ends every connection at 2 hours; the spread keeps tabs from moving together. */
export const LIFETIME_MS_MIN = 6_300_000;
export const LIFETIME_MS_SPREAD = 600_000;
/** How often a refused connection asks whether the host has another token by now. */
export const REFUSED_RETRY_MS = 30_000;

export const REQUEST_MS_MAX = 10_000;
/** How long the lock outlives a token refresh, so that the broadcast outruns the lock. */
export const REFRESH_LOCK_LINGER_MS = 50;
/** Over how long the profile requests after a role change are spread; the first serves all tabs. */
export const PROFILE_SPREAD_MS = 1_000;

/** How long a leader may take to answer a probe before a follower takes its place. */
export const PROBE_REPLY_MS_MIN = 500;
export const PROBE_REPLY_MS_SPREAD = 300;
export const PROBE_EVERY_MS = 15_000;

/** When a watch asks, counted from its start: at once, then after 1, 2, 4, 8, 16 and 29 s. */
export const WATCH_AT_MS = [0, 1_000, 3_000, 7_000, 15_000, 31_000, 60_000] as const;
/** How long a watch that timed out is still told after a reload. */
export const WATCH_KEPT_MS = 3_600_000;

/** How soon a host that could not give its token is asked again. */
export const IDENTIFY_RETRY_MS = 5_000;
