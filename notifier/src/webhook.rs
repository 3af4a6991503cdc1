//! One webhook to the host over HTTP, signed again for each try. A redirect is not followed: the host's users are
//! nobody else's business.
//!
//! Requests block, so they have threads of their own: a host that does not answer holds up nothing else.

use std::{sync::Mutex, thread, time::Duration};

use http::header::RETRY_AFTER;
use tierlift_core::{
    config::WebhookUrl,
    limits::{WEBHOOK_RETRY_AFTER_SECS_MAX, WEBHOOK_SEND_TIMEOUT_SECS, WEBHOOKS_AT_ONCE_MAX},
    time::Timestamp,
    webhook::Secrets,
};
use tokio::sync::oneshot;

/// Why a webhook was not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SendError {
    /// The host answered something else than 2xx.
    #[error("the host answered {status}")]
    Refused {
        /// The status.
        status: u16,
        /// How long the host asks to be left alone (`Retry-After`), up to the limit.
        retry_after: Option<Duration>,
    },
    /// The host did not answer.
    #[error("the host did not answer: {0}")]
    Silent(String),
    /// The threads have ended.
    #[error("nothing is sent any more")]
    Ended,
}

struct Job {
    id: String,
    at: Timestamp,
    body: String,
    reply: oneshot::Sender<Result<(), SendError>>,
}

/// Sends webhooks to one URL.
#[derive(Debug)]
pub struct Sender {
    jobs: std::sync::mpsc::Sender<Job>,
}

/// What each thread has.
struct Endpoint {
    agent: ureq::Agent,
    url: WebhookUrl,
    secrets: Secrets,
}

impl Sender {
    /// A sender to that URL, with its threads.
    pub fn start(url: WebhookUrl, secrets: Secrets) -> std::io::Result<Self> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(WEBHOOK_SEND_TIMEOUT_SECS)))
            .http_status_as_error(false)
            .max_idle_connections_per_host(WEBHOOKS_AT_ONCE_MAX)
            .max_redirects(0);
        let endpoint = Endpoint { agent: config.build().into(), url, secrets };
        let endpoint = std::sync::Arc::new(endpoint);
        let (jobs, waiting) = std::sync::mpsc::channel::<Job>();
        let waiting = std::sync::Arc::new(Mutex::new(waiting));
        for _ in 0..WEBHOOKS_AT_ONCE_MAX {
            let (endpoint, waiting) =
                (std::sync::Arc::clone(&endpoint), std::sync::Arc::clone(&waiting));
            thread::Builder::new().name("tierlift-webhook".to_owned()).spawn(move || {
                while let Some(Job { id, at, body, reply }) = next(&waiting) {
                    // Whoever waited may have gone; it was sent all the same.
                    let _ = reply.send(endpoint.post(&id, at, &body));
                }
            })?;
        }
        Ok(Self { jobs })
    }

    /// Sends a webhook, signed at that time.
    pub async fn send(&self, id: &str, at: Timestamp, body: String) -> Result<(), SendError> {
        let (reply, answered) = oneshot::channel();
        let job = Job { id: id.to_owned(), at, body, reply };
        self.jobs.send(job).map_err(|_| SendError::Ended)?;
        answered.await.map_err(|_| SendError::Ended)?
    }
}

/// The pause that `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or a date.
fn pause(text: &str, now: Timestamp) -> Option<Duration> {
    let max = Duration::from_secs(WEBHOOK_RETRY_AFTER_SECS_MAX);
    let digits = text.trim();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // What has too many digits is long.
        return Some(digits.parse().map_or(max, Duration::from_secs).min(max));
    }
    let at = jiff::fmt::rfc2822::parse(digits).ok()?.timestamp();
    Some(Timestamp::from_micros(at.as_microsecond()).since(now).min(max))
}

/// The next job; `None` when the sender is dropped. One thread waits at a time, which is as good as all.
fn next(waiting: &Mutex<std::sync::mpsc::Receiver<Job>>) -> Option<Job> {
    waiting.lock().ok()?.recv().ok()
}

impl Endpoint {
    fn post(&self, id: &str, at: Timestamp, body: &str) -> Result<(), SendError> {
        let answer = self
            .agent
            .post(self.url.as_str())
            .header("content-type", "application/json")
            .header("user-agent", concat!("tierlift/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", at.as_secs().to_string())
            .header("webhook-signature", self.secrets.signature(id, at, body))
            .send(body);
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => {
                let retry_after = answer.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok());
                let retry_after = retry_after.and_then(|text| pause(text, at));
                Err(SendError::Refused { status: answer.status().as_u16(), retry_after })
            }
            Err(error) => Err(SendError::Silent(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_asks_for_a_pause_by_seconds_or_a_date_within_bounds() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = Timestamp::from_secs(784_111_777);
        for (text, secs) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("3601", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(3_600)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(pause(text, now), secs.map(Duration::from_secs), "{text}");
        }
    }
}
