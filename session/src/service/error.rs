//! Why a service's request is refused.

use axum::{
    extract::rejection::BytesRejection,
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use tierlift_core::{
    codes::Code, decide::GrantError, id, limits::ACCOUNTS_PER_TOKEN_MAX, ports::StoreError, token,
    wire::problem,
};

/// Why a service's request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No service token was sent.
    #[error("a service token is needed")]
    Missing,
    /// The token is none of the deployment's.
    #[error("the service token is not valid here")]
    Invalid,
    /// The user's id is unusable.
    #[error("the user id: {0}")]
    User(#[from] id::Error),
    /// The query is misspelt.
    #[error(
        "ask for account=ID, once for each of at most {ACCOUNTS_PER_TOKEN_MAX} accounts with the user's own, and for \
         authTime=SECONDS"
    )]
    Query,
    /// The body is too large.
    #[error("the body is too large")]
    TooLarge,
    /// The body could not be read.
    #[error("the body ended too early")]
    Incomplete,
    /// The body is not what the route expects.
    #[error("{0}")]
    Body(String),
    /// The policy has no such role, or no service may grant it.
    #[error("no service can grant the role {0}")]
    Role(String),
    /// The grant cannot be made or withdrawn.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The user must sign in at the host again.
    #[error("this sign-in counts no more: {0}")]
    SignIn(token::Error),
    /// The account cannot be read, or no token can be issued.
    #[error(transparent)]
    Access(#[from] crate::Error),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Access(error.into())
    }
}

impl From<BytesRejection> for Error {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else {
            Self::Incomplete
        }
    }
}

impl Error {
    /// A refusal of the user's token or sign-in is not one of the service's: it is no 401.
    pub(super) fn of_user(error: crate::Error) -> Self {
        let crate::Error::Token(error) = error else { return Self::Access(error) };
        if error == token::Error::Foreign {
            Self::Access(error.into())
        } else if matches!(error, token::Error::Revoked | token::Error::SessionExpired) {
            Self::SignIn(error)
        } else {
            Self::Body(format!("a token with these claims would be refused: {error}"))
        }
    }

    const fn code(&self) -> (StatusCode, Code) {
        match self {
            Self::Missing => (StatusCode::UNAUTHORIZED, Code::ServiceTokenMissing),
            Self::Invalid => (StatusCode::UNAUTHORIZED, Code::ServiceTokenInvalid),
            Self::User(_) => (StatusCode::BAD_REQUEST, Code::UserInvalid),
            Self::Query => (StatusCode::BAD_REQUEST, Code::QueryInvalid),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::BodyTooLarge),
            Self::Incomplete => (StatusCode::BAD_REQUEST, Code::BodyIncomplete),
            Self::Body(_) => (StatusCode::BAD_REQUEST, Code::BodyInvalid),
            Self::Role(_) => (StatusCode::BAD_REQUEST, Code::RoleUnknown),
            Self::Grant(GrantError::Differs) => (StatusCode::CONFLICT, Code::GrantConflict),
            Self::Grant(GrantError::Missing) => (StatusCode::NOT_FOUND, Code::GrantMissing),
            Self::Grant(GrantError::Full(_)) => (StatusCode::CONFLICT, Code::GrantsExhausted),
            Self::SignIn(error) => (StatusCode::CONFLICT, error.code()),
            Self::Access(error) => (error.status(), error.code()),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Access(error) = self {
            return error.into_response();
        }
        let (status, code) = self.code();
        let mut response = problem::response(status, code, &self.to_string());
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.into_response()
    }
}
