//! `GET /ws`: the upgrade from HTTP to WebSocket frames. Who may open a socket, the notifier decides.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tierlift_core::ports::Store;
use tierlift_notifier::{HandshakeError, Origins, handshake};
use tierlift_session::{Access, Authenticated};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::traffic::Stream;
use crate::sockets::{Peer, Registry, SocketContext, SocketGuard, serve_socket};

/// State of the route.
pub(crate) struct WebSocketState<S> {
    pub(crate) access: Arc<Access<S>>,
    pub(crate) sockets: Registry,
    pub(crate) context: Arc<SocketContext<S>>,
    pub(crate) origins: Origins,
}

pub(super) fn router<S: Store + 'static>(state: Arc<WebSocketState<S>>) -> Router {
    Router::new().route("/ws", get(upgrade::<S>)).with_state(state)
}

async fn upgrade<S: Store + 'static>(
    State(state): State<Arc<WebSocketState<S>>>,
    request: Request,
) -> Response {
    match open(&state, request).await {
        Ok(response) => response,
        Err(error) => error.to_response().into_response(),
    }
}

async fn open<S: Store + 'static>(
    state: &WebSocketState<S>,
    request: Request,
) -> Result<Response, HandshakeError> {
    let mut response = create_response_with_body(&request, Body::empty)
        .map_err(|_| HandshakeError::UpgradeRequired)?;
    let Authenticated { claims, accounts } =
        handshake::accept(&state.access, &state.origins, request.headers()).await?;
    // The socket is registered before its client can ask for a snapshot, so no change is missed.
    let others = claims.others.clone();
    let guard = state.sockets.register(accounts.user().clone(), others, claims.times());
    let guard = guard.map_err(|_| HandshakeError::SocketsExhausted)?;
    tokio::spawn(serve(hyper::upgrade::on(request), guard, Arc::clone(&state.context)));
    response.headers_mut().extend([handshake::selected_subprotocol()]);
    Ok(response)
}

async fn serve<S: Store>(upgrade: OnUpgrade, guard: SocketGuard, context: Arc<SocketContext<S>>) {
    // The upgrade fails where the client left before it had the response.
    let Ok(upgraded) = upgrade.await else { return };
    // The accept loop speaks plain TCP; anything else would be a bug.
    let Some(peer) = peer(upgraded) else {
        tracing::error!("upgraded connection is not plain TCP");
        return;
    };
    serve_socket(peer, guard, context).await;
}

/// The TCP stream, without the 8 KiB buffer into which the request was read: the few bytes that may be
/// left in it are copied, so that the buffer does not live as long as the socket.
fn peer(upgraded: Upgraded) -> Option<Peer> {
    let parts = upgraded.downcast::<TokioIo<Stream>>().ok()?;
    Some(Peer { read: parts.read_buf.to_vec(), stream: parts.io.into_inner().into_tcp() })
}
