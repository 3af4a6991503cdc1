//! The limits of the program itself. Those of the pipeline are in [`tierlift_core::limits`].

use std::time::Duration;

/// Threads that read the data file. Tokio's default, 512, would all start when 10,000 sockets ask for
/// their snapshot at once, each with memory of its own, and read no faster.
pub(crate) const READER_THREADS_MAX: usize = 8;

/// Connections over which webhooks are sent at a time.
pub(crate) const SENDERS_MAX: usize = 32;
/// Attempts to send one webhook.
pub(crate) const SEND_ATTEMPTS_MAX: usize = 6;
/// Delay before the second attempt; doubles each time.
pub(crate) const SEND_RETRY_DELAY_MIN: Duration = Duration::from_millis(100);
/// Time that a server has to answer a request.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Events, and repeats of events, in a storm of `tierlift trigger`.
pub(crate) const TRIGGER_EVENTS_MAX: i64 = 1_000_000;
/// Time that a server has to apply the events it accepted.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_mins(2);
/// Time between two looks at the server's queue.
pub(crate) const DRAIN_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Events of a storm in the demo: enough to see, and soon over.
pub(crate) const DEMO_STORM_EVENTS: usize = 120;
/// Repeats among them.
pub(crate) const DEMO_STORM_DUPLICATES: usize = 30;
/// Users whose subscriptions the demo remembers; beyond that all are read from the store again.
pub(crate) const DEMO_USERS_MAX: usize = 10_000;
/// Delayed upgrades that wait at a time.
pub(crate) const DEMO_DELAYED_MAX: usize = 100;
/// Delay of a delayed upgrade, unless the request says otherwise.
pub(crate) const DEMO_DELAY_MS: u64 = 8_000;
/// Longest delay of a delayed upgrade.
pub(crate) const DEMO_DELAY_MS_MAX: u64 = 60_000;

/// Difference between this machine's clock and Stripe's that the doctor does not mention, in seconds.
pub(crate) const CLOCK_SKEW_SECS_MAX: i64 = 60;
/// Time back to which the doctor looks for deliveries that failed, in seconds: as long as Stripe repeats them.
pub(crate) const DELIVERIES_LOOKED_BACK_SECS: i64 = 3 * 86_400;
/// Time that Stripe has to deliver an event before the doctor mentions it, in seconds.
pub(crate) const DELIVERIES_GIVEN_SECS: i64 = 3_600;
/// Time between two looks at a reconciliation by a server.
pub(crate) const RECONCILE_POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Pages of prices that the doctor reads.
pub(crate) const DOCTOR_PAGES_MAX: usize = 10;
