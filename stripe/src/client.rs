//! The client: one request with its turn, its retries and its end.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use http::StatusCode;
use metrics::counter;
use tierlift_core::{
    limits::{
        STRIPE_ATTEMPTS_MAX, STRIPE_REQUEST_TIMEOUT_MS, STRIPE_RETRY_AFTER_MS_MAX,
        STRIPE_RETRY_DELAY_MS_MIN, STRIPE_SHARE_PERCENT_DEFAULT,
    },
    ports::{Answer, ListOf, Page, Stripe, StripeError, StripeId},
};
use tracing::debug;

use crate::{
    answer,
    breaker::Breaker,
    key::Key,
    limiter::Limiter,
    request::{self, Request},
    transport::{Response, Transport, TransportError},
};

/// How Stripe is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The key.
    pub key: Key,
    /// Scheme and host of the API.
    pub base: String,
    /// The part of Stripe's rate limits to use, in percent.
    pub share_percent: u32,
    /// Time that one request may take.
    pub timeout: Duration,
}

impl Settings {
    /// Scheme and host of Stripe's API.
    pub const BASE: &str = "https://api.stripe.com";

    /// Stripe's API, and the default share of its limits.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            base: Self::BASE.to_owned(),
            share_percent: STRIPE_SHARE_PERCENT_DEFAULT,
            timeout: Duration::from_millis(STRIPE_REQUEST_TIMEOUT_MS),
        }
    }
}

/// Asks Stripe. All who ask share one, and with it the limits.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    limiter: Limiter,
    breaker: Breaker,
    livemode: bool,
}

impl Client {
    /// A client. It sends nothing before it is asked.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let livemode = settings.key.is_live();
        Self {
            transport: Transport::new(&settings.base, settings.key, settings.timeout),
            limiter: Limiter::new(livemode, settings.share_percent),
            breaker: Breaker::default(),
            livemode,
        }
    }

    /// Sends a request until it is answered, or may not be sent again.
    async fn send(&self, request: &Request) -> Result<Response, StripeError> {
        let mut attempt = 1;
        loop {
            self.admit()?;
            let (error, should_retry) = match self.attempt(request).await {
                Ok(response) if response.status == StatusCode::OK => return Ok(response),
                Ok(response) => (answer::refusal(&response), response.should_retry),
                Err(error) => (error, None),
            };
            debug!(target = request.target, attempt, %error, "request to Stripe failed");
            let is_last = attempt == STRIPE_ATTEMPTS_MAX;
            if is_last || !should_retry.unwrap_or(error.is_transient()) {
                return Err(error);
            }
            let Some(delay) = delay(&error, &request.target, attempt) else { return Err(error) };
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    /// Whether a request may be sent at all, after others failed.
    fn admit(&self) -> Result<(), StripeError> {
        self.breaker.admit().map_err(|left| {
            let secs = left.as_secs() + 1;
            StripeError::Unavailable(format!("earlier requests failed; none is sent for {secs} s"))
        })
    }

    /// Sends a request once, when it is its turn.
    async fn attempt(&self, request: &Request) -> Result<Response, StripeError> {
        let turn = self.limiter.turn(request.endpoint).await;
        turn.map_err(|wait| StripeError::RateLimited { retry_after: Some(wait) })?;
        let result = self.transport.get(&request.target).await;
        let status = result.as_ref().map_or(0, |response| response.status.as_u16());
        counter!("tierlift_stripe_requests_total", "endpoint" => request.endpoint, "status" => status.to_string())
            .increment(1);
        match result {
            Ok(response) => {
                self.learn(request.endpoint, response.status);
                Ok(response)
            }
            Err(TransportError::Unavailable(reason)) => {
                self.breaker.failed();
                Err(StripeError::Unavailable(reason))
            }
            Err(TransportError::TooLarge) => Err(answer::unexpected(&"it is too large")),
        }
    }

    fn learn(&self, endpoint: &'static str, status: StatusCode) {
        if status.is_server_error() {
            return self.breaker.failed();
        }
        self.breaker.succeeded();
        if status == StatusCode::TOO_MANY_REQUESTS {
            self.limiter.slow_down(endpoint);
        } else {
            self.limiter.speed_up(endpoint);
        }
    }
}

/// The time before the next attempt; none if Stripe names one that is too long. Its jitter is a function of the
/// request, so that a run can be repeated exactly.
fn delay(error: &StripeError, target: &str, attempt: u32) -> Option<Duration> {
    let longest = Duration::from_millis(STRIPE_RETRY_AFTER_MS_MAX);
    let named = error.retry_after();
    let full = STRIPE_RETRY_DELAY_MS_MIN << (attempt - 1).min(8);
    let mut hasher = DefaultHasher::new();
    (target, attempt).hash(&mut hasher);
    let jittered = Duration::from_millis(full / 2 + hasher.finish() % (full / 2 + 1));
    Some(named.map_or(jittered, |named| named.max(jittered))).filter(|delay| *delay <= longest)
}

impl Stripe for Client {
    async fn retrieve(&self, id: &StripeId) -> Result<Answer, StripeError> {
        let response = self.send(&request::retrieve(id)).await?;
        answer::object(&response, self.livemode, id.as_str())
    }

    async fn list(&self, list: &ListOf, after: Option<&str>) -> Result<Page<Answer>, StripeError> {
        let response = self.send(&request::list(list, after)).await?;
        answer::page(&response, self.livemode, list)
    }
}
