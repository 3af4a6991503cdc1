//! Sockets of a WebSocket API: they open, say something, and close.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use axum::http::{HeaderMap, Response};
use lambda_runtime::{LambdaEvent, service_fn};

use super::{Error, Function};
use crate::sockets::ConnectionId;

/// What happened on a socket.
#[derive(Clone, Debug)]
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

impl Function {
    /// Serves sockets until Lambda ends the process. The answer to an opening is the handshake's;
    /// the body of any other is a text frame, and no body is none.
    pub async fn serve_sockets<A>(&self, answer: A) -> Result<(), Error>
    where
        A: AsyncFn(SocketEvent) -> Response<String>,
    {
        let answer = &answer;
        lambda_runtime::run(service_fn(
            async move |event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| {
                let response = answer(socket_event(event.payload)?).await;
                self.flush();
                Ok::<_, Error>(proxy_response(response))
            },
        ))
        .await
    }
}

fn socket_event(request: ApiGatewayWebsocketProxyRequest) -> Result<SocketEvent, Error> {
    let context = request.request_context;
    let id = context.connection_id.ok_or("an event without a connection id")?;
    let what = match context.event_type.as_deref() {
        Some("CONNECT") => What::Opens(headers(request.headers, request.multi_value_headers)),
        Some("DISCONNECT") => What::Closed,
        _ if request.is_base64_encoded => What::SaysBytes,
        _ => What::Says(request.body.unwrap_or_default()),
    };
    Ok(SocketEvent { socket: ConnectionId::new(&id), what })
}

/// Both maps hold all headers, the second all their values.
fn headers(single: HeaderMap, multi: HeaderMap) -> HeaderMap {
    if multi.is_empty() { single } else { multi }
}

fn proxy_response(response: Response<String>) -> ApiGatewayProxyResponse {
    let (head, body) = response.into_parts();
    let mut proxy = ApiGatewayProxyResponse::default();
    proxy.status_code = i64::from(head.status.as_u16());
    proxy.headers = head.headers;
    proxy.body = (!body.is_empty()).then(|| body.into());
    proxy
}
