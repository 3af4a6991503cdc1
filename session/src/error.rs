//! Why somebody is not let in, and what they are told.

use axum::{
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use tierlift_core::{codes::Code, policy::Role, ports::StoreError, token, wire::problem};

/// Why somebody is not let in. Each has a stable [`Error::code`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no token, or it is worth nothing (any more).
    #[error(transparent)]
    Token(#[from] token::Error),
    /// The role is not enough now, whatever it was when the token was issued.
    #[error("this needs the role {0}")]
    RoleRequired(Role),
    /// Tokens are issued by somebody else; ask there for a new one.
    #[error("tokens are not issued here")]
    RefreshUnavailable,
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
            Self::RefreshUnavailable => Code::RefreshUnavailable,
            Self::Store(_) => Code::StoreUnavailable,
        }
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Token(_) => StatusCode::UNAUTHORIZED,
            Self::RoleRequired(_) => StatusCode::FORBIDDEN,
            Self::RefreshUnavailable => StatusCode::CONFLICT,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The challenge of a 401 (RFC 6750, section 3).
    const fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Token(token::Error::Missing) => Some("Bearer"),
            Self::Token(_) => Some(r#"Bearer error="invalid_token""#),
            Self::RoleRequired(_) | Self::RefreshUnavailable | Self::Store(_) => None,
        }
    }

    /// What the client is told. What is wrong inside is in the log alone.
    fn detail(&self) -> String {
        match self {
            Self::Store(_) => "the account cannot be read now; try again".to_owned(),
            Self::Token(_) | Self::RoleRequired(_) | Self::RefreshUnavailable => self.to_string(),
        }
    }
}

impl Error {
    /// The answer to whoever is not let in.
    #[must_use]
    pub fn answer(&self) -> axum::http::Response<String> {
        if let Self::Store(error) = self {
            tracing::error!(%error, "an account cannot be read");
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
        self.answer().into_response()
    }
}
