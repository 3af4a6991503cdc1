//! Tests of `customer`: its parts merge in any order.

#[path = "owner_tests.rs"]
mod owners;

use super::*;
use crate::{
    fold::{Before, Edge},
    id::EventId,
    limits::{LOOKUP_KEYS_PER_PRICE_MAX, SUBSCRIPTIONS_FORGOTTEN_MAX},
    payment::{PaymentReport, PaymentState},
    purchase::Offer,
    stripe::event::Type,
    subscription::{Item, Node, Status},
};

/// One event: `10 meta ada`, `10 meta -`, `10 sub_1 ada`, `10 !sub_1 ada` (it ended), `10 checkout sub_1
/// ada`, `10 pay paid|pending|failed` (of `sub_1`), `10 buy pi_1 ada` (a plan), `10 book pi_1 ada` (none),
/// `10 deleted`, `10 features a,b`.
fn event(text: &str) -> Event {
    let words: Vec<&str> = text.split(' ').collect();
    let (at_secs, what) = (words[0].parse().unwrap(), words[1]);
    let word = words.last().copied().filter(|word| *word != "-");
    let user = || word.map(|word| UserId::new(word).unwrap());
    let paid = PaymentReport { at_secs, state: PaymentState::Paid };
    let (kind, fact) = match what {
        "meta" => (Type::CustomerUpdated, Fact::Customer { user: user() }),
        "deleted" => (Type::CustomerDeleted, Fact::CustomerDeleted),
        "checkout" => {
            let fact = Fact::Checkout { id: sub(words[2]), user: user(), report: paid };
            (Type::CheckoutCompleted, fact)
        }
        "pay" => {
            let state = serde_json::from_str(&format!("\"{}\"", words[2])).unwrap();
            let report = PaymentReport { at_secs, state };
            (Type::CheckoutCompleted, Fact::Checkout { id: sub("sub_1"), user: None, report })
        }
        "buy" | "book" => {
            let plan = (what == "buy").then(|| "pass".into());
            let offer = Offer { plan, payment_link: Some("plink_1".into()), items: Vec::new() };
            let (id, payment) = (PurchaseId::new(words[2]).unwrap(), None);
            let order = Order { id, payment, user: user(), report: paid, offer };
            (Type::CheckoutCompleted, Fact::Purchase(Box::new(order)))
        }
        "features" => {
            let names = words[2].split(',').map(Box::from).collect();
            let list = FeatureList { names, truncated: false };
            (Type::EntitlementsUpdated, Fact::Features(list))
        }
        id => {
            let ended = id.strip_prefix('!');
            let status = if ended.is_some() { Status::Canceled } else { Status::Active };
            let to = Node { status, user: user(), ..Node::default() };
            let edge = Edge { at_secs, before: Before::Created, to: to.into() };
            let id = sub(ended.unwrap_or(id));
            (Type::SubscriptionCreated, Fact::Subscription { id, edge })
        }
    };
    of(kind, at_secs, fact)
}

fn of(kind: Type, at_secs: i64, fact: Fact) -> Event {
    Event {
        id: EventId::new("evt_1").unwrap(),
        kind,
        created: Timestamp::from_secs(at_secs),
        livemode: false,
        customer: Some(CustomerId::new("cus_1").unwrap()),
        fact,
        observed: None,
    }
}

fn sub(id: &str) -> SubscriptionId {
    SubscriptionId::new(id).unwrap()
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn customer_after<'a>(events: impl IntoIterator<Item = &'a str>) -> Customer {
    let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
    for text in events {
        customer.apply(&event(text)).unwrap();
    }
    customer
}

/// Checks that the customer is the same after every rotation of the events, forwards and backwards.
fn check(events: &str) -> Customer {
    let events: Vec<&str> = events.split(", ").collect();
    let expected = customer_after(events.iter().copied());
    for start in 0..events.len() {
        let rotated: Vec<&str> = events[start..].iter().chain(&events[..start]).copied().collect();
        assert_eq!(customer_after(rotated.iter().copied()), expected, "{rotated:?}");
        assert_eq!(
            customer_after(rotated.iter().rev().copied()),
            expected,
            "{rotated:?} backwards"
        );
    }
    expected
}

