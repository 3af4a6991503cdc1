//! `GET /ws`: who may have a socket, and the switch from HTTP to frames.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tierlift_core::{
    codes::Code,
    ports::Store,
    wire::{frame::SUBPROTOCOL, problem},
};
use tierlift_notifier::{Origins, offered_token};
use tierlift_session::Access;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::sockets::{Peer, Registry, SocketContext, SocketGuard, serve_socket};

/// What it takes to open a socket.
pub(crate) struct WebSocketState<S> {
    pub(crate) access: Arc<Access<S>>,
    pub(crate) sockets: Registry,
    pub(crate) context: Arc<SocketContext<S>>,
    pub(crate) origins: Origins,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Offer(#[from] tierlift_notifier::Refused),
    #[error("this route speaks WebSocket version 13")]
    Upgrade,
    #[error("there are as many sockets as this server holds; try again later")]
    Full,
    #[error(transparent)]
    Session(#[from] tierlift_session::Error),
}

pub(super) fn router<S: Store + 'static>(state: Arc<WebSocketState<S>>) -> Router {
    Router::new().route("/ws", get(open::<S>)).with_state(state)
}

async fn open<S: Store + 'static>(
    State(state): State<Arc<WebSocketState<S>>>,
    request: Request,
) -> Result<Response, Refused> {
    state.origins.check(request.headers())?;
    let mut response =
        create_response_with_body(&request, Body::empty).map_err(|_| Refused::Upgrade)?;
    let token = offered_token(request.headers())?;
    let account = state.access.authenticate(token).await?;
    // Before the client can ask for a snapshot it is told of changes, so none falls in between.
    let guard = state.sockets.register(account.user).map_err(|_| Refused::Full)?;
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(serve(upgrade, guard, Arc::clone(&state.context)));
    let spoken = HeaderValue::from_static(SUBPROTOCOL);
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, spoken);
    Ok(response)
}

async fn serve<S: Store>(upgrade: OnUpgrade, guard: SocketGuard, context: Arc<SocketContext<S>>) {
    // It fails where the client went before it had our answer.
    let Ok(upgraded) = upgrade.await else { return };
    // Our own accept loop speaks plain TCP; anything else would be a mistake of ours.
    let Some(peer) = peer(upgraded) else {
        tracing::error!("a socket came over something else than TCP");
        return;
    };
    serve_socket(peer, guard, context).await;
}

/// The stream alone. The buffer that the head was read into has 8 KiB; what little may be left in
/// it is copied, so that it does not live as long as the socket.
fn peer(upgraded: Upgraded) -> Option<Peer> {
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some(Peer { read: parts.read_buf.to_vec(), stream: parts.io.into_inner() })
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let detail = self.to_string();
        let (status, code) = match self {
            Self::Session(error) => return error.into_response(),
            Self::Offer(error) => return error.answer().into_response(),
            Self::Upgrade => (StatusCode::UPGRADE_REQUIRED, Code::UpgradeRequired),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, Code::SocketsExhausted),
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
