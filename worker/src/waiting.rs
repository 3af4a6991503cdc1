//! Reports what was paid for and has no owner yet.

use tierlift_core::{
    codes::Code,
    limits::{WAITING_LOGGED_AFTER_SECS, WAITING_LOGGED_MAX},
    ports::{StoreError, Waiting, WaitingList, WaitingTotals},
    time::Timestamp,
};

/// Sets the gauges, and logs what has waited for an owner for longer than a healthy checkout takes, in one
/// line. Call it about once a minute.
pub async fn report_waiting<W: WaitingList>(
    list: &W,
    now: Timestamp,
) -> Result<WaitingTotals, StoreError> {
    let totals = list.waiting_totals().await?;
    set_gauges(&totals, now);
    if totals.oldest.is_some_and(|oldest| is_overdue(oldest, now)) {
        let waiting = list.waiting(WAITING_LOGGED_MAX).await?;
        let overdue = |waiting: &&Waiting| {
            waiting.cause == Code::OwnerUnknown && is_overdue(waiting.since, now)
        };
        let oldest: Vec<&str> =
            waiting.iter().filter(overdue).map(|waiting| waiting.id.as_str()).collect();
        let (code, count) = (Code::OwnerUnknown.as_str(), totals.count);
        tracing::warn!(code, count, ?oldest, "paid for, and no user owns it");
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