#[test]
fn a_final_state_of_a_payment_beats_a_pending_one_and_the_later_of_two_counts() {
    for (events, state) in [
        ("10 pay pending", PaymentState::Pending),
        ("10 pay pending, 20 pay paid", PaymentState::Paid),
        ("10 pay pending, 20 pay failed", PaymentState::Failed),
        ("10 pay failed, 20 pay pending", PaymentState::Failed),
        ("10 pay failed, 20 pay paid", PaymentState::Paid),
        ("10 pay paid, 20 pay failed", PaymentState::Failed),
        ("10 pay paid, 10 pay failed", PaymentState::Paid),
        ("10 sub_1 ada, 20 pay paid, 30 pay pending", PaymentState::Paid),
    ] {
        let customer = check(events);
        assert_eq!(customer.subscriptions["sub_1"].payment.unwrap().state, state, "{events}");
    }
}

#[test]
fn a_repeat_is_stale_and_a_stored_customer_is_read_back() {
    let all = [
        "10 meta ada",
        "20 checkout sub_1 bob",
        "30 pay paid",
        "40 sub_1 ada",
        "45 buy pi_1 ada",
        "46 features a,b",
        "50 deleted",
    ];
    let mut customer = customer_after(all);
    let text = serde_json::to_string(&customer).unwrap();
    assert_eq!(serde_json::from_str::<Customer>(&text).unwrap(), customer);
    for again in [
        "10 meta ada",
        "9 meta eve",
        "20 checkout sub_1 bob",
        "30 pay paid",
        "45 buy pi_1 ada",
        "46 features b",
        "45 features c",
        "51 deleted",
    ] {
        assert_eq!(customer.apply(&event(again)), Ok(Arrival::Stale), "{again}");
    }
    assert_eq!(serde_json::to_string(&customer).unwrap(), text);
}

/// `sub_1` with `price_1` under a lookup key.
fn seen(at_secs: i64, key: Option<&str>, ends: i64) -> Event {
    let item = Item {
        price: Some("price_1".into()),
        lookup_key: key.map(Box::from),
        ends_at_secs: Some(ends),
        ..Item::default()
    };
    let to = Node { status: Status::Active, items: vec![item], ..Node::default() };
    let edge = Edge { at_secs, before: Before::Unknown, to: to.into() };
    of(Type::SubscriptionUpdated, at_secs, Fact::Subscription { id: sub("sub_1"), edge })
}

#[test]
fn a_report_is_news_if_any_part_of_it_is() {
    for (first, then) in [
        ("20 pay paid", "10 checkout sub_1 ada"),
        ("20 buy pi_1 -", "10 buy pi_1 ada"),
        ("20 book pi_1 -", "10 buy pi_1 -"),
    ] {
        let mut customer = customer_after([first]);
        assert_eq!(customer.apply(&event(then)), Ok(Arrival::Remembered), "{then}");
        check(&format!("{first}, {then}"));
    }
    let mut ended = customer_after(["20 !sub_1 ada"]);
    assert_eq!(ended.apply(&seen(10, Some("pro"), 100)), Ok(Arrival::Remembered));
    assert_eq!(ended.apply(&seen(10, Some("pro"), 100)), Ok(Arrival::Stale));
}

#[test]
fn a_price_keeps_every_lookup_key_that_it_had_and_the_first_period_is_the_earliest() {
    let events = [seen(10, Some("pro"), 100), seen(20, None, 200), seen(30, Some("max"), 300)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
        for index in order {
            customer.apply(&events[index]).unwrap();
        }
        let known = &customer.subscriptions["sub_1"];
        let item = &known.record.state().unwrap().node.items[0];
        assert_eq!(known.known_lookup_keys(item).collect::<Vec<_>>(), ["max", "pro"]);
        assert_eq!(known.first_period_ends_at_secs, Some(100));
        let other = Item { price: Some("price_2".into()), ..Item::default() };
        assert_eq!(known.known_lookup_keys(&other).count(), 0, "each price has its own");
    }
    let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
    for n in 0..=LOOKUP_KEYS_PER_PRICE_MAX {
        customer.apply(&seen(10, Some(&format!("key_{n}")), 100)).unwrap();
    }
    let known = &customer.subscriptions["sub_1"].lookup_keys["price_1"];
    assert_eq!(known.len(), LOOKUP_KEYS_PER_PRICE_MAX);
}

