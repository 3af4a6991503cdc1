//! What ingest reads of a body: whether it is wanted, and whose it is.

use super::*;
use crate::stripe::catalog;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_head_needs_an_id_and_a_type_and_no_more() {
    #[derive(Debug, PartialEq)]
    enum Is {
        Of(&'static str),
        OfNobody,
        Ignored(&'static str),
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
        (checkout(r#","data":{"object":{"customer":null}}"#), Is::OfNobody),
        (checkout(r#","data":{"object":{}}"#), Is::OfNobody),
        (with("invoice.paid", ""), Is::OfNobody),
        // Events that cannot concern a role.
        (with("invoice.created", ""), Is::Ignored("invoicing")),
        (with("", r#","data":7"#), Is::Ignored("unknown")),
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
        let got = match Head::parse(&body, &[]) {
            Ok(Head::Wanted { customer: Some(id), .. }) if id.as_str() == "cus_1" => {
                Is::Of("cus_1")
            }
            Ok(Head::Wanted { customer: None, .. }) => Is::OfNobody,
            Ok(Head::Ignored { reason }) => Is::Ignored(reason),
            Err(Error::Malformed(_) | Error::Thin) => Is::Malformed,
            Ok(other) => panic!("{other:?}"),
        };
        let start = String::from_utf8_lossy(&body[..body.len().min(100)]);
        assert_eq!(got, expected, "{start}");
        for kind in Type::ALL {
            let _ = Event::parse(EventId::new("evt_1").unwrap(), *kind, &body, &keys());
        }
    }
}

/// A head in short: the type and the customer, or the reason for ignoring it.
fn show(body: &Value, connected_accounts: &[&str]) -> String {
    let accounts: Vec<String> = connected_accounts.iter().map(|id| (*id).to_owned()).collect();
    match Head::parse(body.to_string().as_bytes(), &accounts).unwrap() {
        Head::Ignored { reason } => format!("ignored: {reason}"),
        Head::Wanted { kind, customer, .. } => {
            let customer = customer.map_or("-".to_owned(), |id| id.to_string());
            format!("{kind} {customer}")
        }
    }
}

fn body(kind: &str, object: &Value) -> Value {
    json!({"id": "evt_1", "object": "event", "type": kind, "created": 7, "data": {"object": object}})
}

#[test]
fn events_of_a_connected_account_count_only_if_it_is_listed() {
    let of = |field: &str, account: &Value| {
        let object = json!({"id": "sub_1", "customer": "cus_1"});
        patched(body("customer.subscription.updated", &object), json!({ field: account }))
    };
    let (ours, ignored) = ("customer.subscription.updated cus_1", "ignored: connected_account");
    for (account, listed, expected) in [
        (Value::Null, &[][..], ours),
        (Value::Null, &["acct_a"], ours),
        (json!("acct_a"), &[], ignored),
        (json!("acct_a"), &["acct_b"], ignored),
        (json!("acct_a"), &["acct_b", "acct_a"], ours),
        (json!({"id": "acct_a"}), &["acct_a"], ours),
        (json!(""), &["acct_a"], ignored),
        (json!(7), &["acct_a"], ignored),
        (json!([]), &["acct_a"], ignored),
    ] {
        // Events before 2017-05-25 call it `user_id`.
        for field in ["account", "user_id"] {
            assert_eq!(
                show(&of(field, &account), listed),
                expected,
                "{field} {account} {listed:?}"
            );
        }
    }
    let both = patched(of("account", &json!("acct_a")), json!({"user_id": "acct_b"}));
    assert_eq!(show(&both, &["acct_a"]), ignored);
    assert_eq!(show(&both, &["acct_a", "acct_b"]), ours);
    // A body whose `data` cannot be read is still that of a connected account.
    for field in ["account", "user_id"] {
        let odd = json!({"id": "evt_1", "type": "customer.updated", field: "acct_a", "data": 7});
        assert_eq!(show(&odd, &[]), ignored);
        assert_eq!(show(&odd, &["acct_a"]), "customer.updated -");
    }
}

#[test]
fn a_session_that_only_saves_a_card_is_ignored() {
    for (mode, expected) in [
        ("setup", "ignored: checkout_mode"),
        ("payment", "checkout.session.completed cus_1"),
        ("subscription", "checkout.session.completed cus_1"),
    ] {
        let session = json!({"id": "cs_1", "mode": mode, "customer": "cus_1"});
        assert_eq!(show(&body("checkout.session.completed", &session), &[]), expected);
        for kind in ["async_payment_succeeded", "async_payment_failed"] {
            let (kind, expected) = (format!("checkout.session.{kind}"), expected.to_owned());
            let expected = expected.replace("checkout.session.completed", &kind);
            assert_eq!(show(&body(&kind, &session), &[]), expected);
        }
    }
    // The mode of anything else says nothing.
    let odd = body("invoice.paid", &json!({"id": "in_1", "mode": "setup", "customer": "cus_1"}));
    assert_eq!(show(&odd, &[]), "invoice.paid cus_1");
}

#[test]
fn every_other_type_is_ignored_for_the_reason_of_the_table() {
    for kind in catalog::all() {
        let expected = match catalog::reason(kind) {
            _ if catalog::is_thin(kind) => continue,
            Some(reason) => format!("ignored: {reason}"),
            None => format!("{kind} -"),
        };
        assert_eq!(show(&body(kind, &json!({})), &[]), expected);
    }
    for unknown in ["customer.subscription.renamed", "v1.customer.renamed", "v3.x", ""] {
        assert_eq!(show(&body(unknown, &json!({})), &[]), "ignored: unknown", "{unknown}");
    }
}

#[test]
fn a_thin_event_of_a_relevant_type_is_wanted_and_cannot_be_applied() {
    for (kind, expected) in [
        ("v1.customer.subscription.updated", "v2.core.event -"),
        ("v1.charge.dispute.created", "v2.core.event -"),
        ("v2.core.health.event_generation_failure.resolved", "v2.core.event -"),
        // As some version of the API may name it.
        ("customer.subscription.updated", "v2.core.event -"),
        ("v1.balance.available", "ignored: balance"),
        ("v1.brand.new", "ignored: unknown"),
    ] {
        let thin = json!({"id": "evt_1", "object": "v2.core.event", "type": kind,
            "created": "2026-10-01T10:00:00.000Z", "livemode": false, "snapshot_event": "evt_2",
            "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"}});
        assert_eq!(show(&thin, &[]), expected);
        if let Ok(Head::Wanted { id, kind, .. }) = Head::parse(thin.to_string().as_bytes(), &[]) {
            assert_eq!(kind, Type::Thin);
            let error = Event::parse(id, kind, thin.to_string().as_bytes(), &keys()).unwrap_err();
            assert_eq!((error.code().as_str(), error), ("event.thin", Error::Thin));
        }
    }
    // Its name alone tells that an event is thin.
    let named = body("v1.customer.updated", &json!({"id": "cus_1"}));
    assert_eq!(show(&named, &[]), "v2.core.event -");
    // No webhook is an observation.
    let observation = json!({"id": "obs_1", "object": "tierlift.observation",
        "type": "tierlift.observation", "livemode": false, "window": {"from": 1, "to": 1},
        "because": "fetch", "data": {"object": {"id": "cus_1", "object": "customer"}}});
    assert_eq!(show(&observation, &[]), "ignored: unknown");
    // A body that calls itself by the name of all thin events says nothing.
    assert_eq!(show(&body("v2.core.event", &json!({})), &[]), "ignored: unknown");
}

#[test]
fn an_account_may_stand_for_a_customer() {
    for (object, customer) in [
        (json!({"customer": "cus_1", "customer_account": "acct_1"}), "cus_1"),
        (json!({"customer": null, "customer_account": "acct_1"}), "acct_1"),
        (json!({"customer_account": {"id": "acct_1"}}), "acct_1"),
        (json!({"customer": 7, "customer_account": "acct_1"}), "-"),
    ] {
        let body = body("customer.subscription.updated", &object);
        assert_eq!(show(&body, &[]), format!("customer.subscription.updated {customer}"));
    }
    let both = patched(subscription(), json!({"customer_account": "acct_1"}));
    let both = event(Type::SubscriptionCreated, 7, &json!({"object": both})).unwrap();
    assert_eq!(both.customer.unwrap().as_str(), "cus_1");
    let (subscription, none) = (subscription(), json!({"customer": null}));
    let object = patched(patched(subscription, none), json!({"customer_account": "acct_1"}));
    let event = event(Type::SubscriptionCreated, 7, &json!({"object": object})).unwrap();
    assert_eq!(event.customer.unwrap().as_str(), "acct_1");
}
