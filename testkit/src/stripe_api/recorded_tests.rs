//! What the stand-in answers, recorded: few objects that have every field with every type of value that occurs.
//! `scripts/stripe_objects.py` compares them with what Stripe publishes. `UPDATE_RECORDED=1` writes them again.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::{objects::Objects, price, product, query::Query, webhook_endpoint};
use crate::world::{ApiShape, World};

/// Simulated accounts, of which those in the current shape are shown.
const WORLDS: u64 = 300;
/// The lists as they are asked for.
const TARGETS: [&str; 11] = [
    "/v1/customers?limit=100",
    "/v1/subscriptions?limit=100&status=all",
    "/v1/checkout/sessions?limit=100&expand[]=data.line_items",
    "/v1/refunds?limit=100&expand[]=data.charge",
    "/v1/disputes?limit=100&expand[]=data.charge",
    "/v1/charges?limit=100",
    "/v1/invoices?limit=100&expand[]=data.payments",
    "/v1/products?limit=100",
    "/v1/prices?limit=100&active=true&expand[]=data.product",
    "/v1/webhook_endpoints?limit=100",
    "/v1/events?limit=100",
];

/// The paths of all values of an object, each with its type, or with the word if it is one.
fn shape(value: &Value, path: &str, to: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = if path.ends_with("metadata") { "*" } else { name };
                shape(field, &format!("{path}.{name}"), to);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, &format!("{path}[]"), to)),
        Value::String(word) if word.len() < 24 && !word.contains(['_', '@', '/']) => {
            to.insert(format!("{path}={word}"));
        }
        Value::String(_) => drop(to.insert(format!("{path}: text"))),
        Value::Number(_) => drop(to.insert(format!("{path}: number"))),
        Value::Bool(_) => drop(to.insert(format!("{path}: bool"))),
        Value::Null => drop(to.insert(format!("{path}: null"))),
    }
}

fn recorded() -> Vec<Value> {
    let (mut kept, mut seen) = (Vec::new(), BTreeSet::new());
    for seed in 0..WORLDS {
        let world = World::generate(seed);
        if world.shape != ApiShape::Basil {
            continue;
        }
        let mut objects = Objects::default();
        for object in world.observe(world.now).into_iter().filter(|it| it["id"].is_string()) {
            objects.put(object);
        }
        for event in &world.events {
            objects.put(event.body.clone());
        }
        objects.put(product("prod_pro", "Pro"));
        objects.put(price("price_pro", "prod_pro"));
        let url = "https://app.example.com/webhooks/stripe";
        objects.put(webhook_endpoint("we_1", url, &["invoice.paid"], "2026-10-28.endive"));
        for target in TARGETS {
            let (status, page) = objects.reply(&Query::parse(target));
            assert_eq!(status, 200, "{page}");
            for object in page["data"].as_array().unwrap() {
                let (mut shapes, before) = (BTreeSet::new(), seen.len());
                let kind = object["object"].as_str().unwrap();
                let mut whole = object.clone();
                // What an event is about is what the lists show.
                whole.as_object_mut().unwrap().retain(|name, _| kind != "event" || name != "data");
                shape(&whole, kind, &mut shapes);
                seen.extend(shapes);
                if seen.len() > before {
                    kept.push(object.clone());
                }
            }
        }
    }
    kept
}

#[test]
fn what_is_answered_is_recorded() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/stripe_objects.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&recorded()).unwrap());
    if std::env::var_os("UPDATE_RECORDED").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(path).unwrap() == text, "UPDATE_RECORDED=1 writes it");
}
