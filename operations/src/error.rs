//! Why an operator's request was not done.

use tierlift_core::{
    codes::Code,
    id,
    ledger::ActError,
    ports::{QueueError, StoreError},
};

/// Why an operator's request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What it is about does not exist.
    #[error("{0} does not exist")]
    Missing(String),
    /// It asks for something that makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// An id is none.
    #[error(transparent)]
    Id(#[from] id::Error),
    /// It has no usable actor or reason.
    #[error(transparent)]
    Act(#[from] ActError),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue could not do it.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Error {
    /// The code for a problem document.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing(_) => Code::SubjectMissing,
            Self::Invalid(_) | Self::Id(_) | Self::Act(_) => Code::BodyInvalid,
            Self::Store(StoreError::Corrupt(_)) => Code::StoreCorrupt,
            Self::Store(_) => Code::StoreUnavailable,
            Self::Queue(_) => Code::QueueUnavailable,
        }
    }
}
