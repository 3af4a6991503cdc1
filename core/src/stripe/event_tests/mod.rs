//! Tests of `event`, and with it of `object` and `json`: what is read of a Stripe body, and that no body
//! causes a panic.

use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Value, json};

use super::*;
use crate::subscription::Node;

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

/// Parses a body as the pipeline does: ingest the head, the worker the whole.
fn parse(body: &[u8]) -> Result<Event, Error> {
    match Head::parse(body)? {
        Head::Wanted { id, kind, customer } => {
            let event = Event::parse(id, kind, body)?;
            assert_eq!(customer.as_ref(), Some(&event.customer), "head and event disagree");
            Ok(event)
        }
        Head::Ignored => panic!("ignored"),
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
    line += if node.collection_paused { " uncollected" } else { "" };
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
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_type_says_its_fact() {
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

    let checkout = |kind, patch: Value| {
        let object = json!({"id": "cs_1", "customer": "cus_1", "subscription": "sub_1",
                            "client_reference_id": "ada", "payment_status": "paid"});
        match event(kind, 7, &json!({"object": patched(object, patch)})).unwrap().fact {
            Fact::Checkout { user, payment } => {
                (user.map(|user| user.to_string()), payment.map(|(_, payment)| payment.state))
            }
            Fact::Subscription { .. } | Fact::Customer { .. } | Fact::CustomerDeleted => panic!(),
        }
    };
    let ada = || Some("ada".to_owned());
    for (kind, patch, expected) in [
        (Type::CheckoutCompleted, json!({}), (ada(), Some(PaymentState::Paid))),
        (
            Type::CheckoutCompleted,
            json!({"payment_status": "unpaid"}),
            (ada(), Some(PaymentState::Pending)),
        ),
        (
            Type::CheckoutCompleted,
            json!({"payment_status": "no_payment_required"}),
            (ada(), Some(PaymentState::Paid)),
        ),
        (Type::CheckoutAsyncSucceeded, json!({}), (ada(), Some(PaymentState::Paid))),
        (
            Type::CheckoutAsyncFailed,
            json!({"payment_status": "unpaid"}),
            (ada(), Some(PaymentState::Failed)),
        ),
        (Type::CheckoutCompleted, json!({"subscription": null}), (ada(), None)),
        (
            Type::CheckoutCompleted,
            json!({"subscription": {"id": "sub_1"}, "client_reference_id": null}),
            (None, Some(PaymentState::Paid)),
        ),
        (
            Type::CheckoutCompleted,
            json!({"client_reference_id": "", "subscription": null}),
            (None, None),
        ),
    ] {
        assert_eq!(checkout(kind, patch.clone()), expected, "{kind} {patch}");
    }

    for (kind, metadata, user) in [
        (Type::CustomerCreated, json!({"user_id": "ada"}), Some("ada")),
        (Type::CustomerUpdated, json!({"user_id": "ada", "more": "x"}), Some("ada")),
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
    assert_eq!(Type::ALL.len(), 11);
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
        (Type::CustomerUpdated, json!({"id": "a\tb"}), "control characters"),
    ] {
        let body = json!({"id": "evt_1", "type": kind.as_str(), "created": 7,
                          "data": {"object": patched(subscription(), patch)}});
        let body = body.to_string().into_bytes();
        assert!(matches!(Head::parse(&body), Ok(Head::Wanted { .. })), "it is accepted first");
        let id = EventId::new("evt_1").unwrap();
        let error = Event::parse(id, kind, &body).unwrap_err();
        assert_eq!(error.code(), crate::codes::Code::PayloadMalformed);
        assert!(error.to_string().contains(says), "{error}");
    }
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
        let got =
            Event::parse(EventId::new("evt_1").unwrap(), Type::CustomerUpdated, body.as_bytes());
        assert_eq!(got.is_ok(), ok, "created {created}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_head_needs_an_id_and_a_type_and_no_more() {
    #[derive(Debug, PartialEq)]
    enum Is {
        Of(&'static str),
        OfNobody,
        Ignored,
        Malformed,
    }
    let deep =
        |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let with =
        |kind: &str, rest: &str| format!(r#"{{"id":"evt_1","type":"{kind}"{rest}}}"#).into_bytes();
    let updated = |rest: &str| with("customer.subscription.updated", rest);
    let checkout = |rest: &str| with("checkout.session.completed", rest);
    let mut invalid_utf8 = updated(r#","data":{"object":{"name":"?","customer":"cus_1"}}"#);
    let at = invalid_utf8.iter().position(|byte| *byte == b'?').unwrap();
    invalid_utf8[at] = 0xff;
    let mut invalid_id = updated("");
    invalid_id[8] = 0xff;
    for (body, expected) in [
        (updated(r#","data":{"object":{"customer":"cus_1"}}"#), Is::Of("cus_1")),
        (updated(r#","data":{"object":{"customer":{"id":"cus_1"}}}"#), Is::Of("cus_1")),
        (updated(r#","data":{"object":{"customer":"cus\u005f1"}}"#), Is::Of("cus_1")),
        (with("customer.updated", r#","data":{"object":{"id":"cus_1"}}"#), Is::Of("cus_1")),
        (invalid_utf8, Is::Of("cus_1")),
        // Signed and malformed: accepted, and parked later with its cause.
        (updated(""), Is::OfNobody),
        (updated(r#","data":null"#), Is::OfNobody),
        (updated(r#","data":7"#), Is::OfNobody),
        (updated(r#","data":{"object":[]}"#), Is::OfNobody),
        (updated(r#","data":{"object":{"customer":7}}"#), Is::OfNobody),
        (updated(r#","data":{"object":{"customer":""}}"#), Is::OfNobody),
        (updated(r#","data":{"object":{"customer":"a","customer":"b"}}"#), Is::OfNobody),
        (updated(r#","data":{},"data":{}"#), Is::OfNobody),
        (checkout(r#","data":{"object":{"customer":7}}"#), Is::OfNobody),
        (checkout(r#","data":7"#), Is::OfNobody),
        // Events that cannot concern a role.
        (checkout(r#","data":{"object":{"customer":null}}"#), Is::Ignored),
        (checkout(r#","data":{"object":{}}"#), Is::Ignored),
        (with("invoice.paid", ""), Is::Ignored),
        (with("", r#","data":7"#), Is::Ignored),
        // Bodies that are not events.
        (Vec::new(), Is::Malformed),
        (b"\xef\xbb\xbf{\"id\":\"evt_1\",\"type\":\"invoice.paid\"}".to_vec(), Is::Malformed),
        (b"{}".to_vec(), Is::Malformed),
        (b"null".to_vec(), Is::Malformed),
        (br#"["evt_1","invoice.paid"]"#.to_vec(), Is::Malformed),
        (b"not json".to_vec(), Is::Malformed),
        (br#"{"id":"evt_1"}"#.to_vec(), Is::Malformed),
        (br#"{"type":"invoice.paid"}"#.to_vec(), Is::Malformed),
        (br#"{"id":7,"type":"invoice.paid"}"#.to_vec(), Is::Malformed),
        (br#"{"id":"","type":"invoice.paid"}"#.to_vec(), Is::Malformed),
        (br#"{"id":"evt\n1","type":"invoice.paid"}"#.to_vec(), Is::Malformed),
        (br#"{"id":"evt_1","id":"evt_2","type":"invoice.paid"}"#.to_vec(), Is::Malformed),
        (br#"{"id":"evt_1","type":"invoice.paid"} {}"#.to_vec(), Is::Malformed),
        (updated(","), Is::Malformed),
        (invalid_id, Is::Malformed),
        // Deep nesting uses no stack, wherever it is.
        (deep("[", "]").into_bytes(), Is::Malformed),
        (deep(r#"{"a":"#, "}").into_bytes(), Is::Malformed),
        (updated(&format!(r#","x":{}"#, deep("[", "]"))), Is::OfNobody),
        (
            updated(&format!(r#","data":{{"object":{{"customer":{}}}}}"#, deep("[", "]"))),
            Is::OfNobody,
        ),
        (updated(&format!(r#","data":{}"#, deep("[", "]"))), Is::OfNobody),
        (updated(&format!(r#","data":{}"#, "[".repeat(200_000))), Is::Malformed),
        // Numbers of every size in fields that are not used.
        (
            updated(&format!(r#","x":{},"y":-1e-99999,"created":1e999"#, "9".repeat(5_000))),
            Is::OfNobody,
        ),
    ] {
        let got = match Head::parse(&body) {
            Ok(Head::Wanted { customer: Some(id), .. }) if id.as_str() == "cus_1" => {
                Is::Of("cus_1")
            }
            Ok(Head::Wanted { customer: None, .. }) => Is::OfNobody,
            Ok(Head::Ignored) => Is::Ignored,
            Err(Error::Malformed(_)) => Is::Malformed,
            Ok(other) => panic!("{other:?}"),
        };
        let start = String::from_utf8_lossy(&body[..body.len().min(100)]);
        assert_eq!(got, expected, "{start}");
        for kind in Type::ALL {
            let _ = Event::parse(EventId::new("evt_1").unwrap(), *kind, &body);
        }
    }
}

/// Parses a body in every way: nothing panics, and head and event agree.
fn read(body: &[u8]) -> Option<(Option<CustomerId>, CustomerId)> {
    for kind in Type::ALL {
        let _ = Event::parse(EventId::new("evt_1").unwrap(), *kind, body);
    }
    match Head::parse(body).ok()? {
        Head::Ignored => None,
        Head::Wanted { id, kind, customer } => {
            Some((customer, Event::parse(id, kind, body).ok()?.customer))
        }
    }
}
