//! The WebSocket handshake: the page's origin, the subprotocol, the token; and how it is refused.
//!
//! The token travels as a second subprotocol, never in the URL, which ends up in logs. The upgrade
//! itself (RFC 6455, section 4.2) belongs to the server or the gateway that holds the socket.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use tierlift_core::{
    codes::Code,
    ports::{SocketsError, Store},
    wire::{
        frame::{BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL},
        problem,
    },
};
use tierlift_session::{Access, Authenticated};

use crate::Origins;

/// Why a handshake is refused.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The page's origin is not listed.
    #[error("this origin is not in allowed_origins")]
    OriginRefused,
    /// The request is not an upgrade to a version of WebSocket that the server speaks.
    #[error("this route speaks WebSocket version 13")]
    UpgradeRequired,
    /// Our subprotocol is not among those offered.
    #[error("offer the subprotocols {SUBPROTOCOL} and {BEARER_SUBPROTOCOL_PREFIX}<token>")]
    SubprotocolRequired,
    /// The token is refused, or could not be checked.
    #[error(transparent)]
    Session(#[from] tierlift_session::Error),
    /// The server holds as many sockets as its limit allows.
    #[error("this server has reached its limit of sockets; try again later")]
    SocketsExhausted,
    /// The socket could not be recorded.
    #[error("the socket could not be recorded; try again")]
    Sockets(#[from] SocketsError),
}

/// Checks a handshake; returns who opens the socket.
pub async fn accept<S: Store>(
    access: &Access<S>,
    origins: &Origins,
    headers: &HeaderMap,
) -> Result<Authenticated, HandshakeError> {
    if !origins.allow(headers) {
        return Err(HandshakeError::OriginRefused);
    }
    let token = bearer_from_subprotocol(headers)?;
    Ok(access.authenticate(token).await?)
}

/// The response header that selects our subprotocol.
#[must_use]
pub const fn selected_subprotocol() -> (HeaderName, HeaderValue) {
    (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL))
}

/// The token among the offered subprotocols, which may be spread over several headers. It is empty
/// if none was sent.
pub fn bearer_from_subprotocol(headers: &HeaderMap) -> Result<&str, HandshakeError> {
    let offered = || {
        let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim)
    };
    if !offered().any(|protocol| protocol == SUBPROTOCOL) {
        return Err(HandshakeError::SubprotocolRequired);
    }
    let token = offered().find_map(|protocol| protocol.strip_prefix(BEARER_SUBPROTOCOL_PREFIX));
    Ok(token.unwrap_or_default())
}

impl HandshakeError {
    /// The problem document that refuses the handshake.
    #[must_use]
    pub fn to_response(&self) -> Response<String> {
        let (status, code) = match self {
            Self::OriginRefused => (StatusCode::FORBIDDEN, Code::OriginRefused),
            Self::UpgradeRequired => (StatusCode::UPGRADE_REQUIRED, Code::UpgradeRequired),
            Self::SubprotocolRequired => (StatusCode::BAD_REQUEST, Code::SubprotocolRequired),
            Self::Session(error) => return error.to_response(),
            Self::SocketsExhausted => (StatusCode::SERVICE_UNAVAILABLE, Code::SocketsExhausted),
            Self::Sockets(error) => {
                tracing::error!(%error, "could not record a socket");
                (StatusCode::SERVICE_UNAVAILABLE, Code::StoreUnavailable)
            }
        };
        let mut response = problem::response(status, code, &self.to_string());
        if status == StatusCode::UPGRADE_REQUIRED {
            response.headers_mut().extend(upgrade_headers());
        }
        response
    }
}

/// The headers of a 426: the protocol to upgrade to (RFC 9110, section 15.5.22) and its version.
fn upgrade_headers() -> [(HeaderName, HeaderValue); 3] {
    [
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
    ]
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
