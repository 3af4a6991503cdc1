//! Tests of `event`, and with it of all that reads JSON: what is read of a Stripe body, and that no body
//! causes a panic.

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

use super::*;
use crate::{
    customer::FeatureList,
    id::{InvoiceId, PaymentId, UserId},
    payment::PaymentReport,
    reversal::Report,
    subscription::{Node, PauseBehavior},
};

mod billing;
mod checkout;
mod head;
mod odd;
mod updates;

const BODIES: [&str; 7] = [
    include_str!("../../../testdata/events/subscription_created_basil.json"),
    include_str!("../../../testdata/events/subscription_updated_basil.json"),
    include_str!("../../../testdata/events/subscription_updated_pre_basil.json"),
    include_str!("../../../testdata/events/subscription_deleted_basil.json"),
    include_str!("../../../testdata/events/checkout_session_completed.json"),
    include_str!("../../../testdata/events/customer_updated.json"),
    include_str!("../../../testdata/events/invoice_paid.json"),
];

/// Lays a patch over a value: objects merge, everything else (null, too) replaces.
fn patched(mut value: Value, patch: Value) -> Value {
    match (&mut value, patch) {
        (Value::Object(fields), Value::Object(patch)) => {
            for (key, patch) in patch {
                let old = fields.remove(&key).unwrap_or(Value::Null);
                fields.insert(key, patched(old, patch));
            }
            value
        }
        (_, patch) => patch,
    }
}

fn event(kind: Type, created: i64, data: &Value) -> Result<Event, Error> {
    let body = json!({"id": "evt_1", "object": "event", "type": kind.as_str(), "created": created,
                      "livemode": false, "data": data});
    parse(body.to_string().as_bytes())
}

/// The metadata keys of a host that configures none.
fn keys() -> [String; 2] {
    ["user_id", "userId"].map(str::to_owned)
}

/// Parses a body as the pipeline does: ingest the head, the worker the whole.
fn parse(body: &[u8]) -> Result<Event, Error> {
    match Head::parse(body, &[])? {
        Head::Wanted { id, kind, customer } => {
            let event = Event::parse(id, kind, body, &keys())?;
            assert!(agree(customer.as_ref(), &event), "{customer:?}: {event:?}");
            Ok(event)
        }
        Head::Ignored { reason } => panic!("ignored: {reason}"),
    }
}

/// Whether the customer of a head is that of its event. A guest's purchase has one of its own, and an
/// event that names a payment finds its customer on the way.
fn agree(head: Option<&CustomerId>, event: &Event) -> bool {
    match (head, &event.customer) {
        (Some(head), Some(customer)) => head == customer,
        (None, Some(customer)) => {
            matches!(&event.fact, Fact::Purchase(order) if order.id.as_str() == customer.as_str())
        }
        (_, None) => true,
    }
}

/// A node as a line: status, then items as `price[/product][/lookup]xQUANTITY@END`, then flags.
fn show(node: &Node) -> String {
    let mut line = node.status.as_str().to_owned();
    for item in &node.items {
        let name = |part: &Option<Box<str>>| part.as_deref().map(str::to_owned);
        let names: Vec<_> =
            [&item.price, &item.product, &item.lookup_key].into_iter().filter_map(name).collect();
        line = line + " " + &names.join("/");
        line += &item.quantity.map(|q| format!("x{q}")).unwrap_or_default();
        line += &item.ends_at_secs.map(|end| format!("@{end}")).unwrap_or_default();
    }
    line += if node.cancel_at_period_end { " cancels" } else { "" };
    line += match node.pause_collection {
        None => "",
        Some(PauseBehavior::KeepAsDraft) => " kept as drafts",
        Some(PauseBehavior::MarkUncollectible) => " uncollectible",
        Some(PauseBehavior::Void) => " voided",
        Some(PauseBehavior::Other) => " paused somehow",
    };
    line += if node.truncated { " and more" } else { "" };
    line += &node.cancel_at_secs.map(|at| format!(" until {at}")).unwrap_or_default();
    line += &node.trial_ends_at_secs.map(|at| format!(" trial {at}")).unwrap_or_default();
    line + &node.user.as_ref().map(|user| format!(" {user}")).unwrap_or_default()
}

