//! Why a request is refused, and the problem document that says so.

use axum::{
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use tierlift_core::{
    codes::Code,
    policy::Role,
    ports::{SecretsError, StoreError},
    token,
    wire::problem,
};

/// Why a request is refused. Each reason has a stable [`Error::code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is missing or not valid (any more).
    #[error(transparent)]
    Token(#[from] token::Error),
    /// The effective role is too low now, whatever it was when the token was issued.
    #[error("this needs the role {0}")]
    RoleRequired(Role),
    /// There is no key set to verify the token with.
    #[error("the key set of the token's issuer cannot be fetched now; try again")]
    KeySet,
    /// The token's secret cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The account cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Token(error) => error.code(),
            Self::RoleRequired(_) => Code::RoleRequired,
            Self::KeySet => Code::KeySetUnavailable,
            Self::Secrets(_) => Code::SecretsUnavailable,
            Self::Store(StoreError::Corrupt(_)) => Code::StoreCorrupt,
            Self::Store(_) => Code::StoreUnavailable,
        }
    }

    /// The HTTP status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Token(token::Error::Foreign) => StatusCode::CONFLICT,
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::RoleRequired(_) => StatusCode::FORBIDDEN,
            Self::KeySet | Self::Secrets(_) | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The challenge of a 401 (RFC 6750, section 3).
    const fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Token(token::Error::Missing) => Some("Bearer"),
            Self::Token(token::Error::Foreign)
            | Self::RoleRequired(_)
            | Self::KeySet
            | Self::Secrets(_)
            | Self::Store(_) => None,
            Self::Token(_) => Some(r#"Bearer error="invalid_token""#),
        }
    }

    /// The detail for the client. What is wrong inside is in the log only.
    fn detail(&self) -> String {
        match self {
            Self::Secrets(_) => "no token can be checked now; try again".to_owned(),
            Self::Store(_) => "the account cannot be read now; try again".to_owned(),
            Self::Token(_) | Self::RoleRequired(_) | Self::KeySet => self.to_string(),
        }
    }
}

impl Error {
    /// The problem document that refuses the request.
    #[must_use]
    pub fn to_response(&self) -> axum::http::Response<String> {
        match self {
            Self::Secrets(error) => tracing::error!(%error, "could not read the token secret"),
            Self::Store(error) => tracing::error!(%error, "could not read an account"),
            Self::Token(_) | Self::RoleRequired(_) | Self::KeySet => {}
        }
        let mut response = problem::response(self.status(), self.code(), &self.detail());
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.to_response().into_response()
    }
}
