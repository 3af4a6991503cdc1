//! Items, transactions and their limits; items that cannot be read are errors.

use aws_sdk_dynamodb::types::AttributeValue;
use tierlift_core::{
    account::Account,
    change::{ChangeRecord, DeliveryContext},
    codes::Code,
    decide::{Commit, assign},
    fold::{self, Edge},
    id::{CustomerId, EventId, SubscriptionId, UserId, Version},
    ledger::EntryKind,
    limits::ITEM_BYTES_MAX,
    policy::Role,
    ports::StoreError,
    stripe::event::{Event, Fact, Type},
    subscription::{Item as SubscriptionItem, Node, Status},
    time::Timestamp,
};

use super::{
    commit::Transaction,
    item::{self, Item, ItemKind},
    round_trip_tests::{RoundTrip, policy},
    size,
};

/// Ada pays: a customer, an account, and a change of her role.
fn upgrade(event: &str) -> Commit {
    let at = Timestamp::from_secs(1_795_000_000);
    let item = SubscriptionItem {
        price: Some("price_pro".into()),
        ends_at_secs: Some(at.plus_days(30).as_secs()),
        ..SubscriptionItem::default()
    };
    let to = Node {
        status: Status::Active,
        items: vec![item],
        cancel_at_period_end: false,
        collection_paused: false,
        user: Some(UserId::new("ada").unwrap()),
    };
    let edge = Edge { at_secs: at.as_secs(), before: fold::Before::Created, to: to.into() };
    let event = Event {
        id: EventId::new(event).unwrap(),
        kind: Type::SubscriptionCreated,
        created: at,
        livemode: false,
        customer: CustomerId::new("cus_1").unwrap(),
        fact: Fact::Subscription { id: SubscriptionId::new("sub_1").unwrap(), edge },
    };
    RoundTrip::default().decide(&event, at).unwrap()
}

