//! The log lines, metrics and spans of a verdict: ids and codes, never a body.

use tierlift_core::{
    change::ChangeKind,
    failure::Failure,
    ports::{Delivery, Message},
    time::Timestamp,
};
use tierlift_traces::{Key, Span, Stage};

use crate::{Committed, Done, Verdict};

/// Logs and counts the verdict on a message.
pub fn record(message: &Message, verdict: &Verdict, now: Timestamp) {
    metrics::counter!("tierlift_events_total", "outcome" => verdict.outcome()).increment(1);
    match verdict {
        Verdict::Done(Done::Committed(committed)) => record_committed(message, committed, now),
        Verdict::Done(Done::Duplicate) => record_duplicate(message),
        Verdict::Retry { delay_ms, failure } => record_retry(message, *delay_ms, failure),
        Verdict::Release { delay_ms, failure } => record_released(message, *delay_ms, failure),
        Verdict::Wait { delay_ms } => record_waits(message, *delay_ms),
        Verdict::Park(failure) => record_parked(message, failure),
    }
}

/// The span of an attempt.
pub(crate) fn span(delivery: &Delivery) -> Span {
    let Message { event, kind, group, trace, .. } = &delivery.message;
    let mut span = Span::start(Stage::Worker, trace.clone());
    span.set(Key::EventId, event.as_str());
    span.set(Key::EventType, kind.as_str());
    span.set(Key::CustomerId, &group.0);
    span.count(Key::Attempt, delivery.attempt.into());
    span
}

/// Ends the span of an attempt with its verdict.
pub(crate) fn end(mut span: Span, verdict: &Verdict) {
    match verdict {
        Verdict::Done(_) | Verdict::Wait { .. } => {}
        Verdict::Retry { failure, .. }
        | Verdict::Release { failure, .. }
        | Verdict::Park(failure) => span.fail(failure.cause.as_str()),
    }
    span.set(Key::Outcome, verdict.outcome());
}

fn record_committed(message: &Message, committed: &Committed, now: Timestamp) {
    let (event, customer) = (message.event.as_str(), &*message.group.0);
    let (users, outcome) = (&committed.users, committed.outcome.as_str());
    tracing::info!(event, customer, ?users, outcome, trace = message.trace, "event processed");
    if committed.ambiguous {
        metrics::counter!("tierlift_ambiguous_total").increment(1);
    }
    for change in &committed.changes {
        let direction = match change.kind {
            ChangeKind::Upgraded => "up",
            ChangeKind::Downgraded => "down",
            ChangeKind::Subscription => continue,
        };
        metrics::counter!("tierlift_role_changes_total", "direction" => direction).increment(1);
    }
    metrics::histogram!("tierlift_queue_to_commit_seconds")
        .record(now.since(message.received_at).as_secs_f64());
}

fn record_duplicate(message: &Message) {
    let (event, customer) = (message.event.as_str(), &*message.group.0);
    tracing::debug!(event, customer, trace = message.trace, "event was processed before");
}

fn record_retry(message: &Message, delay_ms: u64, failure: &Failure) {
    let (event, customer) = (message.event.as_str(), &*message.group.0);
    let (cause, error, trace) = (failure.cause.as_str(), &failure.error, &message.trace);
    tracing::warn!(event, customer, cause, error, delay_ms, trace, "event failed, retry scheduled");
}

fn record_released(message: &Message, delay_ms: u64, failure: &Failure) {
    let (event, customer) = (message.event.as_str(), &*message.group.0);
    let (cause, error, trace) = (failure.cause.as_str(), &failure.error, &message.trace);
    tracing::warn!(event, customer, cause, error, delay_ms, trace, "event not applied yet");
}

fn record_waits(message: &Message, delay_ms: u64) {
    tracing::debug!(event = message.event.as_str(), delay_ms, trace = message.trace, "event waits");
}

fn record_parked(message: &Message, failure: &Failure) {
    let (event, customer) = (message.event.as_str(), &*message.group.0);
    let (cause, error, trace) = (failure.cause.as_str(), &failure.error, &message.trace);
    tracing::error!(event, customer, cause, error, trace, "event parked as a dead letter");
    metrics::counter!("tierlift_parked_total", "cause" => cause).increment(1);
}
