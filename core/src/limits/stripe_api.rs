//! Limits of what is asked of Stripe's API.

/// Objects of a page, which is as many as Stripe sends (<https://docs.stripe.com/api/pagination>).
pub const STRIPE_PAGE_OBJECTS_MAX: usize = 100;
/// Size of an answer, in bytes. A page of subscriptions with 20 items each has about 4 MiB.
pub const STRIPE_ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Time that one request may take, in milliseconds.
pub const STRIPE_REQUEST_TIMEOUT_MS: u64 = 20_000;
/// Attempts of a request, the first one included.
pub const STRIPE_ATTEMPTS_MAX: u32 = 3;
/// Delay before the first repetition, in milliseconds; it doubles, and half of it is jitter.
pub const STRIPE_RETRY_DELAY_MS_MIN: u64 = 500;
/// Longest `Retry-After` that a request waits for, in milliseconds; a longer one ends it.
pub const STRIPE_RETRY_AFTER_MS_MAX: u64 = 10_000;
/// Time that a request waits for its turn under the rate limit, in milliseconds.
pub const STRIPE_TURN_WAIT_MS_MAX: u64 = 30_000;
/// Requests a second that Stripe allows a live account (<https://docs.stripe.com/rate-limits>).
pub const STRIPE_LIVE_REQUESTS_PER_SEC: u32 = 100;
/// Requests a second that Stripe allows a sandbox, and each endpoint of the API in either mode.
pub const STRIPE_ENDPOINT_REQUESTS_PER_SEC: u32 = 25;
/// Part of these that tierlift uses where nothing else is configured, in percent.
pub const STRIPE_SHARE_PERCENT_DEFAULT: u32 = 25;
/// Requests in a row that fail before none is sent for a while.
pub const STRIPE_FAILURES_MAX: u32 = 5;
/// Time for which none is sent then, in milliseconds; it doubles while the first one after it fails.
pub const STRIPE_PAUSE_MS_MIN: u64 = 10_000;
/// Longest time for which none is sent, in milliseconds.
pub const STRIPE_PAUSE_MS_MAX: u64 = 300_000;

/// Time between the beginnings of two reconciliations, in seconds.
pub const RECONCILE_INTERVAL_SECS: i64 = 86_400;
/// Messages in the queue of one process above which a reconciliation reads no further page.
pub const RECONCILE_BACKLOG_MAX: u64 = 2_000;
/// Time between two looks whether the queue is shorter, in milliseconds.
pub const RECONCILE_BACKLOG_POLL_MS: u64 = 20;
/// Objects of a page that are compared side by side.
pub const COMPARED_AT_ONCE_MAX: usize = 50;
/// Time between two looks whether a reconciliation is due, in seconds.
pub const RECONCILE_CHECK_SECS: u64 = 3_600;
/// Time between two looks of a command at the queue, in milliseconds.
pub const OFFLINE_POLL_MS: u64 = 20;
/// Time for which nothing may leave the queue before a command no longer waits for it, in seconds.
pub const OFFLINE_STUCK_SECS: u64 = 10;
/// Times in a row that a reconciliation waits for Stripe before it ends, to go on later.
pub const RECONCILE_WAITS_MAX: u32 = 20;
/// Time that it waits where Stripe names none, in milliseconds.
pub const RECONCILE_WAIT_MS: u64 = 15_000;
/// Customers, and prices, that its report names.
pub const RECONCILED_LISTED_MAX: usize = 1_000;
/// Pages of events that are read to find out why something had to be fixed.
pub const RECONCILE_EVENT_PAGES_MAX: u64 = 100;
/// Types that a list of events can be asked for (<https://docs.stripe.com/api/events/list>).
pub const STRIPE_EVENT_TYPES_MAX: usize = 20;
/// Time between two rounds of asking about what is unclear, in seconds.
pub const FETCH_INTERVAL_SECS: u64 = 5;
/// Customers about whom Stripe is asked in one round.
pub const FETCHES_PER_ROUND_MAX: usize = 50;
/// Customers about whom it was asked, and who are still due, that a process remembers.
pub const FETCHES_REMEMBERED_MAX: usize = 1_000;
/// Time before it is asked about one of them again, in seconds; it doubles each time.
pub const FETCH_AGAIN_SECS_MIN: i64 = 30;
/// Longest time before it is asked again, in seconds.
pub const FETCH_AGAIN_SECS_MAX: i64 = 86_400;

/// Time that a page which is back from a checkout waits for Stripe and the worker, in milliseconds. It is
/// answered with what is committed then, and what comes later is pushed.
pub const CONFIRM_WAIT_MS_MAX: u64 = 3_000;
/// Time after which asking about a checkout ends, in seconds.
pub const CONFIRM_SECS_MAX: u64 = 30;
/// Time for which what came of it is kept for other tabs, in seconds.
pub const CONFIRMED_KEPT_SECS: u64 = 2;
/// Checkouts that are asked about at one time, by one process. Beyond it a page gets what is committed.
pub const CONFIRMS_AT_ONCE_MAX: usize = 256;
/// Times that one user can have Stripe asked about checkouts at once.
pub const CONFIRMS_PER_USER_MAX: u32 = 5;
/// Time after which the user can have it asked once more, in seconds.
pub const CONFIRM_INTERVAL_SECS: u64 = 10;
/// Time between two looks of a function at the ledger, whether what it has enqueued is processed, in milliseconds.
pub const PROCESSED_POLL_MS: u64 = 100;
/// Thin events whose objects are retrieved at one time, by one process.
pub const THINS_AT_ONCE_MAX: usize = 16;
/// Thin events that wait for their turn in a process; the others wait in the queue.
pub const THINS_READY_MAX: usize = 64;
/// Objects whose latest answer is kept for other thin events about them.
pub const THIN_ANSWERS_MAX: usize = 128;
