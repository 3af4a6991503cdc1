//! Why something had to be fixed: its webhook never came, or came and failed.
//!
//! Stripe lists the events of the last 30 days. One that is in the ledger was applied; one that is a dead letter came
//! and failed; any other never came.

use std::collections::BTreeSet;

use serde::Deserialize;
use tierlift_core::{
    id::{CustomerId, EventId},
    limits::{RECONCILE_EVENT_PAGES_MAX, STRIPE_EVENT_TYPES_MAX},
    ports::{Answer, DeadLetters, ListOf, Store, Stripe},
    reconciliation::Report,
    stripe::catalog,
};

use super::{Error, patience::patiently};

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

/// Counts the customers of what was fixed by what became of their webhooks.
pub(super) async fn explain<A: Stripe, B: Store + DeadLetters>(
    stripe: &A,
    backend: &B,
    report: &mut Report,
) -> Result<(), Error> {
    if report.customers.is_empty() {
        return Ok(());
    }
    let types = catalog::relevant().filter(|kind| !catalog::is_thin(kind)).map(str::to_owned);
    let types: Vec<String> = types.collect();
    let (mut never_came, mut failed) = (BTreeSet::new(), BTreeSet::new());
    let mut pages = 0;
    for types in types.chunks(STRIPE_EVENT_TYPES_MAX) {
        let list = ListOf::Events { types: types.to_vec(), since_secs: None, undelivered: false };
        let mut after: Option<String> = None;
        while pages < RECONCILE_EVENT_PAGES_MAX {
            pages += 1;
            let page = patiently(|| stripe.list(&list, after.as_deref())).await?;
            for answer in &page.items {
                let Some((event, customer)) = read(answer) else { continue };
                if !report.customers.contains(&customer) || backend.ledger(&event).await?.is_some()
                {
                    continue;
                }
                let is_dead = backend.get(&event).await.map_err(Error::Queue)?.is_some();
                let found = if is_dead { &mut failed } else { &mut never_came };
                found.insert(customer);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    report.came_and_failed = u64::try_from(failed.len()).unwrap_or(u64::MAX);
    report.never_came = u64::try_from(never_came.difference(&failed).count()).unwrap_or(u64::MAX);
    Ok(())
}

/// An event's id and customer.
fn read(answer: &Answer) -> Option<(EventId, CustomerId)> {
    let event: Event = serde_json::from_str(&answer.object).ok()?;
    let customer = CustomerId::new(event.data.object.customer.as_str()?).ok()?;
    Some((EventId::new(&event.id).ok()?, customer))
}
