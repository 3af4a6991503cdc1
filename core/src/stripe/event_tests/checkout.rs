//! What a Checkout Session says: whose, of what, and whether it is paid.

use super::*;
use crate::payment::PaymentState::{Failed, Paid, Pending};

fn session(kind: Type, patch: Value) -> Event {
    let object = json!({"id": "cs_1", "customer": "cus_1", "client_reference_id": "ada",
                        "payment_status": "paid"});
    event(kind, 7, &json!({"object": patched(object, patch)})).unwrap()
}

#[test]
fn a_session_of_a_subscription_names_its_user_once_it_is_paid() {
    let (completed, succeeded, failed) =
        (Type::CheckoutCompleted, Type::CheckoutAsyncSucceeded, Type::CheckoutAsyncFailed);
    let no_reference = |metadata: Value| json!({"client_reference_id": null, "metadata": metadata, "mode": "subscription"});
    for (kind, patch, user, state) in [
        (completed, json!({}), Some("ada"), Paid),
        (completed, json!({"mode": "subscription"}), Some("ada"), Paid),
        (completed, json!({"payment_status": "no_payment_required"}), Some("ada"), Paid),
        (succeeded, json!({}), Some("ada"), Paid),
        (succeeded, json!({"payment_status": "unpaid"}), Some("ada"), Paid),
        // Until it is paid it may be anybody's.
        (completed, json!({"payment_status": "unpaid"}), None, Pending),
        (failed, json!({"payment_status": "unpaid"}), None, Failed),
        (failed, json!({}), None, Failed),
        // Without a reference, its own metadata.
        (completed, no_reference(json!({"user_id": "bob"})), Some("bob"), Paid),
        (completed, no_reference(json!({"userId": "bob"})), Some("bob"), Paid),
        (
            completed,
            json!({"client_reference_id": "", "metadata": {"userId": "bob"}}),
            Some("bob"),
            Paid,
        ),
        (completed, json!({"metadata": {"user_id": "bob"}}), Some("ada"), Paid),
        (completed, no_reference(json!({})), None, Paid),
        (completed, no_reference(Value::Null), None, Paid),
    ] {
        let event = session(kind, patched(json!({"subscription": "sub_1"}), patch.clone()));
        let id = SubscriptionId::new("sub_1").unwrap();
        let user = user.map(|user| UserId::new(user).unwrap());
        let report = PaymentReport { at_secs: 7, state };
        assert_eq!(event.fact, Fact::Checkout { id, user, report }, "{kind} {patch}");
        assert_eq!(event.customer.unwrap().as_str(), "cus_1");
    }
    let expanded = session(completed, json!({"subscription": {"id": "sub_2"}}));
    assert!(matches!(expanded.fact, Fact::Checkout { id, .. } if id.as_str() == "sub_2"));
}

/// An order as `customer purchase payment user state: plan, link, items`.
fn show_order(event: &Event) -> String {
    let Fact::Purchase(order) = &event.fact else { panic!("{event:?}") };
    let payment = order.payment.as_ref().map_or("-", PaymentId::as_str);
    let user = order.user.as_ref().map_or("-", UserId::as_str);
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or("-").to_owned();
    let (plan, link) = (text(&order.offer.plan), text(&order.offer.payment_link));
    let items: Vec<_> = order.offer.items.iter().map(|item| text(&item.price)).collect();
    let (customer, state) = (event.customer.as_ref().unwrap(), order.report.state);
    let items = items.join("+");
    format!("{customer} {} {payment} {user} {state:?}: {plan}, {link}, {items}", order.id)
}

#[test]
fn a_session_that_sells_something_once_is_an_order() {
    let line = |price: &str| json!({"id": "li_1", "price": {"id": price}, "quantity": 1});
    for (kind, patch, expected) in [
        (Type::CheckoutCompleted, json!({}), "cus_1 pi_1 pi_1 ada Paid: -, -, "),
        (
            Type::CheckoutCompleted,
            json!({"metadata": {"plan": "gold"}, "payment_link": "plink_1"}),
            "cus_1 pi_1 pi_1 ada Paid: gold, plink_1, ",
        ),
        (
            Type::CheckoutCompleted,
            json!({"metadata": {"plan": ""}, "line_items": {"data": [line("b"), line("a")]}}),
            "cus_1 pi_1 pi_1 ada Paid: -, -, a+b",
        ),
        (
            Type::CheckoutCompleted,
            json!({"payment_intent": {"id": "pi_2"}, "payment_link": {"id": "plink_2"}}),
            "cus_1 pi_2 pi_2 ada Paid: -, plink_2, ",
        ),
        // Where nothing is to pay the session stands for the payment.
        (
            Type::CheckoutCompleted,
            json!({"payment_intent": null, "payment_status": "no_payment_required"}),
            "cus_1 cs_1 - ada Paid: -, -, ",
        ),
        // A guest's purchase is an aggregate of its own.
        (Type::CheckoutCompleted, json!({"customer": null}), "pi_1 pi_1 pi_1 ada Paid: -, -, "),
        (
            Type::CheckoutCompleted,
            json!({"customer": null, "payment_intent": null}),
            "cs_1 cs_1 - ada Paid: -, -, ",
        ),
        (
            Type::CheckoutCompleted,
            json!({"customer": null, "customer_account": "acct_1"}),
            "acct_1 pi_1 pi_1 ada Paid: -, -, ",
        ),
        (
            Type::CheckoutCompleted,
            json!({"payment_status": "unpaid"}),
            "cus_1 pi_1 pi_1 - Pending: -, -, ",
        ),
        (Type::CheckoutAsyncFailed, json!({}), "cus_1 pi_1 pi_1 - Failed: -, -, "),
        (Type::CheckoutAsyncSucceeded, json!({}), "cus_1 pi_1 pi_1 ada Paid: -, -, "),
        // Shapes without a mode.
        (Type::CheckoutCompleted, json!({"mode": null}), "cus_1 pi_1 pi_1 ada Paid: -, -, "),
    ] {
        let once = json!({"mode": "payment", "payment_intent": "pi_1", "subscription": null});
        let event = session(kind, patched(once, patch.clone()));
        assert_eq!(show_order(&event), expected, "{kind} {patch}");
    }
}
