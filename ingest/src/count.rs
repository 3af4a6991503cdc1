//! What became of a webhook, in the metrics.

use crate::{Acknowledged, Error};

/// Counts what became of a webhook, or of an event that came another way.
pub(crate) fn count(result: &Result<Acknowledged, Error>) {
    let (label, code) = match result {
        Ok(acknowledged) => (acknowledged.as_str(), "ok"),
        Err(error) => ("rejected", error.code().as_str()),
    };
    metrics::counter!("tierlift_webhooks_total", "result" => label, "code" => code).increment(1);
    if let Ok(Acknowledged::Ignored(reason)) = result {
        metrics::counter!("tierlift_ignored_total", "reason" => *reason).increment(1);
    }
}
