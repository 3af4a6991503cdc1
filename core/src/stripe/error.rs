//! Why a body cannot be read as a Stripe event.

use crate::codes::Code;

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// It is not JSON, or a required field is missing or has the wrong type. The message says where.
    #[error("{0}")]
    Malformed(String),
    /// It is a thin event: it names an object and does not have it.
    #[error("a thin event names its object only; subscribe to snapshot events")]
    Thin,
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::PayloadMalformed,
            Self::Thin => Code::EventThin,
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