#[test]
fn the_latest_paid_invoice_counts_and_what_was_given_back_of_it() {
    let refunded = GivenBack { refunded: true, ..GivenBack::default() };
    let none = GivenBack::default();
    for (invoices, expected) in [
        (&[("in_1", 10, none)][..], none),
        (&[("in_1", 10, refunded)], refunded),
        (&[("in_1", 10, none), ("in_1", 10, refunded)], refunded),
        (&[("in_1", 10, refunded), ("in_1", 10, none)], none),
        (&[("in_1", 10, refunded), ("in_2", 20, none)], none),
        (&[("in_2", 20, none), ("in_1", 10, refunded)], none),
        (&[("in_1", 10, none), ("in_2", 10, refunded)], refunded),
        (&[("in_2", 10, refunded), ("in_1", 10, none)], refunded),
        (&[("in_2", 10, refunded), ("in_1", 20, none)], none),
    ] {
        let mut customer = customer_after(["10 sub_1 ada"]);
        for (id, created_secs, given_back) in invoices {
            let paid = Paid {
                created_secs: *created_secs,
                paid_secs: *created_secs,
                subscription: Some(sub("sub_1")),
            };
            let id = InvoiceId::new(id).unwrap();
            customer.pay(&id, &sub("sub_1"), &paid, *given_back).unwrap();
            let again = customer.pay(&id, &sub("sub_1"), &paid, *given_back);
            assert_eq!(again, Ok(Arrival::Stale));
        }
        assert_eq!(customer.subscriptions["sub_1"].given_back(), expected, "{invoices:?}");
    }
}

#[test]
fn an_earlier_invoice_that_is_paid_late_is_news() {
    let mut customer = customer_after(["10 sub_1 ada"]);
    for (id, created_secs, paid_secs) in [("in_2", 20, 20), ("in_1", 10, 30)] {
        let id = InvoiceId::new(id).unwrap();
        let paid = Paid { created_secs, paid_secs, subscription: Some(sub("sub_1")) };
        let arrival = customer.pay(&id, &sub("sub_1"), &paid, GivenBack::default());
        assert_eq!(arrival, Ok(Arrival::Remembered), "{id}");
    }
    assert_eq!(customer.subscriptions["sub_1"].paid_secs, Some(30));
}

#[test]
fn a_customer_has_its_limit_of_purchases() {
    let mut customer = customer_after([]);
    for n in 0..PURCHASES_MAX {
        customer.apply(&event(&format!("10 buy pi_{n} ada"))).unwrap();
    }
    let full = Err(Error::TooManyPurchases(customer.id.clone()));
    assert_eq!(customer.apply(&event("10 buy pi_more ada")), full);
    assert_eq!(customer.apply(&event("20 buy pi_7 ada")), Ok(Arrival::Remembered));
}

#[test]
fn the_oldest_purchase_that_is_no_plan_makes_room() {
    let is_plan = |offer: &Offer| offer.plan.is_some();
    let id = |id: &str| PurchaseId::new(id).unwrap();
    let books = ["30 book pi_a ada", "10 book pi_b ada", "20 book pi_c ada", "5 buy pi_d ada"];
    let mut customer = customer_after(books);
    for n in customer.purchases.len()..PURCHASES_MAX {
        customer.apply(&event(&format!("40 buy pi_{n} ada"))).unwrap();
    }
    customer.make_room_for(&id("pi_c"), is_plan);
    assert_eq!(customer.purchases.len(), PURCHASES_MAX, "a known one needs none");
    for oldest in ["pi_b", "pi_c", "pi_a"] {
        assert!(customer.purchases.contains_key(oldest), "{oldest}");
        customer.make_room_for(&id("pi_new"), is_plan);
        assert!(!customer.purchases.contains_key(oldest), "{oldest}");
        assert_eq!(customer.purchases.len(), PURCHASES_MAX - 1);
        customer.apply(&event(&format!("50 buy pi_for_{oldest} ada"))).unwrap();
    }
    customer.make_room_for(&id("pi_new"), is_plan);
    assert_eq!(customer.purchases.len(), PURCHASES_MAX, "plans stay");
}

