//! Tests of `observation`: what each object says, and as of when.

use serde_json::{Value, json};

use super::*;
use crate::{
    fold,
    limits::WEBHOOK_BODY_BYTES_MAX,
    stripe::event::{Event, Fact},
};

const WINDOW: Window = Window { from_secs: 100, to_secs: 103 };
const OBSERVED: Observed = Observed { window: WINDOW, because: Because::Reconcile };

fn queued(object: &Value) -> Message {
    message(&object.to_string(), OBSERVED, true, Timestamp::from_secs(999)).unwrap()
}

fn observed(object: &Value) -> Result<Event, Error> {
    let message = queued(object);
    let keys = ["user_id".to_owned()];
    Event::parse(message.event, message.kind, &message.body, &keys)
}

fn fact(object: &Value) -> Fact {
    observed(object).unwrap().fact
}

fn with(mut object: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { panic!("{patch}") };
    object.as_object_mut().unwrap().extend(patch);
    object
}

fn subscription(patch: Value) -> Value {
    let item = json!({"id": "si_1", "price": {"id": "price_a"}, "quantity": 1,
                      "current_period_start": 60, "current_period_end": 200});
    let object = json!({"id": "sub_1", "object": "subscription", "customer": "cus_1",
        "status": "active", "created": 50, "metadata": {"user_id": "ada"},
        "items": {"object": "list", "data": [item], "has_more": false}});
    with(object, patch)
}

fn session(patch: Value) -> Value {
    let object = json!({"id": "cs_1", "object": "checkout.session", "mode": "payment",
        "status": "complete", "created": 80, "customer": "cus_1", "subscription": null,
        "payment_intent": "pi_1", "payment_status": "paid", "client_reference_id": "ada",
        "line_items": {"data": [{"id": "li_1", "price": {"id": "price_a"}, "quantity": 1}]}});
    with(object, patch)
}

