//! Owners: each source, and what does not count.

use std::collections::BTreeSet;

use super::super::{Concern, LinkTarget, Metadata, Mode, NewSession, Oracle, Report, Rules};
use super::*;

#[test]
fn sources_count_in_their_order_whenever_they_were_said() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    let sub = world.add_subscription(&customer, active(&["price_pro"], Metadata::new()));
    assert_eq!(Oracle::new(&world).answer().unowned, BTreeSet::from([sub.clone()]));
    world.advance(10);
    world.set_customer_metadata(&customer, "userId", "eve");
    assert_eq!(role(&world, "eve"), "paid");
    world.advance(10);
    checkout(&mut world, &customer, &sub, "dan");
    assert_eq!((role(&world, "eve"), role(&world, "dan")), ("free".into(), "paid".into()));
    world.advance(10);
    world.change(&sub, |node| node.metadata = user("cat"));
    world.advance(10);
    world.set_customer_metadata(&customer, "userId", "fay");
    assert_eq!((role(&world, "fay"), role(&world, "cat")), ("free".into(), "paid".into()));
    world.link(LinkTarget::Customer(customer), "ben");
    assert_eq!((role(&world, "cat"), role(&world, "ben")), ("free".into(), "paid".into()));
    world.link(LinkTarget::Subscription(sub), "ann");
    assert_eq!((role(&world, "ben"), role(&world, "ann")), ("free".into(), "paid".into()));
    let users = Oracle::new(&world).answer().users.into_keys().collect::<Vec<_>>();
    // The changes of one second are one state, so neither `ben` nor `fay` was ever an owner.
    assert_eq!(users, ["ann", "cat", "dan", "eve"]);
}

#[test]
fn the_best_key_counts() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    let both = [("userId", "bob"), ("user_id", "ada")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    world.add_subscription(&customer, active(&["price_pro"], both.into()));
    assert_eq!((role(&world, "ada"), role(&world, "bob")), ("paid".into(), "free".into()));
}

#[test]
fn the_one_name_of_all_others_counts_last() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    world.add_subscription(&customer, active(&["price_max"], Metadata::new()));
    subscribe(&mut world, &customer, "price_pro", "ada");
    assert_eq!(role(&world, "ada"), "pro");
    subscribe(&mut world, &customer, "price_pro", "bob");
    assert_eq!((role(&world, "ada"), role(&world, "bob")), ("paid".into(), "paid".into()));
    assert_eq!(Oracle::new(&world).answer().unowned.len(), 1);
}

/// Field report 1.
#[test]
fn other_sessions_move_nothing_about_a_subscription() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    subscribe(&mut world, &customer, "price_max", "ada");
    for (mode, report) in [
        (Mode::Payment, Report::Paid),
        (Mode::Payment, Report::Unpaid),
        (Mode::Setup, Report::NoPaymentRequired),
    ] {
        world.advance(60);
        let new = session(mode, Some(&customer), None, "order-1");
        world.complete_session(NewSession { report, ..new });
    }
    assert_eq!((role(&world, "ada"), role(&world, "order-1")), ("pro".into(), "free".into()));
    let answer = Oracle::new(&world).answer();
    assert_eq!(answer.users.into_keys().collect::<Vec<_>>(), ["ada"]);
    assert!(answer.unowned.is_empty());
    let bought = world.events.iter().filter(|event| event.kind.starts_with("checkout"));
    assert!(bought.into_iter().all(|event| world.concern(event) == Concern::default()));
}

/// Field report 2.
#[test]
fn a_foreign_reference_does_not_outrank_the_subscriptions_own_word() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    let sub = subscribe(&mut world, &customer, "price_pro", "ada");
    world.advance(1);
    checkout(&mut world, &customer, &sub, "ref-1");
    assert_eq!((role(&world, "ada"), role(&world, "ref-1")), ("paid".into(), "free".into()));
}

