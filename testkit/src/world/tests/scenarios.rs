//! What subscriptions earn.

use super::super::{Behavior, Keep, Mode, NewSession, Oracle, Report, Rules, Seen};
use super::*;

fn ada(rules: Rules, prices: &[&str]) -> (World, String) {
    let mut world = world(rules);
    let customer = world.add_customer(Metadata::new(), None);
    let sub = world.add_subscription(&customer, active(prices, user("ada")));
    (world, sub)
}

/// Field report 5.
#[test]
fn cancel_at_bounds_the_end() {
    let (mut world, sub) = ada(Rules::default(), &["price_pro"]);
    let at = world.now + 5 * DAY;
    world.change(&sub, |node| node.cancel_at = Some(at));
    let shown = Oracle::new(&world).expected("ada").shown;
    assert_eq!(
        shown.first().map(|shown| (shown.expires_at, shown.cancel_at)),
        Some((Some(at), Some(at)))
    );
    assert_eq!(role_in(&world, "ada", 8 * DAY - 1), "paid");
    assert_eq!(role_in(&world, "ada", 8 * DAY), "free");
}

/// Field report 6.
#[test]
fn items_that_are_not_shown_stay() {
    let (mut world, sub) = ada(Rules::default(), &["price_pro", "price_max"]);
    let (start, end) = (world.now, world.now + 30 * DAY);
    let misc = (1..=9).map(|n| world.item(&format!("price_misc_{n:02}"), Some(1), start, end));
    let misc = misc.collect::<Vec<_>>();
    world.advance(60);
    world.change(&sub, |node| {
        let hidden = node.items.split_off(1);
        node.items.extend(misc);
        node.items.extend(hidden);
    });
    let items = &world.events[world.events.len() - 1].body["data"]["object"]["items"];
    assert_eq!(
        (items["has_more"].as_bool(), items["data"].as_array().map(Vec::len)),
        (Some(true), Some(10))
    );
    assert!(!items.to_string().contains("price_max"));
    assert_eq!(role(&world, "ada"), "pro");
}

/// Field report 8.
#[test]
fn quantity_zero_earns_nothing() {
    let (mut world, sub) = ada(Rules::default(), &["price_pro", "price_max"]);
    assert_eq!(role(&world, "ada"), "pro");
    world.advance(1);
    world.change(&sub, |node| node.items[1].quantity = Some(0));
    assert_eq!(role(&world, "ada"), "paid");
    world.advance(1);
    world.change(&sub, |node| node.items[1].quantity = None);
    assert_eq!(role(&world, "ada"), "pro");
}

fn unpaid() -> (World, String, String) {
    let (mut world, sub) = ada(Rules::default(), &["price_pro"]);
    let new = session(Mode::Subscription, Some("cus_1"), Some(&sub), "ada");
    let session = world.complete_session(NewSession { report: Report::Unpaid, ..new });
    assert_eq!(role(&world, "ada"), "free");
    world.advance(60);
    (world, sub, session)
}

/// Field report 9.
#[test]
fn a_pending_first_payment_is_proven_by_what_follows() {
    let (mut world, sub, session) = unpaid();
    world.change(&sub, |node| node.status = Status::PastDue);
    assert_eq!(role(&world, "ada"), "free");
    world.advance(60);
    world.change(&sub, |node| node.status = Status::Active);
    assert_eq!(role(&world, "ada"), "paid");
    world.advance(60);
    world.finish_payment(&session, false);
    assert_eq!(role(&world, "ada"), "free");
    let (mut world, sub, _) = unpaid();
    world.change(&sub, |node| node.items[0].end += 30 * DAY);
    assert_eq!(role(&world, "ada"), "paid");
    let (mut world, sub, session) = unpaid();
    world.finish_payment(&session, false);
    world.pay_invoice(&sub, 900, 1);
    assert_eq!(role(&world, "ada"), "free");
    world.advance(1);
    world.pay_invoice(&sub, 0, 1);
    assert_eq!(role(&world, "ada"), "free");
    world.pay_invoice(&sub, 900, 1);
    assert_eq!(role(&world, "ada"), "paid");
    let (mut world, _, session) = unpaid();
    world.finish_payment(&session, true);
    assert_eq!(role(&world, "ada"), "paid");
}

/// Field report 10.
#[test]
fn each_item_lasts_by_itself() {
    let (mut world, sub) = ada(Rules::default(), &["price_pro", "price_max"]);
    let now = world.now + 40 * DAY;
    world.change(&sub, |node| {
        node.items[0].end = now + 200 * DAY;
        node.items[1].end = now - 4 * DAY;
    });
    world.advance(40 * DAY);
    assert_eq!(role(&world, "ada"), "paid");
    assert_eq!(role_in(&world, "ada", 203 * DAY), "free");
    assert_eq!(Oracle::new(&world).at(now - 2 * DAY).expected("ada").role, "pro");
}

/// Field report 11.
#[test]
fn a_lookup_key_that_moved_keeps_earning() {
    let (mut world, sub) = ada(Rules::default(), &["price_key"]);
    world.transfer_lookup_key();
    world.advance(30 * DAY);
    world.change(&sub, |node| node.items[0].end += 30 * DAY);
    let last = &world.events[world.events.len() - 1].body["data"];
    assert!(last["object"]["items"]["data"][0]["price"]["lookup_key"].is_null());
    assert_eq!(role_in(&world, "ada", 20 * DAY), "paid");
}

