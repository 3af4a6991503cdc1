//! Limits of the export of spans. Those of its queue and batches are OpenTelemetry's own.

/// Time that a collector may take for a batch of spans, in milliseconds, unless the environment says otherwise
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
pub(crate) const EXPORT_TIMEOUT_MS: u64 = 10_000;
/// Size of a collector's answer, in bytes.
pub(crate) const ANSWER_BYTES_MAX: u64 = 65_536;
/// Time for which the end of an invocation waits for its spans to be sent, in milliseconds.
pub(crate) const FLUSH_TIMEOUT_MS: u64 = 300;
/// Time for which the end of the program waits for the last spans to be sent, in milliseconds.
pub(crate) const FINISH_TIMEOUT_MS: u64 = 2_000;
