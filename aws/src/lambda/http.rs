//! Requests of an HTTP API (payload version 2) or of a function URL, which have the same shape.
//!
//! The query is as the client wrote it. Cookies come beside the headers, and are one header again.

use std::collections::HashMap;

use aws_smithy_types::base64;
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, Uri, header::COOKIE},
    response::Response,
};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;

use super::{Error, Function, InvocationError, header, response::GatewayResponse, trace};

/// A request
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<HashMap<String, String>>,
    request_context: Context,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Context {
    http: Line,
    stage: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Line {
    method: String,
}

impl Function {
    /// Serves requests until Lambda ends the process.
    pub async fn serve_http<R>(&self, respond: R) -> Result<(), Error>
    where
        R: AsyncFn(Request<Body>) -> Response,
    {
        let respond = &respond;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Event>| {
            // Boxed, since the SDK's futures nest deeper than the compiler computes layouts.
            let response = Box::pin(respond(event.payload.into_request()?)).await;
            let response = gateway_response(response).await;
            self.flush();
            response
        }))
        .await
        .map_err(Error::Runtime)
    }
}

impl Event {
    /// The request as the client sent it: without the API's stage, which API Gateway puts before the
    /// path.
    fn into_request(self) -> Result<Request<Body>, InvocationError> {
        let path = self.raw_path.unwrap_or_default();
        let body = match (self.body, self.is_base64_encoded) {
            (Some(text), Some(true)) => base64::decode(text)?,
            (body, _) => body.unwrap_or_default().into_bytes(),
        };
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = Method::from_bytes(self.request_context.http.method.as_bytes())?;
        let path = without_stage(&path, self.request_context.stage.as_deref());
        *request.uri_mut() = address(path, self.raw_query_string.as_deref().unwrap_or_default());
        let headers = self.headers.unwrap_or_default();
        *request.headers_mut() =
            headers.iter().filter_map(|(name, value)| header(name, value)).collect();
        if let Some(cookies) = self.cookies.filter(|cookies| !cookies.is_empty()) {
            let (name, value) = header(COOKIE.as_str(), &cookies.join("; ")).unzip();
            request.headers_mut().remove(COOKIE);
            request.headers_mut().extend(name.zip(value));
        }
        trace::adopt(request.headers_mut());
        Ok(request)
    }
}

/// A path with its query. An unparsable path becomes the empty one, which matches no route. Of the query nothing is
/// lost: without it a request would ask for something else, so what may not stand there is escaped.
fn address(path: &str, query: &str) -> Uri {
    let mut address = path.to_owned();
    if !query.is_empty() {
        address.push('?');
    }
    for byte in query.bytes() {
        match byte {
            b'"' | b'#' | b'<' | b'>' => address.push_str(&escaped(byte)),
            graphic if graphic.is_ascii_graphic() => address.push(char::from(graphic)),
            other => address.push_str(&escaped(other)),
        }
    }
    address.parse().unwrap_or_default()
}

fn escaped(byte: u8) -> String {
    format!("%{byte:02X}")
}

fn without_stage<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let rest = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    rest.filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

async fn gateway_response(response: Response) -> Result<GatewayResponse, InvocationError> {
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await?;
    Ok(GatewayResponse::new(&head, Some(String::from_utf8(body.into())?)))
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
