//! What is written is what is read, and what is not ours is refused.

use aws_sdk_dynamodb::types::AttributeValue;
use tierlift_core::{
    account::Account,
    change::DeliveryContext,
    codes::Code,
    decide::{Commit, assign},
    fold::{self, Edge},
    id::{CustomerId, EventId, SubscriptionId, UserId, Version},
    ledger::EntryKind,
    limits::ITEM_BYTES_MAX,
    policy::Role,
    ports::StoreError,
    stripe::event::{Event, Fact, Type},
    subscription::{Item as Sold, Node, Status},
    time::Timestamp,
};

use super::{
    commit::{Place, Transaction},
    item::{self, Item},
    round_trip_tests::{World, policy},
    size,
};

/// Ada pays: a customer, an account, and a change of her role.
fn upgrade(event: &str) -> Commit {
    let at = Timestamp::from_secs(1_795_000_000);
    let item = Sold {
        price: Some("price_pro".into()),
        ends_at_secs: Some(at.plus_days(30).as_secs()),
        ..Sold::default()
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
    World::default().decide(&event, at).unwrap()
}

fn attributes(item: &Item) -> Vec<&str> {
    let mut names: Vec<&str> = item.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn an_operator_can_read_an_item() {
    let commit = upgrade("evt_1");
    let row = item::of_ledger(&commit.ledger).unwrap();
    assert_eq!(item::text(&row, "pk"), Some("EVENT#evt_1"));
    assert_eq!(item::text(&row, "to_role"), Some("bezahlt ☂"));
    let at = commit.ledger.processed_at;
    assert_eq!(item::integer(&row, "ttl"), Some(at.plus_days(90).as_secs()));
    let customer = item::of_customer(commit.customer.as_ref().unwrap()).unwrap();
    assert_eq!(attributes(&customer), ["id", "links", "pk", "shape", "subscriptions", "version"]);
    let account = item::of_account(&commit.accounts[0], None, at).unwrap();
    assert_eq!(item::text(&account, "role"), Some("bezahlt ☂"));
    assert_eq!(item::integer(&account, "shape"), Some(1));
    assert_eq!(item::integer(&account, "version"), Some(1));
}

/// Only an account that has an end stands in the index of ends, always in the same part of it.
#[test]
fn an_account_stands_in_the_index_of_ends_while_it_has_one() {
    let commit = upgrade("evt_1");
    let account = &commit.accounts[0];
    let at = commit.ledger.processed_at;
    let until = at.plus_days(33);
    let place = |now| {
        let item = item::of_account(account, None, now).unwrap();
        item::integer::<u8>(&item, "expiry_shard")
            .zip(item::integer::<i64>(&item, "next_expiry_at"))
    };
    assert_eq!(place(at), Some((13, until.as_secs())));
    assert_eq!(place(until.plus_secs(-1)), Some((13, until.as_secs())));
    assert_eq!(place(until), None);
}

/// The stream is filtered by the attribute: a write that changes no role must not have it.
#[test]
fn only_a_write_that_changes_a_role_tells_of_it() {
    let commit = upgrade("evt_1");
    let puts = Transaction::of(&commit, "table", 0).unwrap().puts;
    let change = |put: &aws_sdk_dynamodb::types::TransactWriteItem| {
        item::text(put.put().unwrap().item(), "change").map(str::to_owned)
    };
    assert_eq!(
        puts.iter().map(|put| change(put).is_some()).collect::<Vec<_>>(),
        [false, false, true]
    );
    let heard = super::change_of(&change(&puts[2]).unwrap()).unwrap();
    assert_eq!(heard, (commit.changes[0].clone(), None));
    let silent = Transaction::of(&Commit { changes: vec![], ..commit }, "table", 0).unwrap().puts;
    assert!(silent.iter().all(|put| change(put).is_none()));
}

#[test]
fn what_was_told_is_heard_by_its_words_alone() {
    for json in ["", "null", "{}", r#"{"change":1}"#, r#"{"origin":{"received_at":1}}"#] {
        assert!(super::change_of(json).is_err(), "{json}");
    }
}

/// Nothing that was not written by this version is taken for anything.
#[test]
fn refuses_what_it_does_not_understand() {
    let commit = upgrade("evt_1");
    let event = &commit.ledger.event;
    let bent = |bend: fn(&mut Item)| {
        let mut row = item::of_ledger(&commit.ledger).unwrap();
        bend(&mut row);
        item::to_ledger(row, event).unwrap_err().to_string()
    };
    let number = |n: u8| item::number(n);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    for (words, error) in [
        ("EVENT#evt_1 has shape 2", bent(|row| drop(row.insert("shape".into(), item::number(2))))),
        ("its shape is missing", bent(|row| drop(row.remove("shape")))),
        ("its shape is missing", bent(|row| drop(row.insert("shape".into(), item::number(0))))),
        ("its pk is missing", bent(|row| drop(row.remove("pk")))),
        (
            "its id is missing",
            bent(|row| {
                row.insert("event".into(), AttributeValue::S("evt_2".into()));
            }),
        ),
        ("cannot be read", bent(|row| drop(row.remove("outcome")))),
        ("cannot be read", bent(|row| drop(row.insert("kind".into(), item::number(1))))),
    ] {
        assert!(error.contains(words), "{error}");
    }
    let customer = commit.customer.as_ref().unwrap();
    for (attribute, value) in [
        ("version", number(0)),
        ("version", text("1")),
        ("id", text("")),
        ("subscriptions", text("")),
    ] {
        let mut item = item::of_customer(customer).unwrap();
        item.insert(attribute.to_owned(), value);
        assert!(item::to_customer(item, &customer.id).is_err(), "{attribute}");
    }
    let account = item::of_account(&commit.accounts[0], None, commit.ledger.processed_at).unwrap();
    assert!(item::to_account(account, &UserId::new("bob").unwrap()).is_err());
}

/// The same call has the same name; another commit, or the same one made again, has another.
#[test]
fn a_token_names_all_that_is_committed() {
    let token = |commit: &Commit| Transaction::of(commit, "table", 0).unwrap().token;
    let commit = upgrade("evt_1");
    assert_eq!(token(&commit), token(&upgrade("evt_1")));
    assert_eq!(token(&commit).len(), 36);
    let bent = |bend: fn(&mut Commit)| {
        let mut commit = commit.clone();
        bend(&mut commit);
        token(&commit)
    };
    let mut tokens = vec![
        token(&commit),
        Transaction::of(&commit, "another", 0).unwrap().token,
        Transaction::of(&commit, "table", 1).unwrap().token,
        token(&upgrade("evt_2")),
        bent(|commit| commit.customer = None),
        bent(|commit| commit.customer.as_mut().unwrap().version = Version(7)),
        bent(|commit| commit.accounts[0].version = Version(7)),
        bent(|commit| commit.accounts[0].role = Role::new("x")),
        bent(|commit| commit.changes.clear()),
        bent(|commit| commit.ledger.kind = EntryKind::Event(Type::CheckoutCompleted)),
        bent(|commit| commit.ledger.processed_at = Timestamp::from_micros(1)),
        bent(|commit| {
            commit.context =
                Some(DeliveryContext { received_at: Timestamp::from_micros(1), trace: None });
        }),
    ];
    let all = tokens.len();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), all);
}