#[test]
fn only_some_statuses_earn() {
    for (status, expected) in [
        (Status::Trialing, "paid"),
        (Status::PastDue, "paid"),
        (Status::Unpaid, "free"),
        (Status::Paused, "free"),
        (Status::Canceled, "free"),
    ] {
        let (mut world, sub) = ada(Rules::default(), &["price_pro"]);
        world.advance(60);
        world.change(&sub, |node| node.status = status);
        assert_eq!(role(&world, "ada"), expected, "{status:?}");
        let shown = Oracle::new(&world).expected("ada").statuses();
        let word = (!status.is_terminal()).then(|| status.word().to_owned());
        assert_eq!(shown, [word].into(), "{status:?}");
    }
}

#[test]
fn past_due_lasts_for_the_days_of_grace() {
    let (mut world, sub) = ada(Rules::default(), &["price_pro"]);
    world.advance(10 * DAY);
    world.change(&sub, |node| node.status = Status::PastDue);
    let since = world.now;
    world.advance(DAY);
    world.change(&sub, |node| node.items[0].quantity = Some(2));
    let shown = Oracle::new(&world).expected("ada").shown;
    assert_eq!(shown.first().and_then(|shown| shown.past_due_since), Some(since));
    assert_eq!(role_in(&world, "ada", 2 * DAY - 1), "paid");
    assert_eq!(role_in(&world, "ada", 2 * DAY), "free");
    let (mut world, sub) = ada(Rules::strict(), &["price_pro"]);
    world.advance(1);
    world.change(&sub, |node| node.status = Status::PastDue);
    assert_eq!(role(&world, "ada"), "free");
}

#[test]
fn paused_collection_follows_its_policy() {
    let mut rules = Rules::default();
    rules.pause_collection.void = Keep::Revoke;
    let (mut world, sub) = ada(rules, &["price_pro"]);
    world.change(&sub, |node| node.pause = Some(Behavior::KeepAsDraft));
    assert_eq!(role(&world, "ada"), "paid");
    world.advance(1);
    world.change(&sub, |node| node.pause = Some(Behavior::Void));
    assert_eq!(role(&world, "ada"), "free");
    assert_eq!(Oracle::new(&world).expected("ada").status(), Some("active".into()));
    world.advance(1);
    world.change(&sub, |node| node.pause = None);
    assert_eq!(role(&world, "ada"), "paid");
}

#[test]
fn a_deleted_customer_earns_nothing_and_nothing_revives_a_subscription() {
    let (mut world, sub) = ada(Rules::default(), &["price_pro"]);
    let mut without_cancellation = world.clone();
    without_cancellation.customers.get_mut("cus_1").unwrap().deleted_at = Some(world.now);
    assert_eq!(role(&without_cancellation, "ada"), "free");
    world.delete_customer("cus_1");
    assert_eq!(role(&world, "ada"), "free");
    assert!(!world.change(&sub, |node| node.status = Status::Active));
    assert_eq!(Oracle::new(&world).expected("ada").status(), None);
}

#[test]
fn a_trial_shows_its_end() {
    let mut world = world(Rules::default());
    let customer = world.add_customer(Metadata::new(), None);
    let mut new = active(&["price_pro"], user("ada"));
    new.status = Status::Trialing;
    new.trial = Some(7 * DAY);
    let sub = world.add_subscription(&customer, new);
    let shown = Oracle::new(&world).expected("ada").shown;
    assert_eq!(shown.first().and_then(|shown| shown.trial_ends_at), Some(BASE + 7 * DAY));
    assert_eq!(role_in(&world, "ada", 10 * DAY), "free");
    world.change(&sub, |node| node.cancel_at_period_end = true);
    let shown = Oracle::new(&world).expected("ada").shown;
    assert_eq!(shown.first().and_then(|shown| shown.cancel_at), Some(BASE + 7 * DAY));
}

#[test]
fn the_highest_role_is_shown_and_then_the_longest() {
    let (mut world, _) = ada(Rules::default(), &["price_pro"]);
    let mut longer = active(&["price_pro"], user("ada"));
    longer.items[0].2 = 365 * DAY;
    world.add_subscription("cus_1", longer);
    let shown = |world: &World| Oracle::new(world).expected("ada").shown;
    assert_eq!(shown(&world).first().and_then(|it| it.expires_at), Some(BASE + 365 * DAY));
    subscribe(&mut world, "cus_1", "price_max", "ada");
    assert_eq!(shown(&world).len(), 1);
    assert_eq!(shown(&world).first().and_then(|it| it.expires_at), Some(BASE + 30 * DAY));
    let features = Oracle::new(&world).expected("ada").features;
    assert_eq!(features.into_iter().collect::<Vec<_>>(), ["api", "export", "sso"]);
}

#[test]
fn complaints_name_each_difference() {
    let (world, _) = ada(Rules::default(), &["price_pro"]);
    let expected = Oracle::new(&world).expected("ada");
    let mut seen = Seen {
        role: "paid".into(),
        features: ["export".to_owned()].into(),
        active: true,
        shown: expected.shown.first().cloned().unwrap(),
    };
    assert!(expected.complaints(&seen).is_empty());
    seen.shown.cancel_at = Some(1);
    seen.active = false;
    assert_eq!(expected.complaints(&seen).len(), 2);
}