/// An edge as `from -> to`.
fn show_edge(event: &Event) -> String {
    let Fact::Subscription { edge, .. } = &event.fact else { panic!("{event:?}") };
    let from = match &edge.before {
        Before::Created => "created".to_owned(),
        Before::Unknown => "unknown".to_owned(),
        Before::Node(node) => show(node),
    };
    format!("{from} -> {}", show(&edge.to))
}

/// A small subscription with one item, as of Basil.
fn subscription() -> Value {
    json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
           "cancel_at_period_end": false, "pause_collection": null, "metadata": {"user_id": "ada"},
           "items": {"data": [item("si_1", "a", 100)]}})
}

fn item(id: &str, price: &str, end: i64) -> Value {
    json!({"id": id, "price": {"id": price, "lookup_key": null}, "quantity": 1,
           "current_period_end": end})
}

fn items(items: &[Value]) -> Value {
    json!({"items": {"object": "list", "data": items}})
}

#[test]
fn each_type_of_subscription_event_says_its_edge() {
    let edge = |kind, previous: Value| {
        let data = json!({"object": subscription(), "previous_attributes": previous});
        show_edge(&event(kind, 7, &data).unwrap())
    };
    let changed = || json!({"status": "paused"});
    for (kind, previous, from) in [
        (Type::SubscriptionCreated, changed(), "created"),
        (Type::SubscriptionUpdated, changed(), "paused ax1@100 ada"),
        (Type::SubscriptionDeleted, changed(), "paused ax1@100 ada"),
        (Type::SubscriptionPaused, Value::Null, "unknown"),
        (Type::SubscriptionResumed, Value::Null, "unknown"),
        (Type::SubscriptionResumed, changed(), "paused ax1@100 ada"),
    ] {
        // `deleted` ends the subscription even if its object has another status.
        let to = if kind == Type::SubscriptionDeleted { "canceled" } else { "active" };
        assert_eq!(edge(kind, previous), format!("{from} -> {to} ax1@100 ada"), "{kind}");
    }
}

#[test]
fn a_customers_metadata_names_the_user_by_the_first_key_with_a_value() {
    for (kind, metadata, user) in [
        (Type::CustomerCreated, json!({"user_id": "ada"}), Some("ada")),
        (Type::CustomerUpdated, json!({"user_id": "ada", "more": "x"}), Some("ada")),
        (Type::CustomerUpdated, json!({"userId": "ada"}), Some("ada")),
        (Type::CustomerUpdated, json!({"userId": "bob", "user_id": "ada"}), Some("ada")),
        (Type::CustomerUpdated, json!({"user_id": "", "userId": "ada"}), Some("ada")),
        (Type::CustomerUpdated, json!({"user_id": null, "userId": "ada"}), Some("ada")),
        (Type::CustomerUpdated, json!({"colour": 7, "userId": "ada"}), Some("ada")),
        (Type::CustomerUpdated, json!({"user": "ada"}), None),
        (Type::CustomerUpdated, json!({}), None),
        (Type::CustomerUpdated, Value::Null, None),
    ] {
        let data = json!({"object": {"id": "cus_1", "metadata": metadata}});
        let fact = event(kind, 7, &data).unwrap().fact;
        assert_eq!(fact.user().map(UserId::as_str), user, "{data}");
        assert!(matches!(fact, Fact::Customer { .. }));
    }
    let data = json!({"object": {"id": "cus_1", "deleted": true}});
    assert_eq!(event(Type::CustomerDeleted, 7, &data).unwrap().fact, Fact::CustomerDeleted);
}

