//! How spans reach the collector: the exporter's requests by the HTTP client that the rest of tierlift has. They block,
//! on the thread of the exporter alone. A redirect is not followed.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::{
    limits::{ANSWER_BYTES_MAX, EXPORT_TIMEOUT_MS},
    variable,
};
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// The variables of a request's time limit, in milliseconds.
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];

#[derive(Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
    is_failing: AtomicBool,
}

impl Client {
    pub(crate) fn from_environment() -> Self {
        let given = TIMEOUTS.into_iter().find_map(variable).and_then(|text| text.parse().ok());
        let timeout = Duration::from_millis(given.unwrap_or(EXPORT_TIMEOUT_MS));
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0);
        Self { agent: config.build().into(), is_failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let response = self.agent.run(Request::from_parts(head, body.as_ref()))?;
        let (head, mut body) = response.into_parts();
        let body = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }

    /// Logs the first failure, and that it is over: between them there may be thousands.
    fn report(&self, failure: Option<String>) {
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match (was_failing, failure) {
            (false, Some(error)) => tracing::warn!(error, "spans not exported"),
            (true, None) => tracing::info!("spans are exported again"),
            (true, Some(_)) | (false, None) => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request);
        self.report(match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("the collector answers {}", answer.status())),
            Err(error) => Some(error.to_string()),
        });
        answer
    }
}
