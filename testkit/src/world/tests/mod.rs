//! Tests of the world and of the oracle.

mod consistency;
mod generated;
mod money;
mod ownership;
mod scenarios;

use std::collections::BTreeMap;

use super::{ApiShape, Metadata, Mode, NewSession, NewSubscription, Oracle, Rules, Status, World};

const DAY: i64 = 86_400;
const BASE: i64 = 1_760_000_000;

fn world(rules: Rules) -> World {
    World::empty(rules, ApiShape::Basil, BASE)
}

fn user(name: &str) -> Metadata {
    BTreeMap::from([("user_id".to_owned(), name.to_owned())])
}

/// An active subscription with a monthly item for each price.
fn active(prices: &[&str], metadata: Metadata) -> NewSubscription {
    let items = prices.iter().map(|price| ((*price).to_owned(), Some(1), 30 * DAY));
    NewSubscription { status: Status::Active, items: items.collect(), metadata, trial: None }
}

fn subscribe(world: &mut World, customer: &str, price: &str, name: &str) -> String {
    world.add_subscription(customer, active(&[price], user(name)))
}

fn checkout(world: &mut World, customer: &str, subscription: &str, reference: &str) -> String {
    world.complete_session(session(
        Mode::Subscription,
        Some(customer),
        Some(subscription),
        reference,
    ))
}

fn session(
    mode: Mode,
    customer: Option<&str>,
    subscription: Option<&str>,
    reference: &str,
) -> NewSession {
    NewSession {
        customer: customer.map(String::from),
        subscription: subscription.map(String::from),
        client_reference_id: Some(reference.to_owned()),
        ..NewSession::new(mode)
    }
}

fn role(world: &World, name: &str) -> String {
    role_in(world, name, 0)
}

/// The role some seconds later.
fn role_in(world: &World, name: &str, seconds: i64) -> String {
    Oracle::new(world).at(world.now + seconds).expected(name).role
}
