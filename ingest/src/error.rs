//! Why a webhook is refused, and the response that Stripe gets. Stripe resends after anything but 2xx.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tierlift_core::{
    codes::Code,
    limits::WEBHOOK_BODY_BYTES_MAX,
    ports::{QueueError, SecretsError},
    stripe::{self, signature},
    wire::problem,
};

/// Why a webhook is refused. Each has a stable [`Error::code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The declared content type is not JSON.
    #[error("a webhook's Content-Type is application/json")]
    ContentType,
    /// The body is larger than [`WEBHOOK_BODY_BYTES_MAX`].
    #[error("a webhook has at most {WEBHOOK_BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The connection ended before the body did.
    #[error("the body ended early")]
    BodyIncomplete,
    /// It is not signed by Stripe, or not recently.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// It is signed but is not an event.
    #[error(transparent)]
    Payload(#[from] stripe::Error),
    /// It could not be verified, so Stripe has to resend it.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// It could not be enqueued, so Stripe has to resend it.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::ContentType => Code::ContentTypeUnsupported,
            Self::BodyTooLarge => Code::BodyTooLarge,
            Self::BodyTimeout => Code::BodyTimeout,
            Self::BodyIncomplete => Code::BodyIncomplete,
            Self::Signature(error) => error.code(),
            Self::Payload(error) => error.code(),
            Self::Secrets(_) => Code::SecretsUnavailable,
            Self::Queue(QueueError::Full | QueueError::Unavailable(_)) => Code::QueueUnavailable,
        }
    }

    /// The HTTP status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyIncomplete | Self::Signature(_) | Self::Payload(_) => StatusCode::BAD_REQUEST,
            Self::Secrets(_) | Self::Queue(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The detail in the response. An internal error is only in the log.
    fn detail(&self) -> String {
        match self {
            Self::Secrets(_) => "no webhook can be checked now; send it again".to_owned(),
            Self::Queue(_) => "the queue cannot take this webhook now; send it again".to_owned(),
            Self::ContentType
            | Self::BodyTooLarge
            | Self::BodyTimeout
            | Self::BodyIncomplete
            | Self::Signature(_)
            | Self::Payload(_) => self.to_string(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        problem::response(self.status(), self.code(), &self.detail()).into_response()
    }
}
