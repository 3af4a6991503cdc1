//! Items of each release, as it wrote them. The current release reads them all, and writes those of the newest
//! recording as they are: so the previous release, which wrote them, reads what the current one writes, and an update
//! can be turned back under traffic.
//!
//! A field that an older release does not know would be lost at its next write. So a release first reads a new shape
//! and goes on writing the old one; only the release after it writes the new shape. `UPDATE_RECORDED=1` writes the
//! recording of this version; those of earlier releases stay.

use std::{collections::BTreeSet, fs, path::PathBuf};

use proptest::{collection::vec, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::{Map, Value, json};
use tierlift_core::{
    account::Account, customer::Customer, invoice::Invoice, ledger::LedgerEntry, payment::Payment,
    time::Timestamp,
};

use super::{
    item::{self, Item, Stored},
    round_trip_tests::{RoundTrip, event},
};

/// Attributes that differ from write to write.
const MOVING: [&str; 3] = [item::VERSION, item::TTL, "change"];
/// Events of the history that is recorded.
const EVENTS: usize = 80;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/recorded")
}

/// The items of each recording, oldest first.
fn recordings() -> Vec<(String, Vec<Value>)> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let names: BTreeSet<PathBuf> = files.collect();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    };
    names.into_iter().map(read).collect()
}

fn plain(item: Item) -> Value {
    serde_dynamo::from_item(item).unwrap()
}

/// Reads an item and writes it again.
fn written_again(value: &Value) -> Value {
    let item: Item = serde_dynamo::to_item(value).unwrap();
    let now = Timestamp::from_secs(0);
    let key = value[item::PK].as_str().unwrap();
    let again = match key.split_once('#').unwrap() {
        ("CUSTOMER", _) => item::customer_item(&item::parse_found::<Customer>(item).unwrap()),
        ("PAYMENT", _) => item::payment_item(&item::parse_found::<Payment>(item).unwrap(), now),
        ("INVOICE", _) => item::invoice_item(&item::parse_found::<Invoice>(item).unwrap(), now),
        ("USER", _) => item::account_item(&item::parse_found::<Account>(item).unwrap(), None),
        (_, event) => {
            let event = tierlift_core::id::EventId::new(event).unwrap();
            item::ledger_item(&item::parse_ledger(item, &event).unwrap())
        }
    };
    plain(again.unwrap())
}

fn lasting(value: &Value) -> Map<String, Value> {
    let mut fields = value.as_object().unwrap().clone();
    fields.retain(|name, _| !MOVING.contains(&name.as_str()));
    fields
}

/// A history that touches every kind of item, the same each time.
fn history() -> Vec<Value> {
    let mut runner = TestRunner::deterministic();
    let events = proptest::strategy::Strategy::new_tree(&vec(event(), EVENTS), &mut runner);
    let mut round_trip = RoundTrip::default();
    let mut items = std::collections::BTreeMap::new();
    for (event, now) in events.unwrap().current() {
        let Some(commit) = round_trip.decide(&event, now) else { continue };
        let now = commit.ledger.processed_at;
        let mut keep = |written: Result<Item, item::Error>| {
            let value = plain(written.unwrap());
            items.insert(value[item::PK].as_str().unwrap().to_owned(), value);
        };
        if items_of_ledger(&commit.ledger) {
            keep(item::ledger_item(&commit.ledger));
        }
        commit.customer.iter().for_each(|customer| keep(item::customer_item(customer)));
        commit.payments.iter().for_each(|payment| keep(item::payment_item(payment, now)));
        commit.invoices.iter().for_each(|invoice| keep(item::invoice_item(invoice, now)));
        commit.accounts.iter().for_each(|account| keep(item::account_item(account, None)));
        round_trip.commit(&commit);
    }
    items.into_values().collect()
}

/// A few rows of the ledger are enough: those that name an owner.
fn items_of_ledger(entry: &LedgerEntry) -> bool {
    !entry.owners.is_empty()
}

/// The paths of all fields of the items of a kind.
fn paths(items: &[Value]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in items {
        let kind = item[item::PK].as_str().unwrap().split('#').next().unwrap();
        collect(&Value::Object(lasting(item)), kind, &mut found);
    }
    found
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                // Names that are ids differ from customer to customer.
                let is_word = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                let name = if is_word { name } else { "*" };
                collect(field, &format!("{path}.{name}"), found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            found.insert(path.to_owned());
        }
    }
}

fn shapes(items: &[Value]) -> BTreeSet<u64> {
    items.iter().map(|item| item[item::SHAPE_ATTRIBUTE].as_u64().unwrap()).collect()
}

/// The fields that the release before would drop: it does not know them, and takes their items for its own.
fn lost(before: &[Value], after: &[Value]) -> Vec<String> {
    if shapes(before) != shapes(after) {
        return Vec::new();
    }
    let known = paths(before);
    paths(after).into_iter().filter(|path| !known.contains(path)).collect()
}

#[test]
fn every_recording_is_read_and_the_newest_is_written_alike() {
    if std::env::var_os("UPDATE_RECORDED").is_some() {
        let text = serde_json::to_string_pretty(&history()).unwrap();
        let name = format!("{}.json", env!("CARGO_PKG_VERSION"));
        fs::write(folder().join(name), text + "\n").unwrap();
    }
    let recordings = recordings();
    for (name, items) in &recordings {
        for item in items {
            let again = written_again(item);
            if Some(name) == recordings.last().map(|(name, _)| name) {
                assert_eq!(lasting(&again), lasting(item), "{name}");
            }
        }
    }
    let (_, newest) = recordings.last().unwrap();
    let kinds: BTreeSet<&str> = newest
        .iter()
        .map(|item| item[item::PK].as_str().unwrap().split('#').next().unwrap())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["CUSTOMER", "EVENT", "INVOICE", "PAYMENT", "USER"]));
}

#[test]
fn no_release_writes_what_the_one_before_would_lose() {
    for pair in recordings().windows(2) {
        assert_eq!(lost(&pair[0].1, &pair[1].1), Vec::<String>::new(), "{}", pair[1].0);
    }
    let item = |shape: u64, fields: Value| {
        let mut item = json!({ "pk": "USER#ada", "shape": shape, "version": 1 });
        item.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        vec![item]
    };
    let before = item(1, json!({ "grants": { "cus_1": { "role": "paid" } } }));
    for (after, expected) in [
        (item(1, json!({ "grants": { "cus_2": { "role": "paid" } } })), vec![]),
        (
            item(1, json!({ "grants": { "cus_1": { "role": "paid", "level": 3 } } })),
            vec!["USER.grants.*.level"],
        ),
        // A new shape is refused by a release that does not read it, and goes through one that does.
        (item(2, json!({ "level": 3 })), vec![]),
    ] {
        assert_eq!(lost(&before, &after), expected);
    }
}

#[test]
fn the_key_of_an_item_says_what_it_is() {
    let prefixes =
        [Customer::PREFIX, Payment::PREFIX, Invoice::PREFIX, Account::PREFIX, LedgerEntry::PREFIX];
    assert_eq!(prefixes, ["CUSTOMER#", "PAYMENT#", "INVOICE#", "USER#", "EVENT#"]);
}
