//! What is written is what is read, and what is not ours is refused.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use proptest::{collection::vec, option, prelude::*};
use tierlift_core::{
    account::Account,
    cause::Cause,
    customer::{Customer, Payment, PaymentState},
    decide::{Commit, Decision, EntryKind, Loaded, Origin, assign, decide},
    event::{Event, Fact, Type},
    fold::{self, Edge},
    id::{CustomerId, EventId, SubscriptionId, UserId, Version},
    limits::{ID_MAX_BYTES, ITEM_MAX_BYTES},
    policy::{Draft, PastDue, Policy, Role, UnmappedPrice},
    ports::StoreError,
    subscription::{Item as Sold, Node, Status},
    time::Timestamp,
};

use super::{
    commit::{Place, Transaction},
    item::{self, Item},
    size, told,
};

fn policy() -> Policy {
    Policy::new(Draft {
        roles: ["free", "bezahlt ☂"].map(str::to_owned).to_vec(),
        plans: vec![("price_pro".to_owned(), "bezahlt ☂".to_owned())],
        livemode: false,
        past_due: PastDue::Keep,
        grace_days: 3,
        unmapped_price: UnmappedPrice::Ignore,
    })
    .unwrap()
}

/// Few ids, so that events meet; of every length and script.
fn user() -> impl Strategy<Value = UserId> {
    let long = "é".repeat(ID_MAX_BYTES / 2);
    prop_oneof![Just("ada".to_owned()), Just("用户 #1|é".to_owned()), Just(long)]
        .prop_map(|id| UserId::new(&id).unwrap())
}

fn word() -> impl Strategy<Value = Option<Box<str>>> {
    let words = prop_oneof![Just(String::new()), Just("price_pro".to_owned()), ".{0,12}"];
    option::of(words.prop_map(String::into_boxed_str))
}

/// Any number that the type has, and more often one near our days.
fn secs() -> impl Strategy<Value = i64> {
    prop_oneof![1 => any::<i64>(), 4 => 1_794_900_000..1_795_100_000_i64]
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        4 => Just("active".to_owned()),
        2 => Just("past_due".to_owned()),
        1 => Just("canceled".to_owned()),
        1 => ".{0,8}",
    ]
    .prop_map(|text| Status::parse(&text))
}

fn sold() -> impl Strategy<Value = Sold> {
    (word(), word(), word(), option::of(secs()), option::of(any::<u64>())).prop_map(
        |(price, product, lookup_key, ends_at_secs, quantity)| Sold {
            price,
            product,
            lookup_key,
            ends_at_secs,
            quantity,
        },
    )
}

fn node() -> impl Strategy<Value = Node> {
    (status(), vec(sold(), 0..4), any::<bool>(), any::<bool>(), option::of(user())).prop_map(
        |(status, mut items, cancel_at_period_end, collection_paused, user)| {
            items.sort();
            Node { status, items, cancel_at_period_end, collection_paused, user }
        },
    )
}

fn origin() -> impl Strategy<Value = fold::Origin> {
    prop_oneof![
        Just(fold::Origin::Created),
        Just(fold::Origin::Unknown),
        node().prop_map(fold::Origin::Node),
    ]
}

fn fact(at_secs: i64) -> impl Strategy<Value = Fact> {
    let id = (0..3_u8).prop_map(|n| SubscriptionId::new(&format!("sub ☂ {n}")).unwrap());
    let edge = (origin(), node()).prop_map(move |(origin, to)| Edge { at_secs, origin, to });
    let state = prop_oneof![Just(PaymentState::Pending), Just(PaymentState::Paid)];
    let payment = state.prop_map(move |state| Payment { at_secs, state });
    prop_oneof![
        6 => (id.clone(), edge).prop_map(|(id, edge)| Fact::Subscription { id, edge }),
        2 => (option::of(user()), option::of((id, payment)))
            .prop_map(|(user, payment)| Fact::Checkout { user, payment }),
        2 => option::of(user()).prop_map(|user| Fact::Customer { user }),
        1 => Just(Fact::CustomerDeleted),
    ]
}

fn event() -> impl Strategy<Value = (Event, Timestamp)> {
    (0..2_u8, secs(), any::<i64>(), any::<u64>()).prop_flat_map(|(customer, created, now, id)| {
        fact(created).prop_map(move |fact| {
            let event = Event {
                id: EventId::new(&format!("evt_☂_{id}")).unwrap(),
                kind: Type::SubscriptionUpdated,
                created: Timestamp::from_secs(created),
                livemode: false,
                customer: CustomerId::new(&format!("cus é{customer}")).unwrap(),
                fact,
            };
            (event, Timestamp::from_micros(now))
        })
    })
}