fn attributes(item: &Item) -> Vec<&str> {
    let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn an_operator_can_read_an_item() {
    let commit = upgrade("evt_1");
    let row = item::ledger_item(&commit.ledger).unwrap();
    assert_eq!(item::text(&row, "pk"), Some("EVENT#evt_1"));
    assert_eq!(item::text(&row, "to_role"), Some("bezahlt ☂"));
    let at = commit.ledger.processed_at;
    assert_eq!(item::integer(&row, "ttl"), Some(at.plus_days(90).as_secs()));
    let customer = item::customer_item(commit.customer.as_ref().unwrap()).unwrap();
    assert_eq!(attributes(&customer), ["id", "links", "pk", "shape", "subscriptions", "version"]);
    let account = item::account_item(&commit.accounts[0], None, at).unwrap();
    assert_eq!(item::text(&account, "role"), Some("bezahlt ☂"));
    assert_eq!(item::integer(&account, "shape"), Some(1));
    assert_eq!(item::integer(&account, "version"), Some(1));
}

/// Only an account with an expiry is in the expiry index, always in the same shard.
#[test]
fn an_account_is_in_the_expiry_index_while_it_has_an_expiry() {
    let commit = upgrade("evt_1");
    let account = &commit.accounts[0];
    let at = commit.ledger.processed_at;
    let expires_at = at.plus_days(33);
    let index_entry = |now| {
        let item = item::account_item(account, None, now).unwrap();
        item::integer::<u8>(&item, "expiry_shard")
            .zip(item::integer::<i64>(&item, "next_expiry_at"))
    };
    assert_eq!(index_entry(at), Some((13, expires_at.as_secs())));
    assert_eq!(index_entry(expires_at.plus_secs(-1)), Some((13, expires_at.as_secs())));
    assert_eq!(index_entry(expires_at), None);
}

/// The stream is filtered by the `change` attribute: a write that changes no role must not have it.
#[test]
fn only_a_write_that_changes_a_role_has_a_change_record() {
    let commit = upgrade("evt_1");
    let puts = Transaction::new(&commit, "table", 0).unwrap().puts;
    let change = |put: &aws_sdk_dynamodb::types::TransactWriteItem| {
        item::text(put.put().unwrap().item(), "change").map(str::to_owned)
    };
    assert_eq!(
        puts.iter().map(|put| change(put).is_some()).collect::<Vec<_>>(),
        [false, false, true]
    );
    let record = serde_json::from_str::<ChangeRecord>(&change(&puts[2]).unwrap()).unwrap();
    assert_eq!(record, ChangeRecord { change: commit.changes[0].clone(), context: None });
    let without = Transaction::new(&Commit { changes: vec![], ..commit }, "table", 0).unwrap().puts;
    assert!(without.iter().all(|put| change(put).is_none()));
}

#[test]
fn other_json_is_not_a_change_record() {
    for json in ["", "null", "{}", r#"{"change":1}"#, r#"{"context":{"received_at":1}}"#] {
        assert!(serde_json::from_str::<ChangeRecord>(json).is_err(), "{json}");
    }
}

/// An item with one attribute replaced, or removed where the value is `None`.
fn altered(item: &Item, attribute: &str, value: Option<AttributeValue>) -> Item {
    let mut item = item.clone();
    match value {
        Some(value) => item.insert(attribute.to_owned(), value),
        None => item.remove(attribute),
    };
    item
}

/// Every alteration that makes any kind of item unreadable, with the error's message.
fn common_alterations() -> Vec<(&'static str, Option<AttributeValue>, &'static str)> {
    vec![
        ("pk", None, "its pk is missing or wrong"),
        ("pk", Some(text("USER#eve")), "its pk is missing or wrong"),
        ("shape", None, "its shape is missing or wrong"),
        ("shape", Some(number(0)), "its shape is missing or wrong"),
        ("shape", Some(text("1")), "its shape is missing or wrong"),
        ("shape", Some(number(2)), "has shape 2"),
    ]
}

fn number(number: u8) -> AttributeValue {
    item::number(number)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Alterations of the version that customers and accounts have.
fn version_alterations() -> [(&'static str, Option<AttributeValue>, &'static str); 3] {
    let message = "its version is missing or wrong";
    [None, Some(number(0)), Some(text("1"))].map(|value| ("version", value, message))
}

/// Checks that each alteration of an item is an error, which names the key, and that the port reports
/// it as a corrupt row.
fn check_corrupt<T: std::fmt::Debug>(
    item: &Item,
    parse: impl Fn(Item) -> Result<T, item::Error>,
    alterations: impl IntoIterator<Item = (&'static str, Option<AttributeValue>, &'static str)>,
) {
    let key = item::text(item, "pk").unwrap();
    parse(item.clone()).unwrap();
    for (attribute, value, message) in common_alterations().into_iter().chain(alterations) {
        let error = parse(altered(item, attribute, value.clone())).unwrap_err();
        let error = StoreError::from(error);
        assert!(matches!(error, StoreError::Corrupt(_)), "{attribute}: {value:?}: {error:?}");
        let error = error.to_string();
        assert!(error.contains(key) && error.contains(message), "{attribute}: {value:?}: {error}");
    }
}

#[test]
fn an_altered_ledger_row_is_corrupt() {
    let ledger = upgrade("evt_1").ledger;
    let row = item::ledger_item(&ledger).unwrap();
    let parse = |item| item::parse_ledger(item, &ledger.event);
    check_corrupt(
        &row,
        parse,
        vec![
            ("event", Some(text("evt_2")), "its id is missing or wrong"),
            ("outcome", None, "cannot be read"),
            ("kind", Some(number(1)), "cannot be read"),
            ("processed_at", Some(text("1")), "cannot be read"),
        ],
    );
}

#[test]
fn an_altered_customer_is_corrupt() {
    let customer = upgrade("evt_1").customer.unwrap();
    let item = item::customer_item(&customer).unwrap();
    let record = AttributeValue::M(Item::from([("sub_1".to_owned(), text("active"))]));
    let parse = |item| item::parse_customer(item, &customer.id);
    check_corrupt(
        &item,
        parse,
        version_alterations().into_iter().chain([
            ("id", Some(text("cus_2")), "its id is missing or wrong"),
            ("id", Some(text("")), "cannot be read"),
            ("subscriptions", Some(text("")), "cannot be read"),
            ("subscriptions", Some(record), "cannot be read"),
        ]),
    );
}

#[test]
fn an_altered_account_is_corrupt() {
    let commit = upgrade("evt_1");
    let account = &commit.accounts[0];
    let item = item::account_item(account, None, commit.ledger.processed_at).unwrap();
    let parse = |item| item::parse_account(item, &account.user);
    check_corrupt(
        &item,
        parse,
        version_alterations().into_iter().chain([
            ("user", Some(text("eve")), "its id is missing or wrong"),
            ("role", None, "cannot be read"),
            ("revocation_id", Some(text("1")), "cannot be read"),
            ("grants", Some(number(1)), "cannot be read"),
        ]),
    );
}

#[test]
fn an_entry_of_the_expiry_index_that_is_not_an_account_is_skipped() {
    let entry = |key: &str| {
        Item::from([("pk".to_owned(), text(key)), ("next_expiry_at".to_owned(), number(7))])
    };
    let ada = UserId::new("ada").unwrap();
    assert_eq!(super::parse_expiry(&entry("USER#ada")), Some((7, ada)));
    for entry in [
        entry("USER#"),
        entry("CUSTOMER#cus_1"),
        entry("ada"),
        altered(&entry("USER#ada"), "next_expiry_at", None),
        altered(&entry("USER#ada"), "pk", None),
    ] {
        assert_eq!(super::parse_expiry(&entry), None, "{entry:?}");
    }
}

/// The same call has the same token; another commit, or another call with the same one, has another.
#[test]
fn a_token_names_all_that_is_committed() {
    let token = |commit: &Commit| Transaction::new(commit, "table", 0).unwrap().token;
    let commit = upgrade("evt_1");
    assert_eq!(token(&commit), token(&upgrade("evt_1")));
    assert_eq!(token(&commit).len(), 36);
    let changed = |change: fn(&mut Commit)| {
        let mut commit = commit.clone();
        change(&mut commit);
        token(&commit)
    };
    let mut tokens = vec![
        token(&commit),
        Transaction::new(&commit, "another", 0).unwrap().token,
        Transaction::new(&commit, "table", 1).unwrap().token,
        token(&upgrade("evt_2")),
        changed(|commit| commit.customer = None),
        changed(|commit| commit.customer.as_mut().unwrap().version = Version(7)),
        changed(|commit| commit.accounts[0].version = Version(7)),
        changed(|commit| commit.accounts[0].role = Role::new("x")),
        changed(|commit| commit.changes.clear()),
        changed(|commit| commit.ledger.kind = EntryKind::Event(Type::CheckoutCompleted)),
        changed(|commit| commit.ledger.processed_at = Timestamp::from_micros(1)),
        changed(|commit| {
            commit.context =
                Some(DeliveryContext { received_at: Timestamp::from_micros(1), trace: None });
        }),
    ];
    let count = tokens.len();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), count);
}

