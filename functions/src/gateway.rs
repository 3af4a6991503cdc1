//! The sockets of API Gateway: its events go to the notifier's rules, and their outcome becomes a
//! response.

use http::{Response, StatusCode};
use tierlift_aws::{
    lambda::{Function, SocketEvent, SocketEventKind},
    sockets::{ConnectionId, Connections},
    store::Store,
};
use tierlift_notifier::{FrameAllowances, HandshakeError, handshake::selected_subprotocol};

use crate::rotating_access::{self, FunctionAccess};

/// The sockets of a WebSocket API.
pub struct Gateway {
    access: FunctionAccess,
    rules: tierlift_notifier::Gateway<Store, Connections>,
}

impl Gateway {
    /// Opens the gateway that the function's environment describes.
    pub fn open(function: &Function) -> anyhow::Result<Self> {
        let environment = &function.environment;
        let endpoint = environment.connections_endpoint()?;
        let origins = environment.allowed_origins()?.into_iter().collect();
        let access = rotating_access::open(function)?;
        let rules = tierlift_notifier::Gateway {
            access: access.access().clone(),
            sockets: Connections::new(&function.sdk, environment.table()?, endpoint),
            origins,
            allowances: FrameAllowances::default(),
        };
        Ok(Self { access, rules })
    }

    /// Responds to an event of a socket.
    pub async fn respond(&self, SocketEvent { socket, kind }: SocketEvent) -> Response<String> {
        match kind {
            SocketEventKind::Connect(headers) => match self.connect(&socket, &headers).await {
                Ok(()) => accepted(),
                Err(error) => error.to_response(),
            },
            SocketEventKind::Text(text) => {
                let reply = self.rules.text(&socket, &text).await;
                Response::new(reply.unwrap_or_default().into_owned())
            }
            SocketEventKind::Binary => {
                self.rules.binary(&socket).await;
                Response::default()
            }
            SocketEventKind::Disconnect => {
                self.rules.disconnect(&socket).await;
                Response::default()
            }
        }
    }

    async fn connect(
        &self,
        socket: &ConnectionId,
        headers: &http::HeaderMap,
    ) -> Result<(), HandshakeError> {
        self.access.rotate().await?;
        self.rules.connect(socket, headers).await
    }
}

/// The response that makes API Gateway open a socket.
fn accepted() -> Response<String> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().extend([selected_subprotocol()]);
    response
}
