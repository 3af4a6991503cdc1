//! The same without the feature `otlp`: nothing is recorded.

use crate::{Key, Stage};

/// A span that records nothing.
#[derive(Debug)]
pub struct Span(Option<String>);

impl Span {
    /// Begins the span of a stage.
    #[must_use]
    pub const fn start(_: Stage, received: Option<String>) -> Self {
        Self(received)
    }

    /// Sets an attribute.
    pub const fn set(&mut self, _: Key, _: &str) {}

    /// Sets an attribute that is a number.
    pub const fn count(&mut self, _: Key, _: u64) {}

    /// Marks the stage as failed, with its cause.
    pub const fn fail(&mut self, _: &'static str) {}

    /// The W3C `traceparent` to hand on: what was received.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.0.clone()
    }
}

/// The export of spans, of which there is none.
#[derive(Clone, Debug)]
#[must_use = "spans are exported until it is dropped"]
pub struct Traces(());

impl Traces {
    /// Warns where the environment asks for traces.
    pub fn start(_: &str) -> Self {
        if crate::are_wanted() {
            tracing::warn!("traces are not exported: the feature otlp is not built in");
        }
        Self(())
    }

    /// Sends what has ended, where a process may be suspended after it.
    pub const fn flush(&self) {}
}
