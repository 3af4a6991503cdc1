//! A Stripe that sends webhooks, for the tests of `decide`.

use serde_json::{Value, json};

use super::*;

/// A subscription as Stripe has it.
#[derive(Clone)]
pub(super) struct Sub {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) status: &'static str,
    pub(super) price: &'static str,
    pub(super) ends: i64,
    pub(super) quantity: u64,
    pub(super) cancels: bool,
    pub(super) collection: Value,
    pub(super) user: Value,
    /// Whether periods stand on items (from 2025-03-31 on) or on top.
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
            "pause_collection": self.collection, "items": {"object": "list", "data": [item]}});
        if !self.basil {
            object["current_period_end"] = self.ends.into();
            object["quantity"] = self.quantity.into();
        }
        object
    }
}

/// The `previous_attributes` of a change: whole fields, but of metadata the keys alone.
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

/// Stripe: the true state, and every webhook that it sent, in order.
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

    pub(super) fn checkout(
        &mut self,
        kind: &str,
        customer: &str,
        sub: &str,
        user: Option<&str>,
        paid: &str,
    ) {
        let object = json!({"id": "cs_1", "customer": customer, "subscription": sub,
                            "client_reference_id": user, "payment_status": paid});
        self.send(&format!("checkout.session.{kind}"), &object, &Value::Null);
    }

    pub(super) fn customer(&mut self, kind: &str, customer: &str, user: Option<&str>) {
        let object = json!({"id": customer, "object": "customer", "metadata": {"user_id": user}});
        self.send(&format!("customer.{kind}"), &object, &Value::Null);
    }

    /// Some seconds later.
    pub(super) fn later(&mut self, secs: i64) {
        self.at += secs;
    }
}
