//! Why those who ask Stripe end early.

use tierlift_core::{
    codes::Code,
    ports::{QueueError, StoreError, StripeError},
};

/// Why a reconciliation, or a round of fetches, ended early. It goes on from where it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stripe was asked and did not answer as asked.
    #[error(transparent)]
    Stripe(#[from] StripeError),
    /// The store could not be read or written.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// The queue could not be read or written.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Error {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Stripe(error) => error.code(),
            Self::Store(_) | Self::Queue(_) => Code::CommandFailed,
        }
    }
}
