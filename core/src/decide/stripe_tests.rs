//! A Stripe that sends webhooks, for the tests of `decide`.

use serde_json::{Value, json};

use super::*;

/// A subscription at Stripe.
#[derive(Clone)]
pub(super) struct Sub {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) status: &'static str,
    pub(super) price: &'static str,
    pub(super) ends: i64,
    pub(super) quantity: u64,
    pub(super) cancels: bool,
    pub(super) cancel_at: Value,
    pub(super) trial_end: Value,
    pub(super) collection: Value,
    pub(super) user: Value,
    /// Whether periods are on the items, as since 2025-03-31, or on the subscription.
    pub(super) basil: bool,
}

impl Sub {
    pub(super) fn new(id: &str, customer: &str, status: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            customer: customer.to_owned(),
            status,
            price: "price_paid",
            ends: START + 30 * DAY,
            quantity: 1,
            cancels: false,
            cancel_at: Value::Null,
            trial_end: Value::Null,
            collection: Value::Null,
            user: Value::Null,
            basil: true,
        }
    }

    pub(super) fn object(&self) -> Value {
        let mut item = json!({"id": "si_1", "quantity": self.quantity,
            "price": {"id": self.price, "product": "prod_x", "lookup_key": null}});
        let mut metadata = json!({"colour": "red"});
        if !self.user.is_null() {
            metadata["user_id"] = self.user.clone();
        }
        if self.basil {
            item["current_period_end"] = self.ends.into();
        }
        let mut object = json!({"id": self.id, "object": "subscription", "customer": self.customer,
            "status": self.status, "cancel_at_period_end": self.cancels, "metadata": metadata,
            "cancel_at": self.cancel_at, "trial_end": self.trial_end,
            "pause_collection": self.collection, "items": {"object": "list", "data": [item]}});
        if !self.basil {
            object["current_period_end"] = self.ends.into();
            object["quantity"] = self.quantity.into();
        }
        object
    }
}

/// The `previous_attributes` of a change: whole fields, but only the changed keys of metadata.
pub(super) fn previous(before: &Value, after: &Value) -> Value {
    let mut changed = json!({});
    for (key, old) in before.as_object().unwrap() {
        if key == "metadata" && old["user_id"] != after[key]["user_id"] {
            changed[key] = json!({"user_id": old["user_id"]});
        } else if key != "metadata" && *old != after[key] {
            changed[key] = old.clone();
        }
    }
    changed
}

/// Stripe: its state, and the webhooks that it sent, in order.
#[derive(Default)]
pub(super) struct Stripe {
    pub(super) at: i64,
    pub(super) subs: BTreeMap<String, Sub>,
    pub(super) sent: Vec<String>,
}

impl Stripe {
    pub(super) fn send(&mut self, kind: &str, object: &Value, previous: &Value) {
        let id = format!("evt_{}", self.sent.len());
        let mut data = json!({"object": object});
        if !previous.is_null() {
            data["previous_attributes"] = previous.clone();
        }
        let body = json!({"id": id, "object": "event", "type": kind, "created": START + self.at,
                          "livemode": false, "data": data});
        self.sent.push(body.to_string());
    }

    pub(super) fn create(&mut self, sub: Sub) {
        self.send("customer.subscription.created", &sub.object(), &Value::Null);
        self.subs.insert(sub.id.clone(), sub);
    }

    pub(super) fn update(&mut self, id: &str, change: impl FnOnce(&mut Sub)) {
        let sub = self.subs.get_mut(id).unwrap();
        let before = sub.object();
        change(sub);
        let after = sub.object();
        self.send("customer.subscription.updated", &after, &previous(&before, &after));
    }

    pub(super) fn says(&mut self, id: &str, kind: &str) {
        let object = self.subs[id].object();
        self.send(kind, &object, &Value::Null);
    }

    pub(super) fn end(&mut self, id: &str) {
        self.subs.get_mut(id).unwrap().status = "canceled";
        self.says(id, "customer.subscription.deleted");
    }

    /// A session that creates a subscription.
    pub(super) fn checkout(
        &mut self,
        kind: &str,
        customer: &str,
        sub: &str,
        user: Option<&str>,
        paid: &str,
    ) {
        let object = json!({"id": "cs_1", "mode": "subscription", "customer": customer,
            "subscription": sub, "client_reference_id": user, "payment_status": paid});
        self.send(&format!("checkout.session.{kind}"), &object, &Value::Null);
    }

    /// A session of `cus_1` of mode `payment`, by default paid with `pi_1` and for no plan.
    pub(super) fn sell(&mut self, kind: &str, patch: Value) {
        let session = json!({"id": "cs_1", "mode": "payment", "customer": "cus_1",
            "subscription": null, "payment_intent": "pi_1", "payment_status": "paid"});
        self.send(&format!("checkout.session.{kind}"), &with(session, patch), &Value::Null);
    }

    /// A paid invoice of `cus_1`, created now.
    pub(super) fn invoice(&mut self, id: &str, patch: Value) {
        let invoice = json!({"id": id, "customer": "cus_1", "created": START + self.at,
                             "amount_paid": 900});
        self.send("invoice.paid", &with(invoice, patch), &Value::Null);
    }

    pub(super) fn invoice_payment(&mut self, invoice: &str, payment: &str) {
        let payment = json!({"type": "payment_intent", "payment_intent": payment});
        let object = json!({"id": "inpay_1", "invoice": invoice, "payment": payment});
        self.send("invoice_payment.paid", &object, &Value::Null);
    }

    /// A charge that was refunded in full, unless the patch says otherwise.
    pub(super) fn refund(&mut self, payment: &str, patch: Value) {
        let charge = json!({"id": "ch_1", "customer": "cus_1", "payment_intent": payment,
                            "refunded": true});
        self.send("charge.refunded", &with(charge, patch), &Value::Null);
    }

    /// A refund that failed.
    pub(super) fn refund_failed(&mut self, payment: &str) {
        let refund = json!({"id": "re_1", "payment_intent": payment, "status": "failed"});
        self.send("refund.failed", &refund, &Value::Null);
    }

    pub(super) fn dispute(&mut self, kind: &str, id: &str, payment: &str, status: &str) {
        let object =
            json!({"id": id, "charge": "ch_1", "payment_intent": payment, "status": status});
        self.send(&format!("charge.dispute.{kind}"), &object, &Value::Null);
    }

    /// The features that a customer is entitled to.
    pub(super) fn entitlements(&mut self, customer: &str, names: &[&str], has_more: bool) {
        let data: Vec<Value> = names.iter().map(|name| json!({"lookup_key": name})).collect();
        let object = json!({"object": "entitlements.active_entitlement_summary",
            "customer": customer, "entitlements": {"data": data, "has_more": has_more}});
        self.send("entitlements.active_entitlement_summary.updated", &object, &Value::Null);
    }

    pub(super) fn customer(&mut self, kind: &str, customer: &str, user: Option<&str>) {
        let object = json!({"id": customer, "object": "customer", "metadata": {"user_id": user}});
        self.send(&format!("customer.{kind}"), &object, &Value::Null);
    }

    /// Advances the clock.
    pub(super) fn later(&mut self, secs: i64) {
        self.at += secs;
    }
}

/// A copy of an object with some fields replaced.
pub(super) fn with(mut object: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { panic!("{patch}") };
    object.as_object_mut().unwrap().extend(patch);
    object
}
