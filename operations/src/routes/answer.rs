//! The answers of the operators' routes: JSON, or a problem document.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tierlift_core::{codes::Code, wire::problem};

use crate::Error;

/// Why a request was refused.
#[derive(Debug)]
pub struct Refusal(Code, String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.code(), error.to_string())
    }
}

impl Refusal {
    /// Something that is not possible here.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(code, detail.into())
    }

    /// A body, a path or a query that is not what the route expects.
    pub fn invalid(error: impl std::fmt::Display) -> Self {
        Self(Code::BodyInvalid, error.to_string())
    }

    /// Something on this machine that failed.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self(Code::StoreUnavailable, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(code, detail) = self;
        let status = if code == Code::SubjectMissing {
            StatusCode::NOT_FOUND
        } else if code == Code::BodyInvalid {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        problem::response(status, code, &detail).into_response()
    }
}

/// The answer to a request, or its refusal.
pub type Answer<T> = Result<Json<T>, Refusal>;

/// What an act changed.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The number of accounts whose role or standing changed.
    pub changed: usize,
}

impl Done {
    /// An act that changes no account.
    pub const NOTHING: Json<Self> = Json(Self { changed: 0 });
}
