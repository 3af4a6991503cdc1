//! `POST /webhooks/stripe`: reads a request within its limits, accepts it, and responds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tierlift_core::{
    limits::{TRACE_BYTES_MAX, WEBHOOK_BODY_BYTES_MAX},
    ports::{Enqueue, SigningSecrets},
    stripe::signature,
    time::Clock,
};

use crate::{Accepted, Error, accept};

/// State of the route.
#[derive(Debug)]
pub struct Ingest<Q, S> {
    /// The queue for accepted webhooks.
    pub queue: Q,
    /// Webhook signing secrets.
    pub secrets: S,
    /// Current time.
    pub clock: Clock,
    /// Time that a body may take to arrive.
    pub body_timeout: Duration,
}

/// The route.
pub fn router<Q, S>(ingest: Arc<Ingest<Q, S>>) -> Router
where
    Q: Enqueue + 'static,
    S: SigningSecrets + 'static,
{
    Router::new().route("/webhooks/stripe", post(webhook::<Q, S>)).with_state(ingest)
}

async fn webhook<Q: Enqueue, S: SigningSecrets>(
    State(ingest): State<Arc<Ingest<Q, S>>>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let result = receive(&ingest, request).await;
    let (result_label, code) = match &result {
        Ok(accepted) => (accepted.as_str(), "ok"),
        Err(error) => ("rejected", error.code().as_str()),
    };
    metrics::counter!("tierlift_webhooks_total", "result" => result_label, "code" => code)
        .increment(1);
    match result {
        Ok(accepted) => {
            metrics::histogram!("tierlift_ack_seconds").record(started.elapsed());
            response(accepted)
        }
        Err(error) => {
            tracing::warn!(code, %error, "webhook refused");
            error.into_response()
        }
    }
}

async fn receive<Q: Enqueue, S: SigningSecrets>(
    ingest: &Ingest<Q, S>,
    request: Request,
) -> Result<Accepted, Error> {
    let (head, body) = request.into_parts();
    check_content_type(&head.headers)?;
    let body = tokio::time::timeout(ingest.body_timeout, read(body))
        .await
        .unwrap_or(Err(Error::BodyTimeout))?;
    let signature = head.headers.get("stripe-signature").map(HeaderValue::as_bytes);
    let (trace, now) = (trace(&head.headers), ingest.clock.now());
    let secrets = ingest.secrets.current().await?;
    let accepted =
        accept(&ingest.queue, &secrets, signature, body.clone(), trace.clone(), now).await;
    match accepted {
        // The secret may have been rotated a moment ago.
        Err(Error::Signature(signature::Error::Mismatch)) => match ingest.secrets.refreshed().await
        {
            Some(newer) => accept(&ingest.queue, &newer, signature, body, trace, now).await,
            None => accepted,
        },
        other => other,
    }
}

/// Reads the whole body. A body that is declared too large is not read at all.
async fn read(body: Body) -> Result<Bytes, Error> {
    if body.size_hint().lower() > WEBHOOK_BODY_BYTES_MAX as u64 {
        return Err(Error::BodyTooLarge);
    }
    match Limited::new(body, WEBHOOK_BODY_BYTES_MAX).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::BodyTooLarge),
        Err(_) => Err(Error::BodyIncomplete),
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Error> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    if kind.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return Ok(());
    }
    Err(Error::ContentType)
}

/// The request's trace context, by which the worker's log line can be found.
fn trace(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    (text.len() <= TRACE_BYTES_MAX).then(|| text.to_owned())
}

fn response(accepted: Accepted) -> Response {
    let body = match accepted {
        Accepted::Queued | Accepted::Duplicate => r#"{"status":"accepted"}"#,
        Accepted::Ignored => r#"{"status":"ignored"}"#,
    };
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}
