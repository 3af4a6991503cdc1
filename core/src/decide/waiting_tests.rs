//! What was paid for and has no owner: the customer records since when.

use super::*;

#[test]
fn what_was_paid_for_and_has_no_owner_waits_visibly() {
    let waiting = |happens: &dyn Fn(&mut Stripe)| {
        let (store, _) = tell(&policy(), happens);
        let since = store.customers().find_map(|customer| customer.waiting_since);
        since.map(|at| at.as_secs() - START)
    };
    let nobodys = |status| Sub::new("sub_1", "cus_1", status);
    let late = |sub: Sub| {
        move |stripe: &mut Stripe| {
            stripe.later(60);
            stripe.create(sub.clone());
        }
    };
    assert_eq!(waiting(&late(nobodys("active"))), Some(60));
    assert_eq!(waiting(&late(nobodys("trialing"))), Some(60));
    assert_eq!(waiting(&late(nobodys("past_due"))), Some(60));
    assert_eq!(waiting(&late(adas("sub_1", "active"))), None);
    // Nothing was paid for, or it earns nothing.
    assert_eq!(waiting(&late(nobodys("incomplete"))), None);
    assert_eq!(waiting(&late(nobodys("canceled"))), None);
    assert_eq!(waiting(&late(Sub { quantity: 0, ..nobodys("active") })), None);
    let unpaid = |stripe: &mut Stripe| {
        stripe.create(nobodys("active"));
        stripe.checkout("completed", "cus_1", "sub_1", None, "unpaid");
    };
    assert_eq!(waiting(&unpaid), None);
    let two = |stripe: &mut Stripe| {
        late(nobodys("active"))(stripe);
        late(Sub::new("sub_2", "cus_1", "active"))(stripe);
    };
    assert_eq!(waiting(&two), Some(60), "since the first");
    let linked = |stripe: &mut Stripe| {
        late(nobodys("active"))(stripe);
        stripe.later(5);
        stripe.customer("updated", "cus_1", Some("ada"));
    };
    assert_eq!(waiting(&linked), None);
    let deleted = |stripe: &mut Stripe| {
        late(nobodys("active"))(stripe);
        stripe.customer("deleted", "cus_1", None);
    };
    assert_eq!(waiting(&deleted), None);
    let bought = |patch: Value| {
        move |stripe: &mut Stripe| {
            stripe.later(7);
            let session = json!({"customer": null, "metadata": {"plan": "price_paid"}});
            stripe.sell("completed", with(session, patch.clone()));
        }
    };
    assert_eq!(waiting(&bought(json!({}))), Some(7));
    assert_eq!(waiting(&bought(json!({"payment_status": "unpaid"}))), None);
    assert_eq!(waiting(&bought(json!({"client_reference_id": "ada"}))), None);
    let book = json!({"metadata": {}, "payment_link": "plink_book"});
    assert_eq!(waiting(&bought(book)), None);
    let refunded = |stripe: &mut Stripe| {
        bought(json!({}))(stripe);
        stripe.refund("pi_1", json!({}));
    };
    assert_eq!(waiting(&refunded), None);
}
