//! Sockets of a WebSocket API: they open, send frames, and close.
//!
//! Only the fields that are needed are read; API Gateway sometimes omits many of the others.

use std::collections::HashMap;

use axum::http::{HeaderMap, Response};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;

use super::{Error, Function, InvocationError, header, response::GatewayResponse};
use crate::sockets::ConnectionId;

/// An event of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketEvent {
    /// The socket.
    pub socket: ConnectionId,
    /// What happened on it.
    pub kind: SocketEventKind,
}

/// What may happen on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEventKind {
    /// A client asks to open it, with these headers.
    Connect(HeaderMap),
    /// The client sent a text frame.
    Text(String),
    /// The client sent a binary frame.
    Binary,
    /// It is closed.
    Disconnect,
}

/// An event of a WebSocket API
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    request_context: Context,
    headers: Option<HashMap<String, String>>,
    multi_value_headers: Option<HashMap<String, Vec<String>>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    connection_id: Option<String>,
    event_type: Option<String>,
}

impl Function {
    /// Serves sockets until Lambda ends the process. The response to a connect is that of the
    /// handshake; the body of any other response is sent as a text frame, unless it is empty.
    pub async fn serve_sockets<R>(&self, respond: R) -> Result<(), Error>
    where
        R: AsyncFn(SocketEvent) -> Response<String>,
    {
        let respond = &respond;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Event>| {
            // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
            let response = Box::pin(respond(event.payload.into_socket_event()?)).await;
            self.flush();
            Ok::<_, InvocationError>(gateway_response(response))
        }))
        .await
        .map_err(Error::Runtime)
    }
}

impl Event {
    fn into_socket_event(self) -> Result<SocketEvent, InvocationError> {
        let Context { connection_id, event_type } = self.request_context;
        let id = connection_id.ok_or("an event without a connection id")?;
        let kind = match event_type.as_deref() {
            Some("CONNECT") => {
                SocketEventKind::Connect(headers(self.headers, self.multi_value_headers))
            }
            Some("DISCONNECT") => SocketEventKind::Disconnect,
            Some("MESSAGE") if self.is_base64_encoded == Some(true) => SocketEventKind::Binary,
            Some("MESSAGE") => SocketEventKind::Text(self.body.unwrap_or_default()),
            other => return Err(format!("an event of an unknown type: {other:?}").into()),
        };
        Ok(SocketEvent { socket: ConnectionId::new(&id), kind })
    }
}

/// The request's headers. Both maps hold all of them; the second also holds repeated values.
fn headers(
    single: Option<HashMap<String, String>>,
    multi: Option<HashMap<String, Vec<String>>>,
) -> HeaderMap {
    let multi = multi.filter(|multi| !multi.is_empty()).unwrap_or_else(|| {
        let single = single.unwrap_or_default().into_iter();
        single.map(|(name, value)| (name, vec![value])).collect()
    });
    let lines =
        multi.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    lines.filter_map(|(name, value)| header(name, value)).collect()
}

fn gateway_response(response: Response<String>) -> GatewayResponse {
    let (head, body) = response.into_parts();
    GatewayResponse::new(&head, Some(body).filter(|body| !body.is_empty()))
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