#[test]
fn every_type_has_its_name() {
    for kind in Type::ALL {
        assert_eq!(Type::parse(kind.as_str()), Some(*kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    assert_eq!(Type::ALL.len(), 25);
    for other in ["", "customer.subscription", "customer.subscription.trial_will_end", "*"] {
        assert_eq!(Type::parse(other), None);
    }
}

#[test]
fn a_body_that_lies_about_itself_is_malformed_and_says_where() {
    let long = "x".repeat(256);
    for (kind, patch, says) in [
        (Type::SubscriptionUpdated, json!({"status": 7}), "invalid type"),
        (Type::SubscriptionUpdated, json!({"id": ""}), "must not be empty"),
        (Type::SubscriptionUpdated, json!({"customer": null}), "data.object.customer"),
        (Type::SubscriptionUpdated, json!({"customer": [1]}), "data.object.customer"),
        (Type::SubscriptionUpdated, json!({"customer": long}), "at most 255 bytes"),
        (Type::SubscriptionUpdated, json!({"items": []}), "expected an object"),
        (Type::SubscriptionUpdated, json!({"quantity": -1}), "u64"),
        (Type::SubscriptionUpdated, json!({"current_period_end": 1.5}), "i64"),
        (Type::SubscriptionUpdated, json!({"metadata": {"user_id": "a\u{0}"}}), "user id"),
        (Type::CheckoutCompleted, json!({"client_reference_id": long}), "user id"),
        (Type::CheckoutCompleted, json!({"subscription": ""}), "subscription"),
        (Type::CheckoutCompleted, json!({"mode": "subscription"}), "data.object.subscription"),
        (
            Type::CheckoutCompleted,
            json!({"mode": "payment", "payment_intent": long}),
            "the purchase's id",
        ),
        (Type::InvoicePaid, json!({"amount_paid": 5, "customer": null}), "data.object.customer"),
        (Type::InvoicePaid, json!({"amount_paid": "5"}), "i64"),
        (Type::InvoicePaymentPaid, json!({}), "data.object.invoice"),
        (Type::ChargeRefunded, json!({"refunded": "yes"}), "bool"),
        (Type::RefundFailed, json!({"status": "failed"}), "no payment_intent and no charge"),
        (Type::DisputeCreated, json!({"charge": null}), "no payment_intent and no charge"),
        (Type::DisputeClosed, json!({"status": null, "charge": "ch_1"}), "invalid type"),
        (Type::EntitlementsUpdated, json!({}), "entitlements"),
        (
            Type::EntitlementsUpdated,
            json!({"entitlements": {"data": vec![json!({"lookup_key": "x"}); 257]}}),
            "257 entitlements",
        ),
        (Type::CustomerUpdated, json!({"id": "a\tb"}), "control characters"),
        (Type::CustomerUpdated, json!({"metadata": {"user_id": 7}}), "metadata.user_id"),
    ] {
        let body = json!({"id": "evt_1", "type": kind.as_str(), "created": 7,
                          "data": {"object": patched(subscription(), patch)}});
        let body = body.to_string().into_bytes();
        assert!(matches!(Head::parse(&body, &[]), Ok(Head::Wanted { .. })), "it is accepted first");
        let id = EventId::new("evt_1").unwrap();
        let error = Event::parse(id, kind, &body, &keys()).unwrap_err();
        assert_eq!(error.code(), crate::codes::Code::PayloadMalformed);
        assert!(error.to_string().contains(says), "{error}");
    }
    let id = EventId::new("evt_1").unwrap();
    for (created, ok) in [
        ("1", true),
        ("-9223372036854775808", true),
        ("9223372036854775807", true),
        ("9223372036854775808", false),
        ("1e3", false),
        ("\"1\"", false),
        ("null", false),
    ] {
        let body = format!(
            r#"{{"id":"evt_1","type":"customer.updated","created":{created},"data":{{"object":{{"id":"cus_1"}}}}}}"#
        );
        let got = Event::parse(id.clone(), Type::CustomerUpdated, body.as_bytes(), &keys());
        assert_eq!(got.is_ok(), ok, "created {created}");
    }
}

/// Parses a body in every way: nothing panics, and head and event agree.
fn read(body: &[u8]) -> Option<(Option<CustomerId>, Event)> {
    for kind in Type::ALL {
        let _ = Event::parse(EventId::new("evt_1").unwrap(), *kind, body, &keys());
    }
    match Head::parse(body, &[]).ok()? {
        Head::Ignored { .. } => None,
        Head::Wanted { id, kind, customer } => {
            Some((customer, Event::parse(id, kind, body, &keys()).ok()?))
        }
    }
}