fn charge(patch: Value) -> Value {
    with(json!({"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}), patch)
}

fn invoice(patch: Value) -> Value {
    let payment = |id: &str, status: &str| {
        json!({"object": "invoice_payment", "status": status,
            "payment": {"type": "payment_intent", "payment_intent": id}})
    };
    let object = json!({"id": "in_1", "object": "invoice", "customer": "cus_1", "created": 70,
        "status": "paid", "amount_paid": 900, "status_transitions": {"paid_at": 75},
        "parent": {"subscription_details": {"subscription": "sub_1"}},
        "payments": {"data": [payment("pi_2", "paid"), payment("pi_1", "paid"),
                              payment("pi_3", "canceled")]}});
    with(object, patch)
}

#[test]
fn a_message_has_the_answer_untouched_and_an_id_of_its_content() {
    let answer = r#"{ "id":"cus_1", "object" : "customer","metadata":{"user_id":"ad\u0061"} }"#;
    let message = message(answer, OBSERVED, false, Timestamp::from_secs(999)).unwrap();
    let body = std::str::from_utf8(&message.body).unwrap();
    assert!(body.contains(answer), "{body}");
    let parsed: Value = serde_json::from_str(body).unwrap();
    assert_eq!(parsed["id"], message.event.as_str());
    assert_eq!(parsed["object"], "tierlift.observation");
    assert_eq!(parsed["window"], json!({"from": 100, "to": 103}));
    assert_eq!((&parsed["because"], &parsed["livemode"]), (&json!("reconcile"), &json!(false)));
    assert_eq!((&*message.group.0, message.kind), ("cus_1", Type::Observation));
    assert_eq!(message.event.as_str().len(), "obs_".len() + 32);

    let id = |answer: &str, observed, livemode, received| {
        super::message(answer, observed, livemode, Timestamp::from_secs(received)).unwrap().event
    };
    let other = Window { from_secs: 101, ..WINDOW };
    assert_eq!(id(answer, OBSERVED, false, 5), message.event, "when it is queued says nothing");
    for other in [
        id(answer, OBSERVED, true, 999),
        id(answer, Observed { window: other, ..OBSERVED }, false, 999),
        id(answer, Observed { because: Because::Fetch, ..OBSERVED }, false, 999),
        id(&answer.replace("cus_1", "cus_2"), OBSERVED, false, 999),
    ] {
        assert_ne!(other, message.event);
    }
}

#[test]
fn a_message_is_in_the_group_of_its_customer() {
    let bare = json!({"id": "di_1", "object": "dispute", "payment_intent": "pi_1"});
    for (object, group) in [
        (subscription(json!({})), "cus_1"),
        (subscription(json!({"customer": null, "customer_account": "acct_1"})), "acct_1"),
        (session(json!({"customer": {"id": "cus_2", "object": "customer"}})), "cus_2"),
        (json!({"id": "cus_1", "object": "customer", "deleted": true}), "cus_1"),
        (charge(json!({"customer": "cus_1"})), "cus_1"),
    ] {
        assert_eq!(&*queued(&object).group.0, group, "{object}");
    }
    assert!(queued(&bare).group.0.starts_with("obs_"));
    assert!(queued(&session(json!({"customer": null}))).group.0.starts_with("obs_"));
}

#[test]
fn an_answer_that_is_no_object_or_too_large_is_no_message() {
    let large = "x".repeat(WEBHOOK_BODY_BYTES_MAX);
    let large = json!({"id": "cus_1", "object": "customer", "name": large}).to_string();
    for answer in ["", "[]", "7", r#"{"id":"cus_1"}"#, r#"{"object":"customer"} {}"#, &large] {
        let error = message(answer, OBSERVED, true, Timestamp::from_secs(1)).unwrap_err();
        assert!(matches!(error, Error::Malformed(_)), "{error:?}");
    }
}

#[test]
fn an_observation_says_when_and_why_it_was_made() {
    let event = observed(&subscription(json!({}))).unwrap();
    assert_eq!((event.kind, event.livemode), (Type::Observation, true));
    assert_eq!(event.created, Timestamp::from_secs(103), "the answer's own date");
    assert_eq!(event.as_of_secs(), 99, "an event of its window may be newer");
    assert_eq!(event.observed, Some(OBSERVED));
    assert_eq!(event.customer.unwrap().as_str(), "cus_1");
}

#[test]
fn a_subscription_is_in_its_status_since_a_time_that_it_shows_itself() {
    for (patch, status, since) in [
        (json!({}), "active", 50),
        (json!({"created": 102}), "active", 100),
        (json!({"created": null}), "active", 100),
        (json!({"status": "past_due"}), "past_due", 60),
        (json!({"status": "past_due", "items": {"data": []}}), "past_due", 50),
        (
            json!({"status": "past_due", "items": {"data": []}, "current_period_start": 65}),
            "past_due",
            65,
        ),
        (json!({"status": "canceled", "ended_at": 90}), "canceled", 90),
        (json!({"status": "canceled"}), "canceled", 100),
        (json!({"status": "incomplete_expired", "ended_at": 300}), "incomplete_expired", 100),
    ] {
        let Fact::SubscriptionObserved { id, observation } = fact(&subscription(patch)) else {
            panic!("no subscription")
        };
        let fold::Observation { window, since_secs, node } = observation;
        assert_eq!((id.as_str(), window), ("sub_1", WINDOW));
        assert_eq!((node.status.as_str(), since_secs), (status, since));
        assert_eq!(node.user.as_ref().unwrap().as_str(), "ada");
    }
}

/// What a payment's fact says, in short.
fn show(object: &Value) -> String {
    match fact(object) {
        Fact::Reversal { payment, invoice, report } => {
            let invoice = invoice.map_or("-".to_owned(), |id| id.to_string());
            format!("{payment} {invoice} {report:?}")
        }
        Fact::Invoice { id, paid, payments } => {
            let payments: Vec<_> = payments.iter().map(ToString::to_string).collect();
            let subscription = paid.subscription.map_or("-".to_owned(), |id| id.to_string());
            format!("{id} {subscription} paid {} {}", paid.paid_secs, payments.join(" "))
        }
        Fact::InvoicePayment { invoice, payment } => format!("{invoice} {payment}"),
        Fact::Purchase(order) => {
            let user = order.user.map_or("-".to_owned(), |user| user.to_string());
            format!("{} {user} {:?} {}", order.id, order.report.state, order.report.at_secs)
        }
        Fact::Checkout { id, user, report } => format!("{id} {user:?} {:?}", report.state),
        Fact::Unrelated => "unrelated".to_owned(),
        other @ (Fact::Subscription { .. }
        | Fact::SubscriptionObserved { .. }
        | Fact::Customer { .. }
        | Fact::CustomerDeleted
        | Fact::Features(_)) => panic!("{other:?}"),
    }
}

#[test]
fn a_session_counts_as_of_its_own_beginning_once_it_is_complete() {
    let subscribes = json!({"mode": "subscription", "subscription": "sub_1"});
    for (patch, expected) in [
        (json!({}), "pi_1 ada Paid 80"),
        (json!({"payment_status": "no_payment_required"}), "pi_1 ada Paid 80"),
        (json!({"payment_status": "unpaid"}), "pi_1 - Pending 80"),
        (json!({"created": 102}), "pi_1 ada Paid 99"),
        (json!({"status": "open"}), "unrelated"),
        (json!({"status": "expired"}), "unrelated"),
        (json!({"status": null, "payment_intent": null}), "cs_1 ada Paid 80"),
        (subscribes, "sub_1 Some(ada) Paid"),
        (json!({"mode": "setup"}), "unrelated"),
        (json!({"mode": "subscription", "status": "open"}), "unrelated"),
    ] {
        assert_eq!(show(&session(patch)), expected);
    }
    let Fact::Purchase(order) = fact(&session(json!({}))) else { panic!("no purchase") };
    assert_eq!(order.offer.items[0].price.as_deref(), Some("price_a"));
}

#[test]
fn what_was_paid_and_given_back_is_as_it_is_now() {
    let refund = |charge: Value| json!({"id": "re_1", "object": "refund", "status": "succeeded", "charge": charge});
    let intent =
        |charge: Value| json!({"id": "pi_1", "object": "payment_intent", "latest_charge": charge});
    let full = "pi_1 - Refunded { at_secs: 99, full: true }";
    let stands = "pi_1 - Refunded { at_secs: 99, full: false }";
    for (object, expected) in [
        (charge(json!({"refunded": true})), full),
        (charge(json!({"refunded": false})), stands),
        (
            charge(json!({"refunded": true, "invoice": "in_1"})),
            "pi_1 in_1 Refunded { at_secs: 99, full: true }",
        ),
        (refund(json!("ch_1")), "unrelated"),
        (refund(json!(null)), "unrelated"),
        (refund(charge(json!({"refunded": true}))), full),
        (with(refund(charge(json!({"refunded": false}))), json!({"status": "failed"})), stands),
        (intent(json!("ch_1")), "unrelated"),
        (intent(charge(json!({"refunded": false}))), stands),
        (
            json!({"id": "du_1", "object": "dispute", "payment_intent": "pi_1", "status": "lost"}),
            r#"pi_1 - Disputed { dispute: "du_1", at_secs: 99, status: Lost }"#,
        ),
        (invoice(json!({})), "in_1 sub_1 paid 75 pi_1 pi_2"),
        (invoice(json!({"payments": null})), "in_1 sub_1 paid 75 "),
        (invoice(json!({"status_transitions": null})), "in_1 sub_1 paid 70 pi_1 pi_2"),
        (invoice(json!({"payments": null, "payment_intent": "pi_9"})), "in_1 sub_1 paid 75 pi_9"),
        (invoice(json!({"status": "open"})), "unrelated"),
        (invoice(json!({"amount_paid": 0})), "unrelated"),
        (
            json!({"id": "inpay_1", "object": "invoice_payment", "status": "paid",
                "invoice": "in_1", "payment": {"payment_intent": "pi_1"}}),
            "in_1 pi_1",
        ),
        (
            json!({"id": "inpay_1", "object": "invoice_payment", "status": "open",
                "invoice": "in_1", "payment": {"payment_intent": "pi_1"}}),
            "unrelated",
        ),
    ] {
        assert_eq!(show(&object), expected, "{object}");
    }
}

#[test]
fn a_customer_is_as_it_is_or_deleted() {
    let named = json!({"id": "cus_1", "object": "customer", "metadata": {"user_id": "ada"}});
    assert_eq!(fact(&named).user().unwrap().as_str(), "ada");
    let deleted = json!({"id": "cus_1", "object": "customer", "deleted": true});
    assert_eq!(fact(&deleted), Fact::CustomerDeleted);
    let features = json!({"object": "entitlements.active_entitlement_summary",
        "customer": "cus_1", "entitlements": {"data": [{"lookup_key": "cad"}], "has_more": false}});
    assert!(matches!(fact(&features), Fact::Features(list) if list.names.contains("cad")));
}

#[test]
fn what_cannot_be_read_is_malformed_and_says_where() {
    for (object, says) in [
        (json!({"id": "prod_1", "object": "product"}), "data.object.object"),
        (subscription(json!({"status": 7})), "invalid type"),
        (subscription(json!({"customer": null})), "data.object.customer"),
        (subscription(json!({"id": ""})), "data.object.id"),
        (subscription(json!({"created": "1"})), "i64"),
        (subscription(json!({"items": []})), "expected an object"),
        (session(json!({"created": null})), "i64"),
        (session(json!({"mode": "subscription"})), "data.object.subscription"),
        (charge(json!({})), "refunded: absent"),
        (charge(json!({"refunded": "yes"})), "bool"),
        (
            json!({"id": "re_1", "object": "refund", "charge": charge(json!({"refunded": 1}))}),
            "bool",
        ),
        (json!({"id": "re_1", "object": "refund", "charge": [1]}), "an expanded object"),
        (json!({"id": "cus_1", "object": "customer", "deleted": "yes"}), "bool"),
        (invoice(json!({"payments": []})), "an object"),
        (invoice(json!({"customer": null})), "data.object.customer"),
    ] {
        let message = super::message(&object.to_string(), OBSERVED, true, Timestamp::from_secs(9));
        let error = message.and_then(|message| {
            Event::parse(message.event, message.kind, &message.body, &["user_id".to_owned()])
        });
        let error = error.unwrap_err();
        assert!(error.to_string().contains(says), "{object}: {error}");
    }
    let body = queued(&subscription(json!({})));
    let body = String::from_utf8(body.body.to_vec()).unwrap();
    for (from, to) in [
        (r#""to":103"#, r#""to":99"#),
        (r#""to":103"#, r#""to":"103""#),
        (r#""window":{"from":100,"to":103}"#, r#""window":[100,103]"#),
        (r#""reconcile""#, r#""boredom""#),
        (r#""livemode":true"#, r#""livemode":null"#),
        (r#""data":{"#, r#""data":[],"more":{"#),
    ] {
        let damaged = body.replace(from, to);
        assert_ne!(damaged, body);
        let id = EventId::new("obs_1").unwrap();
        let refused = Event::parse(id, Type::Observation, damaged.as_bytes(), &[]);
        assert!(matches!(refused, Err(Error::Malformed(_))), "{to}: {refused:?}");
    }
}