#[test]
fn the_subscription_that_ended_first_makes_room() {
    let mut customer = customer_after(["20 !sub_a ada", "10 !sub_b ada"]);
    for n in customer.subscriptions.len()..=SUBSCRIPTIONS_MAX {
        customer.apply(&event(&format!("30 sub_{n} ada"))).unwrap();
    }
    let kept = ["sub_a", "sub_b"].map(|id| customer.subscriptions.contains_key(id));
    assert_eq!(kept, [true, false]);
}

#[test]
fn nothing_revives_a_subscription_that_ended_however_many_ended_after_it() {
    let mut customer = customer_after([]);
    let last = SUBSCRIPTIONS_MAX + SUBSCRIPTIONS_FORGOTTEN_MAX + 10;
    for n in 0..last {
        let at = 1_000 + n;
        assert_eq!(customer.apply(&event(&format!("{at} sub_{n} ada"))), Ok(Arrival::Remembered));
        customer.apply(&event(&format!("{at} !sub_{n} ada"))).unwrap();
    }
    let known = customer.clone();
    let may_be = Err(Error::MayBeForgotten(customer.id.clone()));
    for (n, arrival) in
        [(0, &may_be), (9, &may_be), (10, &Ok(Arrival::Stale)), (last - 1, &Ok(Arrival::Stale))]
    {
        let late = event(&format!("{} sub_{n} ada", 1_000 + n));
        assert_eq!(customer.apply(&late), *arrival, "{n}");
        let bought = customer.apply(&event(&format!("5000 checkout sub_{} ada", 10))).unwrap();
        assert_eq!(bought, Arrival::Stale);
        assert_eq!(customer, known, "{n}");
    }
    assert_eq!(customer.apply(&event("5000 sub_new ada")), Ok(Arrival::Remembered));
    let stored = serde_json::to_vec(&customer).unwrap();
    assert_eq!(serde_json::from_slice::<Customer>(&stored).unwrap().forgotten, customer.forgotten);
}

#[test]
fn a_subscription_that_nobody_began_to_pay_for_makes_room() {
    let mut customer = customer_after([]);
    let incomplete = |id: &str, at_secs| {
        let to = Node { status: Status::Incomplete, ..Node::default() };
        let edge = Edge { at_secs, before: Before::Created, to: to.into() };
        of(Type::SubscriptionCreated, at_secs, Fact::Subscription { id: sub(id), edge })
    };
    customer.apply(&incomplete("sub_late", 20)).unwrap();
    customer.apply(&incomplete("sub_early", 10)).unwrap();
    customer.apply(&incomplete("sub_bought", 5)).unwrap();
    customer.apply(&event("6 checkout sub_bought ada")).unwrap();
    for n in customer.subscriptions.len()..SUBSCRIPTIONS_MAX + 2 {
        customer.apply(&event(&format!("30 sub_{n} ada"))).unwrap();
    }
    let kept = ["sub_late", "sub_early", "sub_bought"];
    assert_eq!(kept.map(|id| customer.subscriptions.contains_key(id)), [false, false, true]);
    let full = Err(Error::TooManySubscriptions(customer.id.clone()));
    assert_eq!(customer.apply(&event("30 sub_more ada")), full);
    customer.apply(&event("40 !sub_3 ada")).unwrap();
    assert_eq!(customer.apply(&event("50 sub_late ada")), Ok(Arrival::Remembered), "it began");
}
