//! Tests of `customer`: which user it belongs to, and that its parts merge in any order.

use super::*;
use crate::{
    fold::Before,
    id::EventId,
    stripe::event::Type,
    subscription::{Node, Status},
    time::Timestamp,
};

/// One event: `10 meta ada`, `10 meta -`, `10 checkout ada`, `10 sub_1 ada`, `10 !sub_1 ada`,
/// `10 pay paid|pending|failed`, `10 deleted`.
fn event(text: &str) -> Event {
    let mut words = text.split(' ');
    let (at_secs, what) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
    let word = words.next().unwrap_or("-");
    let user = (word != "-").then(|| UserId::new(word).unwrap());
    let (kind, fact) = match what {
        "meta" => (Type::CustomerUpdated, Fact::Customer { user }),
        "deleted" => (Type::CustomerDeleted, Fact::CustomerDeleted),
        "checkout" => (Type::CheckoutCompleted, Fact::Checkout { user, payment: None }),
        "pay" => {
            let state = serde_json::from_str(&format!("\"{word}\"")).unwrap();
            let payment = Some((sub("sub_1"), Payment { at_secs, state }));
            (Type::CheckoutCompleted, Fact::Checkout { user: None, payment })
        }
        id => {
            let ended = id.strip_prefix('!');
            let status = if ended.is_some() { Status::Canceled } else { Status::Active };
            let to = Node {
                status,
                items: vec![],
                cancel_at_period_end: false,
                collection_paused: false,
                user,
            };
            let edge = Edge { at_secs, before: Before::Created, to: to.into() };
            let id = sub(ended.unwrap_or(id));
            (Type::SubscriptionCreated, Fact::Subscription { id, edge })
        }
    };
    Event {
        id: EventId::new("evt_1").unwrap(),
        kind,
        created: Timestamp::from_secs(at_secs),
        livemode: false,
        customer: CustomerId::new("cus_1").unwrap(),
        fact,
    }
}

fn sub(id: &str) -> SubscriptionId {
    SubscriptionId::new(id).unwrap()
}

fn told<'a>(events: impl IntoIterator<Item = &'a str>) -> Customer {
    let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
    for text in events {
        customer.apply(&event(text)).unwrap();
    }
    customer
}

/// Checks that the customer is the same in order, backwards and in every rotation, and that repeated events
/// are stale.
fn check(events: &str) -> Customer {
    let events: Vec<&str> = events.split(", ").collect();
    let expected = told(events.iter().copied());
    for start in 0..events.len() {
        let rotated: Vec<&str> = events[start..].iter().chain(&events[..start]).copied().collect();
        assert_eq!(told(rotated.iter().copied()), expected, "{rotated:?}");
        assert_eq!(told(rotated.iter().rev().copied()), expected, "{rotated:?} backwards");
    }
    expected
}

#[test]
fn a_customer_belongs_to_the_latest_word_of_the_best_source() {
    for (events, user) in [
        ("10 deleted", None),
        ("10 meta ada", Some("ada")),
        ("10 meta -", None),
        ("10 meta ada, 20 meta bob", Some("bob")),
        ("10 meta ada, 20 meta -", None),
        ("10 meta ada, 10 meta -", Some("ada")),
        ("10 meta ada, 10 meta bob", Some("bob")),
        ("10 sub_1 ada, 20 meta bob", Some("ada")),
        ("10 sub_1 -, 20 meta bob", Some("bob")),
        ("10 sub_1 ada, 20 sub_2 bob", Some("bob")),
        ("10 sub_1 ada, 10 sub_2 bob", Some("bob")),
        ("10 sub_1 ada, 20 sub_2 bob, 30 !sub_2 bob", Some("ada")),
        ("10 !sub_1 ada, 20 !sub_2 bob", Some("bob")),
        ("10 sub_1 ada, 20 sub_2 -", Some("ada")),
        ("10 checkout ada, 20 meta bob, 30 sub_1 bob", Some("ada")),
        ("10 checkout ada, 20 checkout bob", Some("bob")),
        ("10 checkout ada, 20 checkout -", Some("ada")),
        ("10 checkout ada, 20 deleted", Some("ada")),
    ] {
        let mut customer = check(events);
        assert_eq!(customer.user().as_ref().map(UserId::as_str), user, "{events}");
        customer.links.manual = Some(UserId::new("eve").unwrap());
        assert_eq!(customer.user().unwrap().as_str(), "eve", "a link by hand beats {events}");
    }
}

#[test]
fn a_decision_on_a_payment_beats_waiting_and_the_later_of_two_counts() {
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
fn what_is_said_again_is_stale_and_what_is_stored_is_read_again() {
    let all = ["10 meta ada", "20 checkout bob", "30 pay paid", "40 sub_1 ada", "50 deleted"];
    let mut customer = told(all);
    let text = serde_json::to_string(&customer).unwrap();
    assert_eq!(serde_json::from_str::<Customer>(&text).unwrap(), customer);
    for again in ["10 meta ada", "9 meta eve", "20 checkout bob", "30 pay paid", "51 deleted"] {
        assert_eq!(customer.apply(&event(again)), Ok(Arrival::Stale), "{again}");
    }
    assert_eq!(serde_json::to_string(&customer).unwrap(), text);
}
