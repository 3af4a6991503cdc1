//! Why a server cannot be opened, and why it stopped by itself.

use tierlift_core::ports::StoreError;

use crate::db;

/// Why a server cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data file cannot be opened.
    #[error(transparent)]
    Db(#[from] db::OpenError),
    /// The data file cannot be written.
    #[error(transparent)]
    Claim(#[from] db::Error),
    /// The data file cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The data file belongs to a deployment of the other mode.
    #[error(
        "{path} holds what {} events did, and this deployment takes {} ones; name another file: a \
         role that a test event earned must never count for a live user",
        mode(!livemode), mode(*livemode)
    )]
    Livemode {
        /// The data file.
        path: String,
        /// Whether this deployment takes live events.
        livemode: bool,
    },
    /// There is no key to verify a token with.
    #[error("there is neither a JWT secret nor a jwks_url, so no token could be verified")]
    NoKeys,
    /// There is a key set, but nothing says whose tokens count, and for whom they must be.
    #[error(
        "jwks_url needs issuer and audience: an issuer may sign tokens for others with its keys"
    )]
    NoIssuer,
    /// One of the allowed origins is not an origin.
    #[error(
        "allowed_origins: {0:?} is not an origin; write scheme://host[:port] in lower case, with \
         nothing behind it"
    )]
    Origin(String),
}

const fn mode(livemode: bool) -> &'static str {
    if livemode { "live" } else { "test" }
}

/// Why a server stopped by itself, or did not shut down gracefully.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// All consumers ended, so webhooks would pile up: the data file can no longer be read.
    #[error("the queue can no longer be read; the log has the error")]
    Consumers,
    /// The shutdown took too long. What was acknowledged is durable all the same.
    #[error("requests, commits or sockets did not end in time; what was acknowledged is durable")]
    ShutdownTimeout,
}
