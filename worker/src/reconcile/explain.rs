//! Why something had to be fixed: its webhook never came, or came and failed.
//!
//! Stripe lists the events of the last 30 days. One that is in the ledger was applied; one that is a dead letter came
//! and failed; any other never came.

use std::collections::BTreeSet;

use serde::Deserialize;
use tierlift_core::{
    id::{CustomerId, EventId},
    limits::{RECONCILE_EVENT_PAGES_MAX, STRIPE_EVENT_TYPES_MAX},
    ports::{Answer, DeadLetters, Store},
    reconciliation::{Report, Webhook},
    stripe::catalog,
};

use super::Error;

#[derive(Deserialize)]
struct Event {
    id: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    customer: serde_json::Value,
}

fn relevant() -> impl Iterator<Item = &'static str> {
    catalog::relevant().filter(|kind| !catalog::is_thin(kind))
}

/// The types of a part of the events; none behind the last part.
pub(super) fn types(part: usize) -> Vec<String> {
    let before = part.saturating_mul(STRIPE_EVENT_TYPES_MAX);
    relevant().skip(before).take(STRIPE_EVENT_TYPES_MAX).map(str::to_owned).collect()
}

/// Whether another page of that part of the events may be read. Each part has as many as the others, and what one
/// leaves the next one has, too.
pub(super) fn may_read(part: usize, report: &Report) -> bool {
    let parts = relevant().count().div_ceil(STRIPE_EVENT_TYPES_MAX);
    let allowed = RECONCILE_EVENT_PAGES_MAX.saturating_mul(count(part + 1)) / count(parts).max(1);
    !types(part).is_empty() && report.event_pages < allowed
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Notes what became of the webhooks of a page of events.
pub(super) async fn explain<S: Store, Q: DeadLetters>(
    store: &S,
    queue: &Q,
    events: &[Answer],
    report: &mut Report,
) -> Result<(), Error> {
    report.event_pages += 1;
    let mut missing = Vec::new();
    for (event, customer) in events.iter().filter_map(read) {
        if report.customers.contains(&customer) && store.ledger(&event).await?.is_none() {
            missing.push((event, customer));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let events: BTreeSet<EventId> = missing.iter().map(|(event, _)| event.clone()).collect();
    let dead = queue.dead_among(events).await.map_err(Error::Queue)?;
    for (event, customer) in missing {
        let found = if dead.contains(&event) { Webhook::Failed } else { Webhook::NeverCame };
        report.note_webhook(customer, found);
    }
    Ok(())
}

/// An event's id and customer.
fn read(answer: &Answer) -> Option<(EventId, CustomerId)> {
    let event: Event = serde_json::from_str(&answer.object).ok()?;
    let customer = CustomerId::new(event.data.object.customer.as_str()?).ok()?;
    Some((EventId::new(&event.id).ok()?, customer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_relevant_type_is_in_one_part_and_each_part_has_its_pages() {
        let parts: Vec<_> = (0..9).map(types).take_while(|types| !types.is_empty()).collect();
        assert_eq!(parts.concat(), relevant().collect::<Vec<_>>());
        assert!(parts.iter().all(|types| types.len() <= STRIPE_EVENT_TYPES_MAX));
        let mut report = Report::default();
        for part in 0..parts.len() {
            assert!(may_read(part, &report), "{part}");
            while may_read(part, &report) {
                report.event_pages += 1;
            }
        }
        assert_eq!(report.event_pages, RECONCILE_EVENT_PAGES_MAX);
        assert!(!may_read(parts.len(), &Report::default()));
    }
}
