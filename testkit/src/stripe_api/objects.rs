//! The objects of the account, and what is answered about them: pages of 100, the latest object first, with
//! what is expanded and without what is not (<https://docs.stripe.com/api/pagination>).

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::query::Query;

/// The collections that can be read: their paths, the `object` of their elements, and the parameters of a list.
const COLLECTIONS: &[(&str, &str, &[&str])] = &[
    ("/v1/subscriptions", "subscription", &["customer", "status"]),
    ("/v1/customers", "customer", &["email"]),
    (
        "/v1/checkout/sessions",
        "checkout.session",
        &["customer", "status", "subscription", "payment_intent"],
    ),
    ("/v1/refunds", "refund", &["charge"]),
    ("/v1/disputes", "dispute", &["charge"]),
    ("/v1/charges", "charge", &["customer"]),
    ("/v1/invoices", "invoice", &["customer", "status", "subscription"]),
    (
        "/v1/invoice_payments",
        "invoice_payment",
        &["invoice", "payment[type]", "payment[payment_intent]"],
    ),
    ("/v1/payment_intents", "payment_intent", &["customer"]),
    ("/v1/prices", "price", &["active", "product"]),
    ("/v1/products", "product", &["active"]),
    ("/v1/webhook_endpoints", "webhook_endpoint", &[]),
    ("/v1/events", "event", &["types[]", "delivery_success"]),
];
/// Fields that are only there if they are expanded.
const INCLUDABLE: &[(&str, &str)] = &[("checkout.session", "line_items"), ("invoice", "payments")];
const PAGE_DEFAULT: usize = 10;
const PAGE_MAX: usize = 100;

/// Everything that the account has.
#[derive(Debug, Default)]
pub(super) struct Objects(BTreeMap<String, Collection>);

/// Objects of one kind, in the order in which they were made.
#[derive(Debug, Default)]
struct Collection {
    all: Vec<Value>,
    places: HashMap<String, usize>,
}

/// A status and a body.
pub(super) type Reply = (u16, Value);

impl Objects {
    /// Adds an object, or replaces the one with its id.
    pub(super) fn put(&mut self, object: Value) {
        let text = |name: &str| object[name].as_str().expect("an object with an id").to_owned();
        let (kind, id) = (text("object"), text("id"));
        let collection = self.0.entry(kind).or_default();
        if let Some(place) = collection.places.get(&id) {
            collection.all[*place] = object;
        } else {
            collection.places.insert(id, collection.all.len());
            collection.all.push(object);
        }
    }

    /// Changes one object.
    pub(super) fn change(&mut self, kind: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let collection = self.0.get_mut(kind).expect("such objects");
        change(&mut collection.all[collection.places[id]]);
    }

    /// The object with that id.
    pub(super) fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        let collection = self.0.get(kind)?;
        collection.all.get(*collection.places.get(id)?)
    }

    /// The answer to a GET.
    pub(super) fn reply(&self, query: &Query) -> Reply {
        for (path, kind, filters) in COLLECTIONS {
            let Some(rest) = query.path.strip_prefix(path) else { continue };
            return match rest.strip_prefix('/') {
                Some(id) => self.retrieve(kind, id, query),
                None if rest.is_empty() => self.list(path, kind, filters, query),
                None => continue,
            };
        }
        error(
            404,
            "invalid_request_error",
            &format!("Unrecognized request URL (GET: {})", query.path),
        )
    }

    fn retrieve(&self, kind: &str, id: &str, query: &Query) -> Reply {
        match self.find(kind, id) {
            Some(object) => (200, self.shown(object, query.all("expand[]"))),
            None => error(404, "invalid_request_error", &format!("No such {kind}: '{id}'")),
        }
    }

    fn list(&self, path: &str, kind: &str, filters: &[&str], query: &Query) -> Reply {
        let general = ["limit", "starting_after", "expand[]", "created[gte]", "created[lte]"];
        let is_known = |name: &&str| general.contains(name) || filters.contains(name);
        if let Some(unknown) = query.names().find(|name| !is_known(name)) {
            return error(
                400,
                "invalid_request_error",
                &format!("Received unknown parameter: {unknown}"),
            );
        }
        let limit = query.get("limit").map_or(PAGE_DEFAULT, |limit| limit.parse().unwrap_or(0));
        if !(1..=PAGE_MAX).contains(&limit) {
            return error(400, "invalid_request_error", "Invalid integer: limit");
        }
        let empty = Collection::default();
        let collection = self.0.get(kind).unwrap_or(&empty);
        let before = match query.get("starting_after") {
            None => collection.all.len(),
            Some(id) => match collection.places.get(id) {
                Some(place) => *place,
                None => {
                    return error(400, "invalid_request_error", &format!("No such {kind}: '{id}'"));
                }
            },
        };
        let older = collection.all[..before].iter().rev().filter(|object| matches(object, query));
        let mut page: Vec<_> = older.take(limit + 1).collect();
        let has_more = page.len() > limit;
        page.truncate(limit);
        let expanded = || query.all("expand[]").filter_map(|field| field.strip_prefix("data."));
        let data: Vec<_> = page.into_iter().map(|object| self.shown(object, expanded())).collect();
        (200, json!({ "object": "list", "url": path, "has_more": has_more, "data": data }))
    }

    /// An object with the fields that are expanded.
    fn shown<'q>(&self, object: &Value, expanded: impl Iterator<Item = &'q str>) -> Value {
        let expanded: Vec<_> = expanded.collect();
        let mut shown = object.clone();
        for (kind, field) in INCLUDABLE {
            if object["object"] == *kind && !expanded.contains(field) {
                shown.as_object_mut().expect("an object").remove(*field);
            }
        }
        for field in expanded {
            let kind = if field == "latest_charge" { "charge" } else { field };
            let found = shown[field].as_str().and_then(|id| self.find(kind, id)).cloned();
            if let Some(found) = found {
                shown[field] = found;
            }
        }
        shown
    }
}

/// Whether an object passes the filters of a list.
fn matches(object: &Value, query: &Query) -> bool {
    let is = |field: &str| query.get(field).is_none_or(|value| object[field] == *value);
    let status = match query.get("status") {
        Some("all") => true,
        Some(status) => object["status"] == *status,
        None => object["object"] != "subscription" || object["status"] != "canceled",
    };
    let active = query.get("active").is_none_or(|value| object["active"] == (value == "true"));
    let mut types = query.all("types[]").peekable();
    let kind = types.peek().is_none() || types.any(|kind| object["type"] == *kind);
    let since = query.get("created[gte]").and_then(|secs| secs.parse::<i64>().ok());
    let until = query.get("created[lte]").and_then(|secs| secs.parse::<i64>().ok());
    let created = since.is_none_or(|since| object["created"].as_i64() >= Some(since))
        && until.is_none_or(|until| object["created"].as_i64() <= Some(until));
    let failed = object["pending_webhooks"].as_i64() > Some(0);
    let delivered = query.get("delivery_success").is_none_or(|value| failed == (value == "false"));
    let plain = ["customer", "subscription", "charge", "product", "email", "payment_intent"];
    let deleted = object["deleted"] == true;
    let paid_by = query.get("payment[payment_intent]");
    let paid = paid_by.is_none_or(|payment| object["payment"]["payment_intent"] == *payment);
    plain.into_iter().all(is)
        && status
        && active
        && kind
        && created
        && delivered
        && paid
        && !deleted
}

/// An error as Stripe writes it.
pub(super) fn error(status: u16, kind: &str, message: &str) -> Reply {
    (status, json!({ "error": { "type": kind, "message": message } }))
}
