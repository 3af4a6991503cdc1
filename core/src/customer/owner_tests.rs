//! Owners of subscriptions, purchases and features, whatever the order of events.

use super::*;
use crate::{
    owners::Owners,
    policy::{PlanConfig, Policy, tests::config},
};

/// A policy with the plan `pass`.
fn policy() -> Policy {
    let mut config = config();
    config.plans.push(PlanConfig::new("pass", "paid"));
    Policy::new(config).unwrap()
}

/// The owners of subscriptions and purchases, as `sub_1:ada pi_1:-`.
fn owners(customer: &Customer) -> String {
    let policy = policy();
    let owners = Owners::new(customer, &policy);
    let one = |id: &str, what| {
        let owner = owners.of(what).map_or("-", UserId::as_str);
        format!("{id}:{owner}")
    };
    let subscriptions = customer.subscriptions.keys();
    let subscriptions = subscriptions.map(|id| one(id.as_str(), Ownable::Subscription(id)));
    let purchases = customer.purchases.keys().map(|id| one(id.as_str(), Ownable::Purchase(id)));
    subscriptions.chain(purchases).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_subscription_and_purchase_belongs_to_the_latest_user_of_its_best_source() {
    for (events, expected) in [
        // Its own metadata, over every other source.
        ("10 sub_1 ada", "sub_1:ada"),
        ("10 sub_1 ada, 20 meta bob", "sub_1:ada"),
        ("10 sub_1 ada, 20 checkout sub_1 order-7", "sub_1:ada"),
        ("10 checkout sub_1 bob, 20 sub_1 ada", "sub_1:ada"),
        ("10 sub_1 ada, 20 deleted", "sub_1:ada"),
        // The checkout that created it, and no other one.
        ("10 sub_1 -, 20 checkout sub_1 ada", "sub_1:ada"),
        ("10 sub_1 -, 20 checkout sub_1 ada, 30 meta bob", "sub_1:ada"),
        ("10 checkout sub_1 ada, 20 checkout sub_1 bob", "sub_1:bob"),
        ("10 checkout sub_1 ada, 20 checkout sub_1 -", "sub_1:ada"),
        ("10 checkout sub_1 ada, 10 checkout sub_1 bob", "sub_1:bob"),
        ("10 sub_1 ada, 20 checkout sub_2 bob", "sub_1:ada sub_2:bob"),
        // The customer's metadata.
        ("10 sub_1 -", "sub_1:-"),
        ("10 sub_1 -, 20 meta ada", "sub_1:ada"),
        ("10 meta ada, 20 sub_1 -", "sub_1:ada"),
        ("10 sub_1 -, 20 meta ada, 30 meta bob", "sub_1:bob"),
        ("10 sub_1 -, 20 meta ada, 30 meta -", "sub_1:-"),
        ("10 sub_1 -, 20 meta ada, 20 meta -", "sub_1:ada"),
        ("10 sub_1 -, 20 meta ada, 20 meta bob", "sub_1:bob"),
        ("10 sub_1 -, 20 sub_2 ada, 30 meta bob", "sub_1:bob sub_2:ada"),
        // The only user whom everything else names.
        ("10 sub_1 ada, 20 sub_2 -", "sub_1:ada sub_2:ada"),
        ("10 !sub_1 ada, 20 sub_2 -", "sub_1:ada sub_2:ada"),
        ("10 sub_1 ada, 20 sub_2 ada, 30 sub_3 -", "sub_1:ada sub_2:ada sub_3:ada"),
        ("10 sub_1 ada, 20 sub_2 bob, 30 sub_3 -", "sub_1:ada sub_2:bob sub_3:-"),
        ("10 sub_1 -, 20 buy pi_1 ada", "sub_1:ada pi_1:ada"),
        ("10 sub_1 ada, 20 buy pi_1 -", "sub_1:ada pi_1:ada"),
        ("10 sub_1 ada, 20 checkout sub_1 bob, 30 sub_2 -", "sub_1:ada sub_2:ada"),
        // Several users of one customer.
        ("10 sub_1 ada, 20 sub_2 bob", "sub_1:ada sub_2:bob"),
        ("10 sub_1 ada, 20 buy pi_1 order-1", "sub_1:ada pi_1:order-1"),
        ("10 buy pi_1 ada, 20 buy pi_1 bob", "pi_1:bob"),
    ] {
        let mut customer = check(events);
        assert_eq!(owners(&customer), expected, "{events}");
        customer.links.manual = Some(user("eve"));
        let eves = owners(&customer);
        assert!(eves.split(' ').all(|one| one.ends_with(":eve")), "by hand: {eves}");
        if let Some(subscription) = customer.subscriptions.values_mut().next() {
            subscription.link = Some(user("max"));
            let one = owners(&customer);
            assert_eq!(one.matches(":max").count(), 1, "a link of its own counts more: {one}");
        }
    }
}

#[test]
fn features_go_to_the_only_owner_of_what_is_not_over() {
    for (events, owner) in [
        ("10 features a", None),
        ("10 sub_1 ada", Some("ada")),
        ("10 sub_1 ada, 20 sub_2 ada", Some("ada")),
        ("10 sub_1 ada, 20 sub_2 bob", None),
        ("10 sub_1 ada, 20 !sub_2 bob", Some("ada")),
        ("10 sub_1 ada, 20 buy pi_1 bob", None),
        ("10 !sub_1 ada, 20 buy pi_1 bob", Some("bob")),
        // If nothing has an owner, the customer's own link.
        ("10 !sub_1 ada, 20 meta bob", Some("bob")),
        ("10 !sub_1 ada", None),
        ("10 meta bob", Some("bob")),
    ] {
        let mut customer = check(events);
        let policy = policy();
        let features = Owners::new(&customer, &policy).of_features();
        assert_eq!(features.map(UserId::as_str), owner, "{events}");
        customer.links.manual = Some(user("eve"));
        let features = Owners::new(&customer, &policy).of_features();
        assert_eq!(features.map(UserId::as_str), Some("eve"), "{events}");
    }
}

#[test]
fn a_link_by_hand_of_one_thing_names_the_user_of_the_rest() {
    let mut customer = check("10 sub_1 ada, 20 sub_2 -, 30 buy pi_1 -");
    customer.subscriptions.get_mut("sub_1").unwrap().link = Some(user("max"));
    assert_eq!(owners(&customer), "sub_1:max sub_2:max pi_1:max");
}

#[test]
fn everybody_whom_a_source_names_may_own_something() {
    let named = |customer: &Customer| {
        let users = customer.named_users();
        let names: Vec<&str> = users.iter().map(UserId::as_str).collect();
        (names.join(" "), customer.sole_user())
    };
    let mut customer = check("10 sub_1 ada, 20 checkout sub_2 bob, 30 buy pi_1 cat, 40 meta dan");
    assert_eq!(named(&customer), ("ada bob cat dan".to_owned(), None));
    customer.subscriptions.get_mut("sub_1").unwrap().link = Some(user("eve"));
    customer.purchases.get_mut("pi_1").unwrap().link = Some(user("fay"));
    customer.links.manual = Some(user("gus"));
    assert_eq!(named(&customer), ("ada bob cat dan eve fay gus".to_owned(), None));
    let customer = check("10 sub_1 ada, 20 sub_2 -, 30 buy pi_1 ada");
    assert_eq!(named(&customer), ("ada".to_owned(), Some(user("ada"))));
    assert_eq!(named(&check("10 sub_1 -")), (String::new(), None));
}
