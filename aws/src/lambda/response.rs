//! The response that API Gateway expects of a function: a status, headers, and text.

use std::collections::BTreeMap;

use axum::http::response;
use serde::Serialize;

/// A response to an HTTP API, a function URL or a WebSocket API
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GatewayResponse {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

impl GatewayResponse {
    /// A response with a text body. The values of a repeated header are joined by commas.
    pub(super) fn new(head: &response::Parts, body: Option<String>) -> Self {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            // API Gateway's documentation knows this header only in this spelling.
            let name = match name.as_str() {
                "sec-websocket-protocol" => "Sec-WebSocket-Protocol",
                other => other,
            };
            headers
                .entry(name.to_owned())
                .and_modify(|line| *line = format!("{line}, {value}"))
                .or_insert(value.into_owned());
        }
        Self { status_code: head.status.as_u16(), headers, body, is_base64_encoded: false }
    }
}
