//! Every commit is read back as it was written: customers, payments, invoices, accounts and ledger rows of
//! random histories, with all numbers that their types allow and texts in several scripts.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_set, vec},
    option,
    prelude::*,
};
use tierlift_core::{
    account::Account,
    change::{ChangeRecord, DeliveryContext},
    customer::{Customer, FeatureList},
    decide::{Commit, Decision, LoadKeys, Loaded},
    fold::{self, Edge},
    id::{CustomerId, EventId, InvoiceId, PaymentId, PurchaseId, SubscriptionId, UserId, Version},
    invoice::{Invoice, Paid},
    limits::ID_BYTES_MAX,
    model::decide_with,
    observation::Window,
    payment::{Payment, PaymentReport, PaymentState},
    policy::{Access, OnDispute, OnReversal, PlanConfig, Policy, PolicyConfig, UnmappedPrice},
    purchase::{Offer, Order},
    reversal::{DisputeStatus, Report},
    stripe::event::{Event, Fact, Type},
    subscription::{Item as SubscriptionItem, Node, PauseBehavior, Status},
    time::Timestamp,
};

use super::{commit::change_json, item};

pub(super) fn policy() -> Policy {
    let reversal = OnReversal { refund: Access::Revoke, dispute: OnDispute::Revoke };
    Policy::new(PolicyConfig {
        roles: ["free", "bezahlt ☂"].map(str::to_owned).to_vec(),
        plans: vec![
            PlanConfig::new("price_pro", "bezahlt ☂"),
            PlanConfig { days: Some(30), ..PlanConfig::new("pass", "bezahlt ☂") },
        ],
        features: vec![("bezahlt ☂".to_owned(), vec!["export é".to_owned()])],
        unmapped_price: UnmappedPrice::Ignore,
        subscription_reversal: reversal,
        purchase_reversal: reversal,
        ..PolicyConfig::default()
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
    let ids = (option::of(".{0,6}"), price_key(), price_key(), price_key());
    (ids, option::of(secs()), option::of(any::<u64>())).prop_map(
        |((id, price, product, lookup_key), ends_at_secs, quantity)| SubscriptionItem {
            id: id.map(String::into_boxed_str),
            price,
            product,
            lookup_key,
            ends_at_secs,
            quantity,
        },
    )
}

fn pause() -> impl Strategy<Value = Option<PauseBehavior>> {
    option::of(prop_oneof![Just(PauseBehavior::Void), Just(PauseBehavior::Other)])
}

fn node() -> impl Strategy<Value = Node> {
    let flags = (any::<bool>(), any::<bool>(), pause());
    let times = (option::of(secs()), option::of(secs()));
    (status(), vec(subscription_item(), 0..4), flags, times, option::of(user())).prop_map(
        |(status, mut items, (truncated, cancel_at_period_end, pause_collection), times, user)| {
            items.sort();
            let (cancel_at_secs, trial_ends_at_secs) = times;
            Node {
                status,
                items,
                truncated,
                cancel_at_period_end,
                cancel_at_secs,
                trial_ends_at_secs,
                pause_collection,
                user,
            }
        },
    )
}

fn before() -> impl Strategy<Value = fold::Before> {
    prop_oneof![
        Just(fold::Before::Created),
        Just(fold::Before::Unknown),
        node().prop_map(|node| fold::Before::Node(node.into())),
    ]
}

fn report(at_secs: i64) -> impl Strategy<Value = PaymentReport> {
    prop_oneof![
        Just(PaymentState::Pending),
        Just(PaymentState::Failed),
        Just(PaymentState::Paid),
        Just(PaymentState::Paid),
    ]
    .prop_map(move |state| PaymentReport { at_secs, state })
}

fn subscription_id() -> impl Strategy<Value = SubscriptionId> {
    (0..3_u8).prop_map(|n| SubscriptionId::new(&format!("sub ☂ {n}")).unwrap())
}

/// Payments and invoices are of one customer each.
fn payment_id(customer: u8) -> impl Strategy<Value = PaymentId> {
    (0..4_u8).prop_map(move |n| PaymentId::new(&format!("pi é{customer}.{n}")).unwrap())
}

fn invoice_id(customer: u8) -> impl Strategy<Value = InvoiceId> {
    (0..3_u8).prop_map(move |n| InvoiceId::new(&format!("in ☂{customer}.{n}")).unwrap())
}

fn order(customer: u8, at_secs: i64) -> impl Strategy<Value = Order> {
    let plan = option::of(prop_oneof![Just("pass"), Just("price_pro")].prop_map(Box::from));
    let offer = (plan, price_key(), vec(subscription_item(), 0..3))
        .prop_map(|(plan, payment_link, items)| Offer { plan, payment_link, items });
    (0..3_u8, option::of(payment_id(customer)), option::of(user()), report(at_secs), offer)
        .prop_map(|(id, payment, user, report, offer)| {
            let id = PurchaseId::new(&format!("cs é{id}")).unwrap();
            Order { id, payment, user, report, offer }
        })
}

fn reversal(at_secs: i64) -> impl Strategy<Value = Report> {
    let dispute = (0..3_u8, ["won", "lost", "needs_response", "warning_closed"].as_slice());
    let dispute = (dispute.0, proptest::sample::select(dispute.1)).prop_map(move |(n, status)| {
        let dispute = format!("du ☂{n}").into();
        Report::Disputed { dispute, at_secs, status: DisputeStatus::parse(status) }
    });
    let refund = any::<bool>().prop_map(move |full| Report::Refunded { at_secs, full });
    prop_oneof![refund, dispute]
}

fn fact(customer: u8, at_secs: i64) -> impl Strategy<Value = Fact> {
    let edge =
        (before(), node()).prop_map(move |(before, to)| Edge { at_secs, before, to: to.into() });
    let features = (btree_set(".{0,8}".prop_map(String::into_boxed_str), 0..4), any::<bool>())
        .prop_map(|(names, truncated)| FeatureList { names, truncated });
    let paid = (secs(), secs(), option::of(subscription_id())).prop_map(
        |(created_secs, paid_secs, subscription)| Paid { created_secs, paid_secs, subscription },
    );
    prop_oneof![
        6 => (subscription_id(), edge).prop_map(|(id, edge)| Fact::Subscription { id, edge }),
        3 => (subscription_id(), node(), secs(), 0..9_i64).prop_map(move |(id, node, since, wide)| {
            let window = Window { from_secs: at_secs, to_secs: at_secs.saturating_add(wide) };
            let since_secs = since.min(at_secs);
            let observation = fold::Observation { window, since_secs, node: node.into() };
            Fact::SubscriptionObserved { id, observation }
        }),
        2 => (subscription_id(), option::of(user()), report(at_secs))
            .prop_map(|(id, user, report)| Fact::Checkout { id, user, report }),
        3 => order(customer, at_secs).prop_map(|order| Fact::Purchase(order.into())),
        2 => option::of(user()).prop_map(|user| Fact::Customer { user }),
        1 => Just(Fact::CustomerDeleted),
        2 => features.prop_map(Fact::Features),
        3 => (invoice_id(customer), paid, vec(payment_id(customer), 0..3))
            .prop_map(|(id, paid, payments)| Fact::Invoice { id, paid, payments }),
        3 => (invoice_id(customer), payment_id(customer))
            .prop_map(|(invoice, payment)| Fact::InvoicePayment { invoice, payment }),
        4 => (payment_id(customer), option::of(invoice_id(customer)), reversal(at_secs))
            .prop_map(|(payment, invoice, report)| Fact::Reversal { payment, invoice, report }),
    ]
}

pub(super) fn event() -> impl Strategy<Value = (Event, Timestamp)> {
    (0..2_u8, secs(), any::<i64>(), any::<u64>()).prop_flat_map(|(customer, created, now, id)| {
        fact(customer, created).prop_map(move |fact| {
            let names_a_customer =
                !matches!(fact, Fact::InvoicePayment { .. } | Fact::Reversal { .. });
            let customer = CustomerId::new(&format!("cus é{customer}")).unwrap();
            let event = Event {
                id: EventId::new(&format!("evt_☂_{id}")).unwrap(),
                kind: Type::SubscriptionUpdated,
                created: Timestamp::from_secs(created),
                livemode: false,
                customer: names_a_customer.then_some(customer),
                fact,
                observed: None,
            };
            (event, Timestamp::from_micros(now))
        })
    })
}

/// What was read back, with the version that was written.
#[derive(Default)]
pub(super) struct RoundTrip {
    customers: BTreeMap<CustomerId, Customer>,
    payments: BTreeMap<PaymentId, Payment>,
    invoices: BTreeMap<InvoiceId, Invoice>,
    accounts: BTreeMap<UserId, Account>,
}

impl RoundTrip {
    pub(super) fn decide(&self, event: &Event, now: Timestamp) -> Option<Commit> {
        match decide_with(event, |keys| self.load(keys), &policy(), now) {
            Decision::Commit(commit) => Some(*commit),
            Decision::Duplicate | Decision::Load(_) | Decision::Park(_) => None,
        }
    }

    fn load(&self, keys: &LoadKeys) -> Loaded {
        let customer = keys
            .customer
            .as_ref()
            .map(|id| self.customers.get(id).cloned().unwrap_or_else(|| Customer::new(id.clone())));
        let payment =
            |id: &PaymentId| self.payments.get(id).cloned().unwrap_or(Payment::new(id.clone()));
        let invoice =
            |id: &InvoiceId| self.invoices.get(id).cloned().unwrap_or(Invoice::new(id.clone()));
        let owner = customer.as_ref().and_then(Customer::sole_user);
        let users = keys.users.iter().cloned().chain(owner);
        Loaded {
            processed: false,
            customer,
            payments: keys.payments.iter().map(|id| (id.clone(), payment(id))).collect(),
            invoices: keys.invoices.iter().map(|id| (id.clone(), invoice(id))).collect(),
            accounts: users.map(|user| (user.clone(), self.accounts.get(&user).cloned())).collect(),
        }
    }

    /// Writes a commit as items and reads them back.
    pub(super) fn commit(&mut self, commit: &Commit) {
        let entry = &commit.ledger;
        let now = entry.processed_at;
        let row = item::ledger_item(entry).unwrap();
        assert_eq!(item::parse_ledger(row, &entry.event).unwrap(), *entry);
        if let Some(customer) = &commit.customer {
            let read = read_back(customer, customer.version, item::customer_item(customer));
            self.customers.insert(read.id.clone(), read);
        }
        for payment in &commit.payments {
            let read = read_back(payment, payment.version, item::payment_item(payment, now));
            self.payments.insert(read.id.clone(), read);
        }
        for invoice in &commit.invoices {
            let read = read_back(invoice, invoice.version, item::invoice_item(invoice, now));
            self.invoices.insert(read.id.clone(), read);
        }
        for account in &commit.accounts {
            let read = read_back(account, account.version, item::account_item(account, None));
            self.accounts.insert(read.user.clone(), read);
        }
    }
}

/// What is read from the item that was written for an aggregate of that version.
fn read_back<T>(written: &T, version: Version, item: Result<item::Item, item::Error>) -> T
where
    T: item::Aggregate + Clone + PartialEq + std::fmt::Debug,
{
    let item = item.unwrap();
    let read: T = item::parse_aggregate(item.clone(), written.id()).unwrap();
    let mut expected = written.clone();
    expected.set_version(version.next());
    assert_eq!(read, expected);
    assert_eq!(item::parse_found::<T>(item).unwrap(), expected);
    read
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