/// Measured before it is sent, to the byte.
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
    let filled = |commit: &mut Commit, length: usize| {
        let customer = commit.customer.as_mut().unwrap();
        customer.subscriptions.clear();
        let mut record = fold::Record::default();
        let to = Node { status: Status::Other("x".repeat(length).into()), ..node.clone() };
        record.insert(Edge { at_secs: 1, before: fold::Before::Created, to: to.into() });
        let id = SubscriptionId::new("sub_1").unwrap();
        customer.subscriptions.entry(id).or_default().record = record;
        size::bytes(&item::of_customer(customer).unwrap())
    };
    let rest = filled(&mut commit, 0);
    assert_eq!(filled(&mut commit, ITEM_BYTES_MAX - rest), ITEM_BYTES_MAX);
    let sent = Transaction::of(&commit, "table", 0).unwrap();
    assert_eq!(sent.parts[1], (Place::Customer, ITEM_BYTES_MAX));
    filled(&mut commit, ITEM_BYTES_MAX - rest + 1);
    let refused = Transaction::of(&commit, "table", 0).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Code::CustomerTooLarge)), "{refused:?}");
    let mut commit = upgrade("evt_1");
    commit.accounts[0].manual_role = Some(Role::new(&"x".repeat(ITEM_BYTES_MAX)));
    let refused = Transaction::of(&commit, "table", 0).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Code::AccountTooLarge)), "{refused:?}");
}

/// What an operator did is a commit like any other.
#[test]
fn a_role_given_by_hand_is_read_back() {
    let account = Account::new(UserId::new("ada").unwrap(), &policy());
    let at = Timestamp::from_secs(1_795_000_000);
    let commit = assign(account, Some(Role::new("operator")), &policy(), at).unwrap();
    World::default().round(&commit);
}
