//! Items, transactions and their limits.

use tierlift_core::{
    account::Account,
    change::{ChangeRecord, DeliveryContext},
    codes::Code,
    decide::{Commit, assign},
    fold::{self, Edge},
    id::{CustomerId, EventId, InvoiceId, PaymentId, SubscriptionId, UserId, Version},
    ledger::EntryKind,
    limits::{ITEM_BYTES_MAX, PAYMENT_KEPT_DAYS, TRANSACTION_ITEMS_MAX},
    observation::{FetchDue, FetchReason},
    policy::Role,
    ports::StoreError,
    reversal::Report,
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

pub(super) const AT: Timestamp = Timestamp::from_secs(1_795_000_000);

/// Ada pays: a customer, an account, and a change of her role.
pub(super) fn upgrade(event: &str) -> Commit {
    let at = AT;
    let item = SubscriptionItem {
        price: Some("price_pro".into()),
        ends_at_secs: Some(at.plus_days(30).as_secs()),
        ..SubscriptionItem::default()
    };
    let user = Some(UserId::new("ada").unwrap());
    let to = Node { status: Status::Active, items: vec![item], user, ..Node::default() };
    let edge = Edge { at_secs: at.as_secs(), before: fold::Before::Created, to: to.into() };
    let fact = Fact::Subscription { id: SubscriptionId::new("sub_1").unwrap(), edge };
    let customer = Some(CustomerId::new("cus_1").unwrap());
    RoundTrip::default().decide(&happened(event, customer, fact), AT).unwrap()
}

/// A payment on an invoice is refunded before either is known: a payment and an invoice.
pub(super) fn refund(event: &str) -> Commit {
    let payment = PaymentId::new("pi_1").unwrap();
    let invoice = Some(InvoiceId::new("in_1").unwrap());
    let report = Report::Refunded { at_secs: AT.as_secs(), full: true };
    let fact = Fact::Reversal { payment, invoice, report };
    RoundTrip::default().decide(&happened(event, None, fact), AT).unwrap()
}

fn happened(event: &str, customer: Option<CustomerId>, fact: Fact) -> Event {
    let (id, kind) = (EventId::new(event).unwrap(), Type::SubscriptionCreated);
    Event { id, kind, created: AT, livemode: false, customer, fact, observed: None }
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
    let owner = row["owners"].as_l().unwrap()[0].as_m().unwrap();
    assert_eq!(item::text(owner, "to_role"), Some("bezahlt ☂"));
    assert_eq!(item::integer(&row, "ttl"), Some(AT.plus_days(90).as_secs()));
    let customer = item::customer_item(commit.customer.as_ref().unwrap()).unwrap();
    assert_eq!(attributes(&customer), ["id", "links", "pk", "shape", "subscriptions", "version"]);
    let account = item::account_item(&commit.accounts[0], None).unwrap();
    assert_eq!(item::text(&account, "role"), Some("bezahlt ☂"));
    assert_eq!(item::integer(&account, "shape"), Some(1));
    assert_eq!(item::integer(&account, "version"), Some(1));
}

/// Only an account with an expiry is in the expiry index, always in the same shard.
#[test]
fn an_account_is_in_the_expiry_index_while_it_has_an_expiry() {
    let mut account = upgrade("evt_1").accounts.remove(0);
    let index_entry = |account: &Account| {
        let item = item::account_item(account, None).unwrap();
        item::integer::<u8>(&item, "expiry_shard")
            .zip(item::integer::<i64>(&item, "next_expiry_at"))
    };
    assert_eq!(index_entry(&account), Some((13, AT.plus_days(33).as_secs())));
    account.next_expiry_at = None;
    assert_eq!(index_entry(&account), None);
    assert!(!item::account_item(&account, None).unwrap().contains_key("expiry_shard"));
}

/// Only what waits is in the waiting index, always in the same shard: payments behind the customers.
#[test]
fn a_customer_or_payment_is_in_the_waiting_index_while_it_waits() {
    let entry = |item: &Item| {
        (item::integer::<u8>(item, "waiting_shard"), item::integer::<i64>(item, "waiting_since"))
    };
    let mut payment = refund("evt_1").payments.remove(0);
    let mut customer = upgrade("evt_1").customer.unwrap();
    payment.waiting_since = None;
    assert_eq!(entry(&item::payment_item(&payment, AT).unwrap()), (None, None));
    assert_eq!(entry(&item::customer_item(&customer).unwrap()), (None, None));
    payment.waiting_since = Some(AT);
    customer.waiting_since = Some(AT);
    let waits = |shard| (Some(shard), Some(AT.as_micros()));
    assert_eq!(entry(&item::payment_item(&payment, AT).unwrap()), waits(16 + 10));
    assert_eq!(entry(&item::customer_item(&customer).unwrap()), waits(9));
}

/// A customer whom Stripe should be asked about is in the fetch index, in the shard of its id.
#[test]
fn a_customer_is_in_the_fetch_index_while_it_is_due() {
    let entry = |item: &Item| {
        let not_before = item::integer::<i64>(item, "fetch_not_before");
        (item::integer::<u8>(item, "fetch_shard"), not_before)
    };
    let mut customer = upgrade("evt_1").customer.unwrap();
    assert_eq!(entry(&item::customer_item(&customer).unwrap()), (None, None));
    let because = FetchReason::Ambiguous;
    customer.fetch_due = Some(FetchDue { not_before: AT.plus_secs(2), since: AT, because });
    let due = (Some(9), Some(AT.plus_secs(2).as_micros()));
    assert_eq!(entry(&item::customer_item(&customer).unwrap()), due);
}

/// They are kept for as long as a refund or dispute may come, counted from the latest write.
#[test]
fn a_payment_and_its_invoice_expire() {
    let commit = refund("evt_1");
    let later = AT.plus_days(5);
    let expires = Some(later.plus_days(PAYMENT_KEPT_DAYS).as_secs());
    let payment = item::payment_item(&commit.payments[0], later).unwrap();
    let invoice = item::invoice_item(&commit.invoices[0], later).unwrap();
    assert_eq!(item::integer::<i64>(&payment, "ttl"), expires);
    assert_eq!(item::integer::<i64>(&invoice, "ttl"), expires);
    assert_eq!(
        (item::text(&payment, "pk"), item::text(&invoice, "pk")),
        (Some("PAYMENT#pi_1"), Some("INVOICE#in_1"))
    );
}

/// The stream is filtered by the `change` attribute: a write without a change must not have it.
#[test]
fn only_a_write_with_a_change_has_a_change_record() {
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
        changed(|commit| commit.payments = refund("evt_1").payments),
        changed(|commit| commit.invoices = refund("evt_1").invoices),
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
    let mut commit = upgrade("evt_1");
    let set_size = |commit: &mut Commit, length: usize| {
        let customer = commit.customer.as_mut().unwrap();
        customer.subscriptions.clear();
        let mut record = fold::Record::default();
        let to = Node { status: Status::Other("x".repeat(length).into()), ..Node::default() };
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

/// Items stand in a fixed order, since DynamoDB gives the reasons of a refusal in the same.
#[test]
fn a_payment_or_invoice_above_the_limit_is_not_sent() {
    let mut commit = refund("evt_1");
    let kinds = |commit: &Commit| {
        let items = Transaction::new(commit, "table", 0).map(|transaction| transaction.items);
        items.map(|items| items.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>())
    };
    let expected = [ItemKind::Ledger, ItemKind::Payment, ItemKind::Invoice];
    assert_eq!(kinds(&commit).unwrap(), expected);
    let ids = |n: usize| PaymentId::new(&format!("{n:0>255}")).unwrap();
    commit.invoices[0].payments = (0..2_000).map(ids).collect();
    let refused = kinds(&commit).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Code::PaymentTooLarge)), "{refused:?}");
}

/// A customer can concern more users than a transaction can have items.
#[test]
fn a_commit_of_too_many_items_is_not_sent() {
    let mut commit = upgrade("evt_1");
    let account = commit.accounts[0].clone();
    commit.accounts = vec![account.clone(); TRANSACTION_ITEMS_MAX - 2];
    assert_eq!(Transaction::new(&commit, "table", 0).unwrap().puts.len(), TRANSACTION_ITEMS_MAX);
    commit.accounts.push(account);
    let refused = Transaction::new(&commit, "table", 0).unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge(Code::CustomerTooLarge)), "{refused:?}");
}

/// An operator's act is a commit like any other.
#[test]
fn an_assigned_role_is_read_back() {
    let account = Account::new(UserId::new("ada").unwrap(), &policy());
    let commit = assign(account, Some(Role::new("operator")), &policy(), AT).unwrap();
    RoundTrip::default().commit(&commit);
}
