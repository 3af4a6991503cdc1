//! Why a webhook is refused, and what Stripe is told. Stripe tries again on everything but 2xx.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tierlift_core::{
    event,
    limits::WEBHOOK_BODY_MAX_BYTES,
    ports::{QueueError, SecretsError},
    problem, signature,
};

/// Why a webhook is refused. Each has a stable [`Error::code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The body is declared to be something else than JSON.
    #[error("a webhook's Content-Type is application/json")]
    ContentType,
    /// The body is larger than any webhook.
    #[error("a webhook has at most {WEBHOOK_BODY_MAX_BYTES} bytes")]
    BodyTooLarge,
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The connection failed in the middle of the body.
    #[error("the body ended early")]
    BodyBroken,
    /// It is not signed by Stripe, or not lately.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// It is signed, but no event.
    #[error(transparent)]
    Payload(#[from] event::Error),
    /// It could not be checked, so Stripe has to keep it.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// It could not be queued, so Stripe has to keep it.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl Error {
    /// The stable code for answers, logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ContentType => "content_type_unsupported",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::Signature(why) => why.code(),
            Self::Payload(why) => why.code(),
            Self::Secrets(_) => "secrets_unavailable",
            Self::Queue(QueueError::Full | QueueError::Unavailable(_)) => "queue_unavailable",
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken | Self::Signature(_) | Self::Payload(_) => StatusCode::BAD_REQUEST,
            Self::Secrets(_) | Self::Queue(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is told to whoever sent it. What is wrong inside is in the log alone.
    fn detail(&self) -> String {
        match self {
            Self::Secrets(_) => "no webhook can be checked now; send it again".to_owned(),
            Self::Queue(_) => "the queue cannot take this webhook now; send it again".to_owned(),
            Self::ContentType
            | Self::BodyTooLarge
            | Self::BodyTimeout
            | Self::BodyBroken
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
