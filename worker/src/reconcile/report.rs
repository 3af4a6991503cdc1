//! The end of a reconciliation, in the log and in the metrics.

use tierlift_core::{
    observation::Because,
    reconciliation::{Reconciliation, Report},
};

/// Reports what a reconciliation found. An import finds what was bought before tierlift was there, so only what a
/// later one had to fix is in the gauge.
pub fn report(done: &Reconciliation) {
    let Report { checked, right, fixed, unowned, parked, never_came, came_and_failed, .. } =
        &done.report;
    let because = done.because.as_str();
    tracing::info!(
        because,
        checked,
        right,
        fixed,
        unowned,
        parked,
        never_came,
        came_and_failed,
        "reconciled"
    );
    let drift = if done.because == Because::Reconcile { *fixed } else { 0 };
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    metrics::gauge!("tierlift_reconcile_fixed").set(drift as f64);
    let unmapped = &done.report.unmapped;
    if !unmapped.is_empty() {
        let prices: Vec<_> = unmapped.keys().map(String::as_str).collect();
        tracing::warn!(prices = prices.join(", "), "prices without a plan");
    }
}
