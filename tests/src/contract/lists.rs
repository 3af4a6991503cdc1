//! What a store promises of its lists: what waits, and whom Stripe should be asked about.

use tierlift_core::{
    observation::{Because, FetchReason},
    ports::{Due, FetchList, Store, WaitingList, WaitingTotals},
    subscription::Status,
    time::Timestamp,
};
use tierlift_testkit::{
    facts::{checkout, customer_id, event_id, lost_dispute, observation, subscription},
    harness::eventually,
};

use super::{
    StoreBackend,
    apply::{AT, apply},
};

/// What waits, once there are `count`: an index may follow its table.
async fn waiting<B: StoreBackend>(backend: &B, count: usize) -> Vec<(String, &'static str)> {
    let mut waiting = Vec::new();
    eventually(&format!("{count} wait"), async || {
        waiting = backend.store().waiting(10).await.unwrap();
        waiting.len() == count
    })
    .await;
    waiting.into_iter().map(|waiting| (waiting.id, waiting.cause.as_str())).collect()
}

/// Subscriptions without an owner and payments without a subject, until they have one.
pub async fn lists_what_waits_oldest_first<B: StoreBackend>(backend: &B) {
    assert_eq!(backend.store().waiting_totals().await.unwrap(), WaitingTotals::default());
    let later = AT.plus_secs(60);
    apply(backend, &subscription("evt_1", "cus_1", None, Status::Active, later)).await;
    apply(backend, &lost_dispute("evt_2", "pi_1", AT)).await;
    let expected = [("cus_1", "owner.unknown"), ("pi_1", "payment.unlinked")]
        .map(|(id, cause)| (id.to_owned(), cause));
    assert_eq!(waiting(backend, 2).await, expected);
    assert_eq!(backend.store().waiting(1).await.unwrap().len(), 1);
    let totals = backend.store().waiting_totals().await.unwrap();
    assert_eq!(totals, WaitingTotals { count: 1, oldest: Some(later) });
    apply(backend, &checkout("evt_3", "cus_1", "ada", later)).await;
    assert_eq!(waiting(backend, 1).await, expected[1..]);
}

/// Who is due at that time, once there are `count`: an index may follow its table.
async fn due<B: StoreBackend>(backend: &B, now: Timestamp, count: usize) -> Vec<(String, i64)> {
    let mut due = Vec::new();
    eventually(&format!("{count} are due"), async || {
        due = backend.store().due(now, 10).await.unwrap();
        due.len() == count
    })
    .await;
    let in_short = |due: Due| (due.customer.to_string(), due.not_before.as_secs() - AT.as_secs());
    due.into_iter().map(in_short).collect()
}

/// Customers about whom something is unclear, from the second in which an answer can settle it, the first
/// first, until one does. The row of an observation says why it was made.
pub async fn lists_whom_to_ask_about_until_an_answer_settles_it<B: StoreBackend>(backend: &B) {
    let later = AT.plus_secs(60);
    for (customer, at) in [("cus_b", later), ("cus_a", AT)] {
        for (n, status) in [Status::Active, Status::Unpaid].into_iter().enumerate() {
            let event = format!("evt_{customer}_{n}");
            apply(backend, &subscription(&event, customer, Some("ada"), status, at)).await;
        }
    }
    assert_eq!(due(backend, AT.plus_secs(1), 0).await, []);
    let both = [("cus_a".to_owned(), 2), ("cus_b".to_owned(), 62)];
    assert_eq!(due(backend, AT.plus_secs(2), 1).await, both[..1]);
    assert_eq!(due(backend, later.plus_secs(2), 2).await, both);
    assert_eq!(backend.store().due(later.plus_days(1), 1).await.unwrap().len(), 1);
    let customer = backend.store().customer(&customer_id("cus_a")).await.unwrap().unwrap();
    assert_eq!(customer.fetch_due.unwrap().because, FetchReason::Ambiguous);
    let seen = observation("obs_1", "cus_a", Some("ada"), Status::Active, AT.plus_secs(9));
    let commit = apply(backend, &seen).await;
    assert_eq!(commit.ledger.because, Some(Because::Fetch));
    let row = backend.store().ledger(&event_id("obs_1")).await.unwrap();
    assert_eq!(row, Some(commit.ledger));
    assert_eq!(due(backend, later.plus_days(1), 1).await, both[1..]);
    let loaded = backend.store().customer(&customer_id("cus_a")).await.unwrap().unwrap();
    assert_eq!(loaded.subscriptions, commit.customer.unwrap().subscriptions);
}
