//! The store's view of the whole table: pages of a scan, what waits, and the policy, beside items of every
//! other kind.

use serde_json::json;
use tierlift_aws::store::Store;
use tierlift_core::{
    id::{InvoiceId, PaymentId},
    limits::PAYMENT_KEPT_DAYS,
    ports::{
        Page, PolicyRecord as _, PolicyState, Scan as _, Store as _, StoreError, WaitingList as _,
    },
    subscription::Status,
};
use tierlift_testkit::{
    facts::{invoice_payment, keys, lost_dispute, subscription},
    harness::eventually,
};

use super::{
    store::{AT, decided, pays},
    table::Table,
};

/// Three users pay, and there are many more items of another kind.
async fn crowded() -> (Table, Store) {
    let table = Table::create().await;
    let store = table.store().await;
    for user in ["ada", "bob", "eve"] {
        store.commit(decided(&store, &pays(user, AT), AT).await).await.unwrap();
    }
    for n in 0..60 {
        let row = json!({ "pk": { "S": format!("CONN#{n}") }, "shape": { "N": "1" } });
        table.put(&row).await.unwrap();
    }
    (table, store)
}

/// All pages, by the names on them.
async fn names<T>(
    max: usize,
    mut page: impl AsyncFnMut(Option<String>) -> Result<Page<T>, StoreError>,
    name: impl Fn(T) -> String,
) -> Result<Vec<String>, StoreError> {
    let (mut names, mut next) = (Vec::new(), None);
    loop {
        let Page { items, next: then } = page(next).await?;
        assert!(items.len() <= max);
        names.extend(items.into_iter().map(&name));
        next = then;
        if next.is_none() {
            names.sort();
            return Ok(names);
        }
    }
}

#[tokio::test]
async fn a_scan_finds_each_item_of_its_kind_once() {
    let (table, store) = crowded().await;
    for max in [1, 2, 5, 500] {
        let customers = async |after: Option<String>| store.customers(after.as_deref(), max).await;
        let found = names(max, customers, |customer| customer.id.to_string()).await.unwrap();
        assert_eq!(found, ["cus_ada", "cus_bob", "cus_eve"], "{max} at a time");
        let accounts = async |after: Option<String>| store.accounts(after.as_deref(), max).await;
        let found = names(max, accounts, |account| account.user.to_string()).await.unwrap();
        assert_eq!(found, ["ada", "bob", "eve"], "{max} at a time");
    }
    let mut later = table.get("CUSTOMER#cus_bob").await;
    later["shape"] = json!({ "N": "2" });
    table.put(&later).await.unwrap();
    let customers = async |after: Option<String>| store.customers(after.as_deref(), 500).await;
    let found = names(500, customers, |customer| customer.id.to_string()).await.unwrap();
    assert_eq!(found, ["cus_ada", "cus_eve"], "an item that cannot be read holds up no other");
}

#[tokio::test]
async fn the_policy_of_a_later_version_is_left_alone() {
    let table = Table::create().await;
    let store = table.store().await;
    let state = PolicyState { generation: 1, ..PolicyState::default() };
    store.set_policy_state(state.clone()).await.unwrap();
    let mut item = table.get("POLICY").await;
    assert_eq!(item["generation"], json!({ "N": "1" }));
    item["shape"] = json!({ "N": "2" });
    table.put(&item).await.unwrap();
    for result in [store.set_policy_state(state).await, store.policy_state().await.map(drop)] {
        let Err(StoreError::Corrupt(error)) = result else { panic!("{result:?}") };
        assert!(error.contains("POLICY has shape 2"), "{error}");
    }
    assert_eq!(table.get("POLICY").await, item);
}

/// Rows in the waiting index that are neither customers nor payments hide nothing that waits.
#[tokio::test]
async fn a_bad_row_in_the_waiting_index_hides_nothing() {
    let table = Table::create().await;
    let store = table.store().await;
    for shard in 0..16 {
        let row = json!({
            "pk": { "S": format!("OTHER#{shard}") },
            "waiting_shard": { "N": shard.to_string() },
            "waiting_since": { "N": "1" },
        });
        table.put(&row).await.unwrap();
    }
    let unowned = subscription("evt_1", "cus_1", None, Status::Active, AT);
    store.commit(decided(&store, &unowned, AT).await).await.unwrap();
    eventually("it waits", async || !store.waiting(99).await.unwrap().is_empty()).await;
    let waiting = store.waiting(1).await.unwrap();
    assert_eq!((waiting[0].id.as_str(), waiting[0].since), ("cus_1", AT));
    let totals = store.waiting_totals().await.unwrap();
    assert_eq!((totals.count, totals.oldest), (17, Some(AT)), "the others count, but have no time");
}

/// An operator sees what a payment paid for; both items expire, later with each write.
#[tokio::test]
async fn payments_and_invoices_are_written_to_be_read_by_people() {
    let table = Table::create().await;
    let store = table.store().await;
    let lost = lost_dispute("evt_1", "pi_1", AT);
    store.commit(decided(&store, &lost, AT).await).await.unwrap();
    let item = table.get("PAYMENT#pi_1").await;
    let expires = AT.plus_days(PAYMENT_KEPT_DAYS).as_secs().to_string();
    for (attribute, value) in [
        ("id", json!({ "S": "pi_1" })),
        ("version", json!({ "N": "1" })),
        ("shape", json!({ "N": "1" })),
        ("ttl", json!({ "N": expires })),
        ("waiting_since", json!({ "N": AT.as_micros().to_string() })),
    ] {
        assert_eq!(item[attribute], value, "{attribute}");
    }
    let later = AT.plus_days(9);
    let paid = invoice_payment("evt_2", "in_1", "pi_1", later);
    let commit = decided(&store, &paid, later).await;
    store.commit(commit).await.unwrap();
    let loaded = store.load(&keys(&paid)).await.unwrap();
    assert_eq!(loaded.payments[&PaymentId::new("pi_1").unwrap()].version.0, 2);
    assert_eq!(loaded.invoices[&InvoiceId::new("in_1").unwrap()].version.0, 1);
    let expires = json!({ "N": later.plus_days(PAYMENT_KEPT_DAYS).as_secs().to_string() });
    let payment = table.get("PAYMENT#pi_1").await;
    assert_eq!(payment["subject"], json!({ "M": { "invoice": { "S": "in_1" } } }));
    assert_eq!((&payment["ttl"], &table.get("INVOICE#in_1").await["ttl"]), (&expires, &expires));
}
