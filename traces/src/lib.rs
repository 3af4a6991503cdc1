//! The trace of an event: a span for each stage that it passes, from the webhook to the notice. Each continues the W3C
//! trace context that the message carries, and hands its own on.
//!
//! Spans go to a collector by OTLP where the feature `otlp` is built in and OpenTelemetry's own environment variables name
//! one. Without the feature nothing is recorded, and a context is handed on as it came. It refuses to carry bodies:
//! attributes are ids, codes and numbers. Nobody waits for the collector.

#[cfg(feature = "otlp")]
mod client;
#[cfg(feature = "otlp")]
mod limits;
#[cfg(not(feature = "otlp"))]
mod off;
#[cfg(feature = "otlp")]
mod otlp;

#[cfg(not(feature = "otlp"))]
pub use off::{Span, Traces};
#[cfg(feature = "otlp")]
pub use otlp::{Span, Traces};

/// Whether spans can be exported: the feature `otlp` is built in.
pub const IS_BUILT_IN: bool = cfg!(feature = "otlp");

/// The variables of which one names the collector
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
pub const ENDPOINTS: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// A stage that an event passes, and the name of its span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A verified event is put on the queue.
    Ingest,
    /// One attempt at an event.
    Worker,
    /// One change to the sockets of its user.
    Notifier,
}

impl Stage {
    /// The name of the span.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Worker => "worker",
            Self::Notifier => "notifier",
        }
    }
}

/// An attribute of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// The event's id.
    EventId,
    /// The event's type.
    EventType,
    /// The customer's id, or the event's where it names no customer.
    CustomerId,
    /// The number of the attempt.
    Attempt,
    /// What became of the event, as in the metric `tierlift_events_total`.
    Outcome,
    /// The code of a failure.
    Cause,
    /// The sockets to which a change was pushed.
    SocketsSent,
    /// The sockets that were gone.
    SocketsGone,
    /// The sockets that could not be reached.
    SocketsFailed,
}

impl Key {
    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventId => "tierlift.event.id",
            Self::EventType => "tierlift.event.type",
            Self::CustomerId => "tierlift.customer.id",
            Self::Attempt => "tierlift.attempt",
            Self::Outcome => "tierlift.outcome",
            Self::Cause => "tierlift.cause",
            Self::SocketsSent => "tierlift.sockets.sent",
            Self::SocketsGone => "tierlift.sockets.gone",
            Self::SocketsFailed => "tierlift.sockets.failed",
        }
    }
}

/// Whether the environment asks for traces.
fn are_wanted() -> bool {
    let is = |name: &str, value: &str| variable(name).is_some_and(|set| set == value);
    let has_endpoint = ENDPOINTS.into_iter().any(|name| variable(name).is_some());
    has_endpoint && !is("OTEL_SDK_DISABLED", "true") && !is("OTEL_TRACES_EXPORTER", "none")
}

/// A variable of the environment; an empty one counts as unset, as OpenTelemetry wants it.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