/// Field report 3.
#[test]
fn one_customer_may_earn_for_several_users() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    subscribe(&mut world, &customer, "price_pro", "ada");
    world.advance(60);
    subscribe(&mut world, &customer, "price_pro", "org-7");
    assert_eq!((role(&world, "ada"), role(&world, "org-7")), ("paid".into(), "paid".into()));
    let last = &world.events[world.events.len() - 1];
    assert_eq!(world.concern(last).own, BTreeSet::from(["org-7".to_owned()]));
    assert!(world.concern(last).customer.is_empty());
}

/// Field report 4.
#[test]
fn metadata_moves_a_subscription() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    let sub = subscribe(&mut world, &customer, "price_pro", "old");
    checkout(&mut world, &customer, &sub, "old");
    world.advance(900);
    world.change(&sub, |node| node.metadata = user("new"));
    assert_eq!((role(&world, "old"), role(&world, "new")), ("free".into(), "paid".into()));
    assert_eq!(Oracle::new(&world).at(world.now - 1).expected("old").role, "paid");
    let last = &world.events[world.events.len() - 1];
    assert_eq!(last.body["data"]["previous_attributes"]["metadata"]["user_id"], "old");
    let both = ["new", "old"].map(String::from);
    assert_eq!(world.concern(last).own, BTreeSet::from(both));
}

/// Field report 7.
#[test]
fn connected_accounts_count_only_where_they_are_listed() {
    for (account, expected) in [("acct_evil", "free"), ("acct_good", "paid")] {
        let mut world = world(Rules::platform());
        let customer = world.add_customer(Metadata::new(), Some(account));
        let metadata = [("userId".to_owned(), "ada".to_owned())].into();
        world.add_subscription(&customer, active(&["price_pro"], metadata));
        assert_eq!(role(&world, "ada"), expected);
        assert!(world.events.iter().all(|event| event.body["account"] == account));
    }
}

#[test]
fn an_unpaid_session_names_nobody() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    let sub = world.add_subscription(&customer, active(&["price_pro"], Metadata::new()));
    let new = session(Mode::Subscription, Some(&customer), Some(&sub), "ada");
    let id = world.complete_session(NewSession { report: Report::Unpaid, ..new });
    assert!(Oracle::new(&world).answer().users.is_empty());
    world.advance(60);
    world.finish_payment(&id, true);
    assert_eq!(role(&world, "ada"), "paid");
}

#[test]
fn a_guest_is_named_by_the_session_alone() {
    let mut world = world(Rules::default());
    let mut new = session(Mode::Payment, None, None, "");
    new.payment_link = Some("plink_life".into());
    let id = world.complete_session(new.clone());
    let intent = world.sessions[&id].payment_intent.clone().unwrap();
    assert_eq!(Oracle::new(&world).answer().unowned, BTreeSet::from([intent]));
    new.metadata = user("ada");
    world.complete_session(new);
    assert_eq!(role(&world, "ada"), "pro");
}

#[test]
fn entitlements_go_to_the_one_owner() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(user("zoe"), None);
    let has =
        |world: &World, name: &str| Oracle::new(world).expected(name).features.contains("team");
    world.summarize(&customer, &["team"], false);
    assert!(has(&world, "zoe"));
    let sub = subscribe(&mut world, &customer, "price_pro", "ada");
    assert!(has(&world, "ada") && !has(&world, "zoe"));
    let other = subscribe(&mut world, &customer, "price_pro", "bob");
    assert!(!has(&world, "ada") && !has(&world, "bob") && !has(&world, "zoe"));
    world.advance(5);
    world.cancel(&other);
    assert!(has(&world, "ada"));
    world.advance(5);
    world.summarize(&customer, &["export"], true);
    assert!(has(&world, "ada"));
    world.advance(5);
    world.summarize(&customer, &["export"], false);
    assert!(!has(&world, "ada"));
    world.summarize(&customer, &["team"], false);
    assert!(has(&world, "ada") && Oracle::new(&world).expected("ada").features.contains("export"));
    world.delete_customer(&customer);
    assert!(!has(&world, "ada"));
    assert!(!world.change(&sub, |node| node.status = Status::Active));
}
