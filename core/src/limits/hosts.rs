//! Limits of what hosts ask for and are sent.

/// Grants by services that an account remembers. One that has ended makes room after
/// [`LEDGER_KEPT_DAYS`](super::LEDGER_KEPT_DAYS): until then its id is known.
pub const SERVICE_GRANTS_PER_USER_MAX: usize = 64;

/// Keys with which tokens are signed: the one that signs, and one that is being rotated in or out.
pub const SIGNING_KEYS_MAX: usize = 2;
/// Time for which the published key set may be kept, in seconds.
pub const KEY_SET_AGE_SECS: u64 = 300;

/// Longest time for which the last-known role of an account may be answered, in seconds.
pub const STALE_OK_SECS_MAX: u32 = 86_400;
/// Accounts that are remembered for that.
pub const LAST_KNOWN_ACCOUNTS_MAX: usize = 20_000;
/// Changes that one transaction appends to the log on AWS: each with a row of its own and one of its user, and the
/// head.
pub const CHANGES_PER_TRANSACTION_MAX: usize = 49;
/// Attempts to append to the log while others do, the first included.
pub const CHANGE_LOG_ATTEMPTS_MAX: u64 = 20;
/// Time after the first of them, in milliseconds. It grows by as much with each.
pub const CHANGE_LOG_RETRY_DELAY_MS: u64 = 10;
/// Days for which the row is kept that says which change of a user was logged last: longer than the table's stream
/// can bring it again
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>).
pub const LOGGED_KEPT_DAYS: i64 = 2;
/// Age of a change, in seconds, up to which the table's stream has all that followed it: the stream keeps it for 24
/// hours.
pub const STREAM_COMPLETE_SECS: i64 = 23 * 60 * 60;
/// Time for which a function waits for the next change, in seconds: less than its own.
pub const CHANGES_WAIT_ON_AWS_SECS: u64 = 4;
/// Time between two looks at the log meanwhile, in milliseconds.
pub const CHANGES_POLL_INTERVAL_MS: u64 = 500;

/// Secrets with which webhooks to the host are signed: the current one, and one that is being rotated in or out.
pub const WEBHOOK_SECRETS_MAX: usize = 4;
/// Length of such a secret, in bytes
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub const WEBHOOK_SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Time that the host may take to accept a webhook, in seconds.
pub const WEBHOOK_SEND_TIMEOUT_SECS: u64 = 10;
/// Webhooks that are sent to the host at the same time, each of another user.
pub const WEBHOOKS_AT_ONCE_MAX: usize = 16;
/// Webhooks of one user that are sent one after another before they are settled together.
pub const WEBHOOKS_PER_TURN_MAX: usize = 16;
/// Webhooks that failed in a row before the host is only probed.
pub const WEBHOOK_FAILURES_IN_A_ROW_MAX: usize = 8;
/// Changes that are taken from the log for webhooks in one transaction.
pub const WEBHOOKS_TAKEN_MAX: usize = 500;
/// Webhooks that wait to be sent. Further changes stay in the log until there is room.
pub const WEBHOOKS_PENDING_MAX: usize = 20_000;
/// Time for which a webhook is tried, in hours. Then it is dead.
pub const WEBHOOK_TRIED_HOURS: i64 = 72;
/// Longest pause that a host may ask for with `Retry-After`, in seconds.
pub const WEBHOOK_RETRY_AFTER_SECS_MAX: u64 = 3_600;
/// Time after which those that are due are looked for again, in milliseconds.
pub const WEBHOOK_CHECK_INTERVAL_MS: u64 = 1_000;
/// Dead webhooks on a page of a list.
pub const DEAD_WEBHOOKS_PAGE_MAX: usize = 500;
/// Days for which a dead webhook is kept.
pub const DEAD_WEBHOOK_KEPT_DAYS: i64 = 30;
