//! Every commit is read back as it was written: customers, accounts and ledger rows of random histories,
//! with all numbers that their types allow and texts in several scripts.

use std::collections::BTreeMap;

use proptest::{collection::vec, option, prelude::*};
use tierlift_core::{
    account::Account,
    change::{ChangeRecord, DeliveryContext},
    customer::Customer,
    decide::{Commit, Decision},
    fold::{self, Edge},
    id::{CustomerId, EventId, SubscriptionId, UserId},
    limits::ID_BYTES_MAX,
    model::decide_with,
    payment::{Payment, PaymentState},
    policy::{PastDue, Policy, PolicyConfig, UnmappedPrice},
    stripe::event::{Event, Fact, Type},
    subscription::{Item as SubscriptionItem, Node, Status},
    time::Timestamp,
};

use super::{commit::change_json, item};

pub(super) fn policy() -> Policy {
    Policy::new(PolicyConfig {
        roles: ["free", "bezahlt ☂"].map(str::to_owned).to_vec(),
        plans: vec![("price_pro".to_owned(), "bezahlt ☂".to_owned())],
        livemode: false,
        past_due: PastDue::Keep,
        grace_days: 3,
        unmapped_price: UnmappedPrice::Ignore,
    })
    .unwrap()
}

/// Few ids, so that events share them; of several lengths and scripts.
fn user() -> impl Strategy<Value = UserId> {
    let long = "é".repeat(ID_BYTES_MAX / 2);
    prop_oneof![Just("ada".to_owned()), Just("用户 #1|é".to_owned()), Just(long)]
        .prop_map(|id| UserId::new(&id).unwrap())
}

fn price_key() -> impl Strategy<Value = Option<Box<str>>> {
    let keys = prop_oneof![Just(String::new()), Just("price_pro".to_owned()), ".{0,12}"];
    option::of(keys.prop_map(String::into_boxed_str))
}

/// Any number of the type, and more often one near the present.
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

fn subscription_item() -> impl Strategy<Value = SubscriptionItem> {
    (price_key(), price_key(), price_key(), option::of(secs()), option::of(any::<u64>())).prop_map(
        |(price, product, lookup_key, ends_at_secs, quantity)| SubscriptionItem {
            price,
            product,
            lookup_key,
            ends_at_secs,
            quantity,
        },
    )
}

fn node() -> impl Strategy<Value = Node> {
    (status(), vec(subscription_item(), 0..4), any::<bool>(), any::<bool>(), option::of(user()))
        .prop_map(|(status, mut items, cancel_at_period_end, collection_paused, user)| {
            items.sort();
            Node { status, items, cancel_at_period_end, collection_paused, user }
        })
}

fn before() -> impl Strategy<Value = fold::Before> {
    prop_oneof![
        Just(fold::Before::Created),
        Just(fold::Before::Unknown),
        node().prop_map(|node| fold::Before::Node(node.into())),
    ]
}

fn fact(at_secs: i64) -> impl Strategy<Value = Fact> {
    let id = (0..3_u8).prop_map(|n| SubscriptionId::new(&format!("sub ☂ {n}")).unwrap());
    let edge =
        (before(), node()).prop_map(move |(before, to)| Edge { at_secs, before, to: to.into() });
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

/// Customers and accounts, as they were read back.
#[derive(Default)]
pub(super) struct RoundTrip {
    customers: BTreeMap<CustomerId, Customer>,
    accounts: BTreeMap<UserId, Account>,
}

impl RoundTrip {
    pub(super) fn decide(&self, event: &Event, now: Timestamp) -> Option<Commit> {
        let known = self.customers.get(&event.customer);
        let customer = known.cloned().unwrap_or_else(|| Customer::new(event.customer.clone()));
        let account = |user: &UserId| self.accounts.get(user).cloned();
        match decide_with(event, false, &customer, account, &policy(), now) {
            Decision::Commit(commit) => Some(*commit),
            Decision::Duplicate | Decision::Load(_) | Decision::Park(_) => None,
        }
    }

    /// Writes a commit as items and reads them back.
    pub(super) fn commit(&mut self, commit: &Commit) {
        let entry = &commit.ledger;
        let row = item::ledger_item(entry).unwrap();
        assert_eq!(item::parse_ledger(row, &entry.event).unwrap(), *entry);
        if let Some(customer) = &commit.customer {
            let item = item::customer_item(customer).unwrap();
            let read = item::parse_customer(item, &customer.id).unwrap();
            assert_eq!(read, Customer { version: customer.version.next(), ..customer.clone() });
            self.customers.insert(read.id.clone(), read);
        }
        for account in &commit.accounts {
            let item = item::account_item(account, None, entry.processed_at).unwrap();
            let read = item::parse_account(item, &account.user).unwrap();
            assert_eq!(read, Account { version: account.version.next(), ..account.clone() });
            self.accounts.insert(read.user.clone(), read);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_commit_is_read_back_as_it_was_written(events in vec(event(), 1..24)) {
        let mut round_trip = RoundTrip::default();
        for (event, now) in events {
            let Some(mut commit) = round_trip.decide(&event, now) else { continue };
            let trace = Some("00-☂".to_owned());
            commit.context = Some(DeliveryContext { received_at: now, trace });
            for change in &commit.changes {
                let (change, context) = (change.clone(), commit.context.clone());
                let record = ChangeRecord { change, context };
                let read = serde_json::from_str::<ChangeRecord>(&change_json(&record)).unwrap();
                prop_assert_eq!(read, record);
            }
            round_trip.commit(&commit);
        }
    }
}
