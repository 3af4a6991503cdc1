//! Renders customers and subscriptions as Stripe's JSON.

use serde_json::{Map, Value, json};

use super::account::World;
use super::objects::{Customer, Item, Metadata, Node, Status, Subscription, Summary};
use super::shape::ApiShape;

/// A customer in its current state.
pub(super) fn customer(world: &World, customer: &Customer) -> Value {
    let metadata = customer.metadata.last().map(|said| said.value.clone()).unwrap_or_default();
    json!({
        "id": customer.id, "object": "customer", "created": customer.metadata[0].at,
        "email": format!("{}@example.com", customer.id), "metadata": metadata,
        "livemode": world.rules.livemode, "delinquent": false,
    })
}

/// The summary of what a customer is entitled to.
pub(super) fn summary(world: &World, customer: &str, summary: &Summary) -> Value {
    let livemode = world.rules.livemode;
    let entitlements = summary.lookup_keys.iter().map(|key| {
        json!({ "id": format!("ent_{key}"), "object": "entitlements.active_entitlement",
            "feature": format!("feat_{key}"), "livemode": livemode, "lookup_key": key })
    });
    json!({
        "object": "entitlements.active_entitlement_summary", "customer": customer, "livemode": livemode,
        "entitlements": { "object": "list", "data": entitlements.collect::<Vec<_>>(),
            "has_more": summary.has_more, "url": format!("/v1/customer/{customer}/entitlements") },
    })
}

/// A subscription in a given state.
pub(super) fn subscription(world: &World, subscription: &Subscription, node: &Node) -> Value {
    let over = (node.status == Status::Canceled).then_some(world.now);
    let shown = node.items.iter().take(node.shown).collect::<Vec<_>>();
    let data = shown.iter().map(|item| render_item(world, &subscription.id, item));
    let mut object = json!({
        "id": subscription.id, "object": "subscription", "customer": subscription.customer,
        "status": node.status.word(), "created": subscription.created,
        "start_date": subscription.created, "billing_cycle_anchor": subscription.created,
        "currency": "usd", "collection_method": "charge_automatically",
        "cancel_at": node.cancel_at, "cancel_at_period_end": node.cancel_at_period_end,
        "canceled_at": over, "ended_at": over, "latest_invoice": node.latest_invoice,
        "livemode": world.rules.livemode, "metadata": node.metadata,
        "pause_collection": node.pause.map(|pause| json!({ "behavior": pause.word(), "resumes_at": null })),
        "trial_start": node.trial_end.map(|_| subscription.created), "trial_end": node.trial_end,
        "items": {
            "object": "list", "data": data.collect::<Vec<_>>(),
            "has_more": shown.len() < node.items.len(), "total_count": node.items.len(),
            "url": format!("/v1/subscription_items?subscription={}", subscription.id),
        },
    });
    if world.shape == ApiShape::Old {
        object["current_period_start"] = json!(node.items.iter().map(|item| item.start).max());
        object["current_period_end"] = json!(node.items.iter().map(|item| item.end).max());
        let single = (node.items.len() == 1).then(|| &node.items[0]);
        object["plan"] = json!(single.map(|item| plan(world, item)));
        object["quantity"] = json!(single.and_then(|item| item.quantity));
    }
    object
}

fn render_item(world: &World, subscription: &str, item: &Item) -> Value {
    let product = world.prices.get(&item.price).map(|price| price.product.clone());
    let usage = if item.quantity.is_some() { "licensed" } else { "metered" };
    let mut object = json!({
        "id": item.id, "object": "subscription_item", "subscription": subscription, "metadata": {},
        "plan": plan(world, item),
        "price": {
            "id": item.price, "object": "price", "active": true, "currency": "usd", "product": product,
            "lookup_key": item.lookup_key, "type": "recurring", "unit_amount": 900,
            "livemode": world.rules.livemode,
            "recurring": { "interval": "month", "interval_count": 1, "usage_type": usage },
        },
    });
    if let Some(quantity) = item.quantity {
        object["quantity"] = json!(quantity);
    }
    if world.shape == ApiShape::Basil {
        object["current_period_start"] = json!(item.start);
        object["current_period_end"] = json!(item.end);
    }
    object
}

fn plan(world: &World, item: &Item) -> Value {
    let product = world.prices.get(&item.price).map(|price| price.product.clone());
    json!({ "id": item.price, "object": "plan", "active": true, "product": product,
        "interval": "month", "interval_count": 1 })
}

/// The `previous_attributes` of an update: the old values of what changed, lists as a whole.
pub(super) fn difference(old: &Value, new: &Value) -> Value {
    let mut previous = Map::new();
    for (key, before) in old.as_object().into_iter().flatten() {
        let after = &new[key];
        if before == after {
            continue;
        }
        let value = match key.as_str() {
            "metadata" => changed_entries(before, after),
            "items" => changed_list(before, after),
            _ => before.clone(),
        };
        previous.insert(key.clone(), value);
    }
    Value::Object(previous)
}

/// The previous values of the metadata entries that changed; `null` for new ones.
pub(super) fn previous_metadata(old: &Metadata, new: &Metadata) -> Value {
    changed_entries(&json!(old), &json!(new))
}

fn changed_entries(before: &Value, after: &Value) -> Value {
    let keys = [before, after].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let changed = keys.filter(|key| before.get(*key) != after.get(*key));
    let entries = changed.map(|key| (key.clone(), before.get(key).cloned().unwrap_or_default()));
    Value::Object(entries.collect())
}

fn changed_list(before: &Value, after: &Value) -> Value {
    let keys = ["data", "has_more", "total_count"].into_iter();
    let changed = keys.filter(|key| before[*key] != after[*key]);
    Value::Object(changed.map(|key| (key.to_owned(), before[key].clone())).collect())
}