/// Items are measured to the byte before they are sent.
#[test]
fn an_item_above_the_limit_is_not_sent() {
    let node = Node {
        status: Status::Active,
        items: vec![],
        cancel_at_period_end: false,
        collection_paused: false,
        user: None,
    };
    let mut commit = upgrade("evt_1");
    let set_size = |commit: &mut Commit, length: usize| {
        let customer = commit.customer.as_mut().unwrap();
        customer.subscriptions.clear();
        let mut record = fold::Record::default();
        let to = Node { status: Status::Other("x".repeat(length).into()), ..node.clone() };
        record.insert(Edge { at_secs: 1, before: fold::Before::Created, to: to.into() });
        let id = SubscriptionId::new("sub_1").unwrap();
        customer.subscriptions.entry(id).or_default().record = record;
        size::bytes(&item::customer_item(customer).unwrap())
    };
    let overhead = set_size(&mut commit, 0);
    assert_eq!(set_size(&mut commit, ITEM_BYTES_MAX - overhead), ITEM_BYTES_MAX);
    let sent = Transaction::new(&commit, "table", 0).unwrap();
    assert_eq!(sent.items[1], (ItemKind::Customer, ITEM_BYTES_MAX));
    set_size(&mut commit, ITEM_BYTES_MAX - overhead + 1);
    let refused = Transaction::new(&commit, "table", 0).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Code::CustomerTooLarge)), "{refused:?}");
    let mut commit = upgrade("evt_1");
    commit.accounts[0].manual_role = Some(Role::new(&"x".repeat(ITEM_BYTES_MAX)));
    let refused = Transaction::new(&commit, "table", 0).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Code::AccountTooLarge)), "{refused:?}");
}

/// An operator's act is a commit like any other.
#[test]
fn an_assigned_role_is_read_back() {
    let account = Account::new(UserId::new("ada").unwrap(), &policy());
    let at = Timestamp::from_secs(1_795_000_000);
    let commit = assign(account, Some(Role::new("operator")), &policy(), at).unwrap();
    RoundTrip::default().commit(&commit);
}
