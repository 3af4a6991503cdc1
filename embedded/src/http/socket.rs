//! `GET /ws`: who may have a socket, and the switch from HTTP to frames.
//!
//! The token travels as a second subprotocol, never in the URL, which ends up in logs. A browser
//! sends its page's origin, and only listed ones are let in; without an origin it is no browser.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONNECTION, ORIGIN, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tierlift_core::{
    notice::{BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL},
    ports::Store,
    problem,
};
use tierlift_session::Access;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::sockets::{Peer, Registry, Seat, Talk, converse};

/// What it takes to open a socket.
pub(crate) struct Door<S> {
    pub(crate) access: Arc<Access<S>>,
    pub(crate) sockets: Registry,
    pub(crate) talk: Arc<Talk<S>>,
    pub(crate) origins: Vec<HeaderValue>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("this origin is not in allowed_origins")]
    Origin,
    #[error("this route speaks WebSocket version 13")]
    Upgrade,
    #[error("offer the subprotocols {SUBPROTOCOL} and {BEARER_SUBPROTOCOL_PREFIX}<token>")]
    Subprotocol,
    #[error("there are as many sockets as this server holds; try again later")]
    Full,
    #[error(transparent)]
    Session(#[from] tierlift_session::Error),
}

pub(super) fn router<S: Store + 'static>(door: Arc<Door<S>>) -> Router {
    Router::new().route("/ws", get(open::<S>)).with_state(door)
}

async fn open<S: Store + 'static>(
    State(door): State<Arc<Door<S>>>,
    request: Request,
) -> Result<Response, Refused> {
    check_origin(request.headers(), &door.origins)?;
    let mut response =
        create_response_with_body(&request, Body::empty).map_err(|_| Refused::Upgrade)?;
    let token = offered_token(request.headers())?;
    let account = door.access.authenticate(token).await?;
    // Before the client can ask for a snapshot it is told of changes, so none falls in between.
    let seat = door.sockets.join(account.user).map_err(|_| Refused::Full)?;
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(serve(upgrade, seat, Arc::clone(&door.talk)));
    let spoken = HeaderValue::from_static(SUBPROTOCOL);
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, spoken);
    Ok(response)
}

async fn serve<S: Store>(upgrade: OnUpgrade, seat: Seat, talk: Arc<Talk<S>>) {
    // It fails where the client went before it had our answer.
    let Ok(upgraded) = upgrade.await else { return };
    // Our own accept loop speaks plain TCP; anything else would be a mistake of ours.
    let Some(peer) = peer(upgraded) else {
        tracing::error!("a socket came over something else than TCP");
        return;
    };
    converse(peer, seat, talk).await;
}

/// The stream alone. The buffer that the head was read into has 8 KiB; what little may be left in
/// it is copied, so that it does not live as long as the socket.
fn peer(upgraded: Upgraded) -> Option<Peer> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some(Peer { read: parts.read_buf.to_vec(), stream: parts.io.into_inner() })
}

fn check_origin(headers: &HeaderMap, allowed: &[HeaderValue]) -> Result<(), Refused> {
    match headers.get(ORIGIN) {
        Some(origin) if !allowed.contains(origin) => Err(Refused::Origin),
        _ => Ok(()),
    }
}

/// The token among the subprotocols, which may stand in several headers; empty where there is none.
fn offered_token(headers: &HeaderMap) -> Result<&str, Refused> {
    let offers = || {
        let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim)
    };
    if !offers().any(|offer| offer == SUBPROTOCOL) {
        return Err(Refused::Subprotocol);
    }
    Ok(offers().find_map(|offer| offer.strip_prefix(BEARER_SUBPROTOCOL_PREFIX)).unwrap_or_default())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let detail = self.to_string();
        let (status, code) = match self {
            Self::Session(why) => return why.into_response(),
            Self::Origin => (StatusCode::FORBIDDEN, "origin_refused"),
            Self::Upgrade => (StatusCode::UPGRADE_REQUIRED, "upgrade_required"),
            Self::Subprotocol => (StatusCode::BAD_REQUEST, "subprotocol_required"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "sockets_exhausted"),
        };
        let mut response = problem::response(status, code, &detail);
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response.into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_a_second_subprotocol() {
        for (values, token) in [
            (vec!["tierlift.v1, bearer.abc"], Some("abc")),
            (vec!["tierlift.v1", "bearer.abc"], Some("abc")),
            (vec!["bearer.abc,tierlift.v1"], Some("abc")),
            (vec!["tierlift.v1"], Some("")),
            (vec!["bearer.abc"], None),
            (vec!["tierlift.v2, bearer.abc"], None),
            (vec![], None),
        ] {
            let name = || SEC_WEBSOCKET_PROTOCOL;
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(name(), HeaderValue::from_static(value));
            }
            assert_eq!(offered_token(&headers).ok(), token, "{values:?}");
        }
    }
}
