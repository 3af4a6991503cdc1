//! The Lambda runtime: an invocation's payload becomes our types, and the result becomes what its
//! event source expects.
//!
//! A function starts once and then lives from invocation to invocation. Nothing outlives one except
//! clients, and caches with an age. Log lines are JSON on standard output, and so are metrics, in the
//! embedded metric format and under the names of `GET /metrics`. Nothing here decides what
//! an event means: the caller's closure does.

mod batch;
mod changes;
mod deployment;
#[cfg(test)]
mod events;
mod http;
mod partner;
mod response;
mod schedule;
mod socket;
mod stream;
mod trace;

use std::{io, time::Duration};

use axum::http::{HeaderName, HeaderValue};
use lambda_runtime::Context;
use metrics_cloudwatch_embedded::{Builder, Collector};
use tierlift_core::{ports::SecretsError, time::Clock};
use tierlift_traces::Traces;
use tracing::Level;

use crate::{Environment, Sdk, environment, secrets};

pub use socket::{SocketEvent, SocketEventKind};

/// Why an invocation failed: Lambda counts it, and retries it where its event source says so.
type InvocationError = lambda_runtime::Error;

/// Why a function could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recorder of the metrics could not be installed.
    #[error("could not start the metrics: {0}")]
    Metrics(#[source] metrics_cloudwatch_embedded::Error),
    /// The policy document could not be read.
    #[error(transparent)]
    Document(#[from] SecretsError),
    /// A variable is missing, or a value is not allowed.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// Lambda's runtime API failed.
    #[error("the Lambda runtime ended: {0}")]
    Runtime(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A function that has started: it logs, records metrics, and has read its environment.
#[derive(Clone)]
pub struct Function {
    /// The function's environment variables.
    pub environment: Environment,
    /// What all AWS clients share.
    pub sdk: Sdk,
    /// The system's clock.
    pub clock: Clock,
    metrics: &'static Collector,
    traces: Traces,
}

impl Function {
    /// Starts logging and metrics, and reads the environment.
    pub fn start() -> Result<Self, Error> {
        let environment = Environment::of_process();
        start_log(environment.get("AWS_LAMBDA_LOG_LEVEL"));
        let name = environment.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or("unknown").to_owned();
        let metrics = Builder::new()
            .cloudwatch_namespace("tierlift")
            .with_dimension("function", name.clone())
            .init()
            .map_err(Error::Metrics)?;
        let (sdk, clock, traces) = (Sdk::from_lambda(), crate::clock(), Traces::start(&name));
        Ok(Self { environment, sdk, clock, metrics, traces })
    }

    /// The function with the policy document that its environment names, if it names one.
    pub async fn with_policy_document(mut self) -> Result<Self, Error> {
        if let Some((arn, version)) = self.environment.policy_document()? {
            let text = secrets::read_version(&self.sdk, arn, version).await?;
            self.environment = self.environment.with_policy_document(&text)?;
        }
        Ok(self)
    }

    /// Writes the metrics of an invocation, and sends its spans: Lambda suspends the process after it.
    fn flush(&self) {
        self.traces.flush();
        if let Err(error) = self.metrics.flush(io::stdout()) {
            tracing::warn!(%error, "metrics lost");
        }
    }
}

/// Starts the log in Lambda's JSON format, which has a level and a time; Lambda filters by the level.
fn start_log(level: Option<&str>) {
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
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

/// A header of a request; `None` where it is not valid HTTP, which is no reason to refuse the request.
fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
}

/// Time left for the work of an invocation, less a reserve for its end.
fn time_left(context: &Context, reserve: Duration) -> Duration {
    let left = context.deadline().duration_since(std::time::SystemTime::now());
    left.unwrap_or_default().saturating_sub(reserve)
}
