//! Requests and answers as lines of JSON. The first line is a greeting: which release answers, or why none does.
//!
//! It ends with its input, and so with the program that started it, however that ends. A Ctrl-C in the terminal
//! reaches both: this one ignores it, so that it can still make visible again what it holds.

use axum::{Router, http::Method};
use serde::{Deserialize, Serialize};
use tierlift_core::codes::Code;
use tierlift_operations::routes::answer;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout};

use crate::policy::WorkerPolicy;

/// The first line.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Greeting {
    /// Requests are answered.
    Ready {
        /// The release.
        version: String,
    },
    /// They are not.
    Failed {
        /// Why.
        code: Code,
        /// The same in words.
        detail: String,
    },
}

/// A request.
#[derive(Debug, Deserialize)]
struct Asked {
    method: String,
    path: String,
    body: String,
}

/// Its answer.
#[derive(Debug, Serialize)]
struct Answered {
    status: u16,
    body: String,
}

/// Answers one request after another, until the input ends.
pub(crate) async fn serve(routes: Router, mut policy: WorkerPolicy) {
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line,
            Ok(()) = tokio::signal::ctrl_c() => continue,
        };
        let Ok(Some(line)) = line else { return };
        let asked: Result<Asked, _> = serde_json::from_str(&line);
        let Ok(Asked { method, path, body }) = asked else {
            tracing::error!("a request cannot be read");
            return;
        };
        policy.refresh().await;
        let method = method.parse().unwrap_or(Method::GET);
        let (status, body) = answer(routes.clone(), method, &path, body).await;
        write(&Answered { status: status.as_u16(), body }).await;
    }
}

/// Writes a line. Where nobody reads it, the input has ended, too.
pub(crate) async fn write(line: &impl Serialize) {
    let Ok(mut text) = serde_json::to_string(line) else { return };
    text.push('\n');
    let mut out = stdout();
    let _ = out.write_all(text.as_bytes()).await;
    let _ = out.flush().await;
}
