//! The Lambda runtime: what an invocation brings becomes our types, and what we answer becomes what
//! its event source understands.
//!
//! A function starts once and then lives from event to event. Nothing outlives an invocation but
//! clients, and caches with an age. Its log lines are JSON on standard output, and so are its
//! metrics, in the embedded metric format and under the names of `GET /metrics`.

mod batch;
#[cfg(test)]
mod events;
mod http;
mod schedule;
mod socket;
mod stream;

use std::{collections::BTreeMap, io, time::Duration};

use axum::http::{HeaderName, HeaderValue, response};
use lambda_runtime::Context;
use metrics_cloudwatch_embedded::{Builder, Collector};
use serde::Serialize;
use tierlift_core::time::Clock;
use tracing::Level;

use crate::{Environment, Sdk};

pub use socket::{SocketEvent, What};

/// Why a function ended.
pub type Error = lambda_runtime::Error;

/// A function that has started: it logs, counts, and knows its environment.
#[derive(Clone)]
pub struct Function {
    /// What its environment says.
    pub environment: Environment,
    /// What all clients share.
    pub sdk: Sdk,
    /// What time it is.
    pub clock: Clock,
    metrics: &'static Collector,
}

impl Function {
    /// Starts to log and to count.
    pub fn start() -> Result<Self, Error> {
        let environment = Environment::of_process();
        start_log(environment.get("AWS_LAMBDA_LOG_LEVEL"));
        let name = environment.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("unknown").to_owned();
        let metrics = Builder::new()
            .cloudwatch_namespace("tierlift")
            .with_dimension("function", name)
            .init()?;
        Ok(Self { environment, sdk: Sdk::from_lambda(), clock: crate::clock(), metrics })
    }

    /// Writes what was counted in an invocation.
    fn flush(&self) {
        if let Err(error) = self.metrics.flush(io::stdout()) {
            tracing::warn!(%error, "the metrics of this invocation are lost");
        }
    }
}

/// Lambda's JSON log format wants a level and a time; Lambda filters by the level.
fn start_log(level: Option<&str>) {
    let level = level.and_then(|word| word.parse().ok()).unwrap_or(Level::INFO);
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        .with_writer(io::stdout)
        .init();
}

/// What API Gateway makes a response of.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

impl Answer {
    /// All that we answer is text; of a header with several values there is one line.
    fn new(head: &response::Parts, body: Option<String>) -> Self {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            // API Gateway's pages know this one in this spelling alone.
            let name = match name.as_str() {
                "sec-websocket-protocol" => "Sec-WebSocket-Protocol",
                other => other,
            };
            let known = headers.entry(name.to_owned());
            known
                .and_modify(|line| *line = format!("{line}, {value}"))
                .or_insert(value.into_owned());
        }
        Self { status_code: head.status.as_u16(), headers, body, is_base64_encoded: false }
    }
}

/// What cannot be a header is none; one more or less is no reason to turn somebody away.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
}

/// How long the work of an invocation may still take, where its end takes so much.
fn time_left(context: &Context, reserve: Duration) -> Duration {
    let left = context.deadline().duration_since(std::time::SystemTime::now());
    left.unwrap_or_default().saturating_sub(reserve)
}
