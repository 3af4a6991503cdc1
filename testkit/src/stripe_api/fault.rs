//! What a request may meet instead of its answer.

use std::time::Duration;

/// The fate of one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error with that status.
    Status(u16),
    /// 429, and the seconds after which to ask again.
    RateLimited {
        /// What `Retry-After` says.
        retry_after_secs: Option<u64>,
    },
    /// The answer, after that time.
    Slow(Duration),
    /// Half of the answer, and the end of the connection.
    Cut,
    /// No answer at all: the connection ends.
    Dropped,
    /// A page of HTML with status 200.
    Garbled,
    /// More bytes than anybody should read.
    Huge,
    /// The answer without a `Date`.
    Undated,
    /// The answer to another request.
    Swapped {
        /// Its path and query.
        target: String,
    },
}
