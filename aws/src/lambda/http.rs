//! Requests of an HTTP API (payload version 2) or of a function URL, which have the same shape.

use axum::{body::Body, http, response::Response};
use lambda_http::{Request, RequestExt as _, service_fn};

use super::{Error, Function};

impl Function {
    /// Serves requests until Lambda ends the process.
    pub async fn serve_http<A, F>(&self, answer: A) -> Result<(), Error>
    where
        A: Fn(http::Request<Body>) -> F,
        F: Future<Output = Response> + Send,
    {
        lambda_http::run(service_fn(|request: Request| {
            let answered = answer(plain(request));
            async move {
                let response = answered.await;
                self.flush();
                Ok::<_, Error>(response)
            }
        }))
        .await
    }
}

/// The request as it was sent: without the API's stage, which is put before the path.
fn plain(request: Request) -> http::Request<Body> {
    let path = request.raw_http_path().to_owned();
    let stage = match request.request_context_ref() {
        Some(lambda_http::request::RequestContext::ApiGatewayV2(context)) => context.stage.clone(),
        _ => None,
    };
    let prefix = format!("/{}", stage.unwrap_or_default());
    let path = match path.strip_prefix(&prefix) {
        Some(rest) if rest.starts_with('/') && prefix.len() > 1 => rest,
        _ => &path,
    };
    let uri = path.parse().unwrap_or_default();
    let mut plain = request.map(Body::new);
    *plain.uri_mut() = uri;
    plain
}
