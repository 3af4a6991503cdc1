//! One GET over HTTPS, on a thread that may block, with limits on its time and size. A redirect is not followed:
//! the key is for the configured host alone.

use std::time::Duration;

use http::StatusCode;
use tierlift_core::{limits::STRIPE_ANSWER_BYTES_MAX, time::Timestamp};
use tokio::time::Instant;
use ureq::Agent;

use crate::{key::Key, request::API_VERSION};

/// Sends requests to one API.
#[derive(Debug)]
pub(crate) struct Transport {
    agent: Agent,
    base: String,
    key: Key,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// Stripe's clock, in seconds since the epoch.
    pub(crate) date_secs: Option<i64>,
    /// The time that the request took.
    pub(crate) took: Duration,
    pub(crate) retry_after: Option<Duration>,
    /// What `Stripe-Should-Retry` says.
    pub(crate) should_retry: Option<bool>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum TransportError {
    /// The connection failed, or took too long.
    Unavailable(String),
    /// The answer is larger than is read.
    TooLarge,
}

impl Transport {
    pub(crate) fn new(base: &str, key: Key, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0);
        let base = base.trim_end_matches('/').to_owned();
        Self { agent: config.build().into(), base, key }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn get(&self, target: &str) -> Result<Response, TransportError> {
        let request = self
            .agent
            .get(format!("{}{target}", self.base))
            .header("authorization", self.key.authorization())
            .header("stripe-version", API_VERSION)
            .header("user-agent", concat!("tierlift/", env!("CARGO_PKG_VERSION")));
        let start = Instant::now();
        let sent = tokio::task::spawn_blocking(move || read(request));
        let mut response = sent.await.map_err(|error| unavailable(&error))??;
        response.took = start.elapsed();
        Ok(response)
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> TransportError {
    TransportError::Unavailable(error.to_string())
}

fn read(
    request: ureq::RequestBuilder<ureq::typestate::WithoutBody>,
) -> Result<Response, TransportError> {
    let mut response = request.call().map_err(|error| unavailable(&error))?;
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let read = Response {
        status: response.status(),
        date_secs: header("date").and_then(date_secs),
        took: Duration::ZERO,
        retry_after: header("retry-after")
            .and_then(|secs| secs.parse().ok())
            .map(Duration::from_secs),
        should_retry: header("stripe-should-retry").and_then(|text| text.parse().ok()),
        body: Vec::new(),
    };
    let body = response.body_mut().with_config().limit(STRIPE_ANSWER_BYTES_MAX).read_to_vec();
    let body = body.map_err(|error| {
        let is_too_large = matches!(error, ureq::Error::BodyExceedsLimit(_));
        if is_too_large { TransportError::TooLarge } else { unavailable(&error) }
    })?;
    Ok(Response { body, ..read })
}

/// The time of a `Date` header, in seconds (RFC 9110, section 5.6.7).
fn date_secs(text: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read() {
        assert_eq!(date_secs("Sun, 22 Nov 2026 16:12:48 GMT"), Some(1_795_363_968));
        assert_eq!(date_secs("soon"), None);
    }
}
