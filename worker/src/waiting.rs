//! Reports what was paid for and has no effect yet: what has no owner, and refunds of unknown payments.

use tierlift_core::{
    limits::{WAITING_LOGGED_AFTER_SECS, WAITING_LOGGED_MAX},
    ports::{StoreError, WaitingList, WaitingTotals},
    time::Timestamp,
};

/// Sets the gauges, and logs each entry that has waited for longer than a healthy checkout takes. Call it
/// about once a minute.
pub async fn report_waiting<W: WaitingList>(
    list: &W,
    now: Timestamp,
) -> Result<WaitingTotals, StoreError> {
    let totals = list.waiting_totals().await?;
    set_gauges(&totals, now);
    if totals.oldest.is_some_and(|oldest| is_overdue(oldest, now)) {
        for waiting in list.waiting(WAITING_LOGGED_MAX).await? {
            if is_overdue(waiting.since, now) {
                let (id, code) = (&waiting.id, waiting.cause.as_str());
                let age_secs = now.since(waiting.since).as_secs();
                tracing::warn!(id, code, age_secs, "payment waits for its user or subject");
            }
        }
    }
    Ok(totals)
}

fn is_overdue(since: Timestamp, now: Timestamp) -> bool {
    since.plus_secs(WAITING_LOGGED_AFTER_SECS) <= now
}

/// Sets the gauges of the waiting list.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts are far below 2^52")]
pub fn set_gauges(totals: &WaitingTotals, now: Timestamp) {
    let oldest_age_secs = totals.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
    metrics::gauge!("tierlift_waiting").set(totals.count as f64);
    metrics::gauge!("tierlift_waiting_oldest_age_seconds").set(oldest_age_secs);
}
