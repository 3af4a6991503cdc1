//! Sockets of a WebSocket API: they open, say something, and close.
//!
//! Of an event only what is needed is read; API Gateway leaves out much of the rest at times.

use std::collections::HashMap;

use axum::http::{HeaderMap, Response};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;

use super::{Answer, Error, Function, header};
use crate::sockets::ConnectionId;

/// What happened on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketEvent {
    /// Which socket.
    pub socket: ConnectionId,
    /// What happened.
    pub what: What,
}

/// What may happen on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It wants to open.
    Opens(HeaderMap),
    /// It sent a text frame.
    Says(String),
    /// It sent something that is no text.
    SaysBytes,
    /// It is closed.
    Closed,
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
    /// Serves sockets until Lambda ends the process. The answer to an opening is the handshake's;
    /// the body of any other is a text frame, and no body is none.
    pub async fn serve_sockets<A>(&self, answer: A) -> Result<(), Error>
    where
        A: AsyncFn(SocketEvent) -> Response<String>,
    {
        let answer = &answer;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Event>| {
            let response = answer(event.payload.read()?).await;
            self.flush();
            Ok::<_, Error>(written(response))
        }))
        .await
    }
}

impl Event {
    fn read(self) -> Result<SocketEvent, Error> {
        let Context { connection_id, event_type } = self.request_context;
        let id = connection_id.ok_or("an event without a connection id")?;
        let what = match event_type.as_deref() {
            Some("CONNECT") => What::Opens(headers(self.headers, self.multi_value_headers)),
            Some("DISCONNECT") => What::Closed,
            Some("MESSAGE") if self.is_base64_encoded == Some(true) => What::SaysBytes,
            Some("MESSAGE") => What::Says(self.body.unwrap_or_default()),
            kind => return Err(format!("an event of an unknown type: {kind:?}").into()),
        };
        Ok(SocketEvent { socket: ConnectionId::new(&id), what })
    }
}

/// Both maps hold all headers, the second all their values.
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

fn written(response: Response<String>) -> Answer {
    let (head, body) = response.into_parts();
    Answer::new(&head, Some(body).filter(|body| !body.is_empty()))
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
