//! `POST /webhooks/stripe`: reads a request within its limits and responds. What a webhook means is not
//! its business.

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
    shared::Shared,
    stripe::signature,
    time::Clock,
};

use crate::{
    acknowledge::{Acknowledged, verify_and_enqueue},
    count::count,
    error::Error,
    refusals::Refusals,
};

/// The path of the route below.
pub const PATH: &str = "/webhooks/stripe";

/// The state of the route.
#[derive(Debug)]
pub struct Ingest<Q, S> {
    /// The queue for webhooks.
    pub queue: Q,
    /// Webhook signing secrets.
    pub secrets: S,
    /// Connected accounts whose events count.
    pub connected_accounts: Shared<Vec<String>>,
    /// The time of arrival.
    pub clock: Clock,
    /// Time in which a body must arrive.
    pub body_timeout: Duration,
    /// Which refusals are logged.
    pub refusals: Refusals,
}

/// The route as a router.
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
    count(&result);
    match result {
        Ok(acknowledged) => {
            metrics::histogram!("tierlift_ack_seconds").record(started.elapsed());
            acknowledged.into_response()
        }
        Err(error) => {
            let code = error.code();
            if let Some(suppressed) = ingest.refusals.count(code, ingest.clock.now()) {
                tracing::warn!(code = code.as_str(), %error, suppressed, "webhook refused");
            }
            error.into_response()
        }
    }
}

async fn receive<Q: Enqueue, S: SigningSecrets>(
    ingest: &Ingest<Q, S>,
    request: Request,
) -> Result<Acknowledged, Error> {
    let (head, body) = request.into_parts();
    check_content_type(&head.headers)?;
    let body = tokio::time::timeout(ingest.body_timeout, read(body))
        .await
        .unwrap_or(Err(Error::BodyTimeout))?;
    let signature = head.headers.get("stripe-signature").map(HeaderValue::as_bytes);
    let (trace, clock) = (trace(&head.headers), &ingest.clock);
    let secrets = ingest.secrets.current().await?;
    let (queue, accounts) = (&ingest.queue, ingest.connected_accounts.current());
    let attempt = |secrets, body, trace| {
        verify_and_enqueue(queue, secrets, &accounts, signature, body, trace, clock)
    };
    let result = attempt(&secrets, body.clone(), trace.clone()).await;
    match result {
        // The secret may have been rotated a moment ago.
        Err(Error::Signature(signature::Error::Mismatch)) => {
            match ingest.secrets.refreshed(&secrets).await? {
                Some(newer) => attempt(&newer, body, trace).await,
                None => result,
            }
        }
        other => other,
    }
}

/// Reads the whole body. One whose declared size is too large is not read at all.
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

/// The trace context of the request, which connects the worker's log lines to it.
fn trace(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    (text.len() <= TRACE_BYTES_MAX).then(|| text.to_owned())
}

impl IntoResponse for Acknowledged {
    fn into_response(self) -> Response {
        let json = [(CONTENT_TYPE, "application/json")];
        match self {
            Self::Queued | Self::Duplicate => (json, r#"{"status":"accepted"}"#).into_response(),
            // A reason is one word of lower-case letters.
            Self::Ignored(reason) => {
                (json, format!(r#"{{"status":"ignored","reason":"{reason}"}}"#)).into_response()
            }
        }
    }
}