/// What was written, as it was read back.
#[derive(Default)]
struct World {
    customers: BTreeMap<CustomerId, Customer>,
    accounts: BTreeMap<UserId, Account>,
}

impl World {
    fn decide(&self, event: &Event, now: Timestamp) -> Option<Commit> {
        let known = self.customers.get(&event.customer);
        let customer = known.cloned().unwrap_or_else(|| Customer::new(event.customer.clone()));
        let mut accounts = BTreeMap::new();
        loop {
            let loaded = Loaded {
                processed: false,
                customer: customer.clone(),
                accounts: BTreeMap::clone(&accounts),
            };
            match decide(loaded, event, &policy(), now) {
                Decision::Load(user) => {
                    let account = self.accounts.get(&user).cloned();
                    accounts.insert(user, account);
                }
                Decision::Commit(commit) => return Some(*commit),
                Decision::Duplicate | Decision::Park(_) => return None,
            }
        }
    }

    /// Writes a commit as items and reads them back.
    fn round(&mut self, commit: &Commit) {
        let entry = &commit.ledger;
        let row = item::of_ledger(entry).unwrap();
        assert_eq!(item::to_ledger(row, &entry.event).unwrap(), *entry);
        if let Some(customer) = &commit.customer {
            let item = item::of_customer(customer).unwrap();
            let read = item::to_customer(item, &customer.id).unwrap();
            assert_eq!(read, Customer { version: customer.version.next(), ..customer.clone() });
            self.customers.insert(read.id.clone(), read);
        }
        for account in &commit.accounts {
            let item = item::of_account(account, None, entry.processed_at).unwrap();
            let read = item::to_account(item, &account.user).unwrap();
            assert_eq!(read, Account { version: account.version.next(), ..account.clone() });
            self.accounts.insert(read.user.clone(), read);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_decided_is_read_back_as_it_was_written(events in vec(event(), 1..24)) {
        let mut world = World::default();
        for (event, now) in events {
            let Some(mut commit) = world.decide(&event, now) else { continue };
            let trace = Some("00-☂".to_owned());
            commit.origin = Some(Origin { received_at: now, trace });
            for change in &commit.changes {
                let text = told::text(change, commit.origin.as_ref());
                let heard = super::change_of(&text).unwrap();
                prop_assert_eq!(heard, (change.clone(), commit.origin.clone()));
            }
            world.round(&commit);
        }
    }
}

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
    let edge = Edge { at_secs: at.as_secs(), origin: fold::Origin::Created, to };
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
        item::integer::<u8>(&item, "lapse_shard").zip(item::integer::<i64>(&item, "lapses_at"))
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
    for (words, why) in [
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
        assert!(why.contains(words), "{why}");
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
            commit.origin = Some(Origin { received_at: Timestamp::from_micros(1), trace: None });
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
        record.insert(Edge { at_secs: 1, origin: fold::Origin::Created, to });
        let id = SubscriptionId::new("sub_1").unwrap();
        customer.subscriptions.entry(id).or_default().record = record;
        size::bytes(&item::of_customer(customer).unwrap())
    };
    let rest = filled(&mut commit, 0);
    assert_eq!(filled(&mut commit, ITEM_MAX_BYTES - rest), ITEM_MAX_BYTES);
    let sent = Transaction::of(&commit, "table", 0).unwrap();
    assert_eq!(sent.parts[1], (Place::Customer, ITEM_MAX_BYTES));
    filled(&mut commit, ITEM_MAX_BYTES - rest + 1);
    let refused = Transaction::of(&commit, "table", 0).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Cause::CustomerTooLarge)), "{refused:?}");
    let mut commit = upgrade("evt_1");
    commit.accounts[0].manual_role = Some(Role::new(&"x".repeat(ITEM_MAX_BYTES)));
    let refused = Transaction::of(&commit, "table", 0).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Cause::AccountTooLarge)), "{refused:?}");
}

/// What an operator did is a commit like any other.
#[test]
fn a_role_given_by_hand_is_read_back() {
    let account = Account::new(UserId::new("ada").unwrap(), &policy());
    let at = Timestamp::from_secs(1_795_000_000);
    let commit = assign(account, Some(Role::new("operator")), &policy(), at).unwrap();
    World::default().round(&commit);
}
