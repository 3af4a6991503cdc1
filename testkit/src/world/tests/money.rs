//! Purchases, refunds and disputes.

use super::super::{
    DisputePolicy, Keep, Mode, NewSession, Oracle, RefundEnd, Report, Rules, Shown, Stack,
};
use super::*;

fn buy(world: &mut World, plan: &str, report: Report) -> String {
    let new = session(Mode::Payment, None, None, "ada");
    let metadata = [("plan".to_owned(), plan.to_owned())].into();
    world.complete_session(NewSession { metadata, report, ..new })
}

fn last_charge(world: &World) -> String {
    world.payments.keys().last().cloned().unwrap()
}

#[test]
fn a_purchase_lasts_forever_or_for_its_days() {
    let mut world = world(Rules::default());
    buy(&mut world, "week_pass", Report::Paid);
    assert_eq!(
        (role(&world, "ada"), role_in(&world, "ada", 7 * DAY)),
        ("pro".into(), "free".into())
    );
    buy(&mut world, "lifetime", Report::NoPaymentRequired);
    assert_eq!(role_in(&world, "ada", 9_999 * DAY), "paid");
    let expected = Oracle::new(&world).at(world.now + 8 * DAY).expected("ada");
    assert_eq!((expected.active, expected.shown), (true, [Shown::default()].into()));
}

#[test]
fn a_pending_purchase_counts_once_it_is_paid() {
    let mut world = world(Rules::default());
    let id = buy(&mut world, "week_pass", Report::Unpaid);
    assert!(Oracle::new(&world).answer().users.is_empty());
    world.advance(DAY);
    world.finish_payment(&id, false);
    assert_eq!(role(&world, "ada"), "free");
    world.advance(DAY);
    world.finish_payment(&id, true);
    assert_eq!(role_in(&world, "ada", 7 * DAY - 1), "pro");
    assert_eq!(role_in(&world, "ada", 7 * DAY), "free");
}

#[test]
fn passes_extend_one_another_or_the_latest_end_counts() {
    for (stack, days) in [(Stack::Extend, 60), (Stack::Longest, 40)] {
        let mut world = world(Rules { stack, ..Rules::default() });
        buy(&mut world, "month_pass", Report::Paid);
        world.advance(10 * DAY);
        buy(&mut world, "month_pass", Report::Paid);
        let left = (days - 10) * DAY;
        assert_eq!(role_in(&world, "ada", left - 1), "paid");
        assert_eq!(role_in(&world, "ada", left), "free");
    }
}

#[test]
fn the_first_way_that_is_mapped_names_the_plan() {
    let plan = |plan: Option<&str>, link: Option<&str>, lines: &[&str]| {
        let mut world = world(Rules::default());
        let mut new = session(Mode::Payment, None, None, "ada");
        new.metadata.extend(plan.map(|plan| ("plan".to_owned(), plan.to_owned())));
        new.payment_link = link.map(String::from);
        new.line_items = lines.iter().map(|line| (*line).to_owned()).collect();
        world.complete_session(new);
        (role(&world, "ada"), role_in(&world, "ada", 9 * DAY))
    };
    let roles = |now: &str, later: &str| (now.to_owned(), later.to_owned());
    assert_eq!(plan(Some("lifetime"), Some("plink_life"), &["price_book"]), roles("paid", "paid"));
    assert_eq!(plan(None, Some("plink_life"), &["price_pass"]), roles("pro", "pro"));
    assert_eq!(plan(None, Some("plink_other"), &["price_pass"]), roles("paid", "paid"));
    assert_eq!(plan(None, None, &["price_pass", "price_book"]), roles("pro", "pro"));
    assert_eq!(plan(None, Some("plink_other"), &["price_credits"]), roles("free", "free"));
}

#[test]
fn a_full_refund_ends_a_purchase_and_its_failure_brings_it_back() {
    let mut world = world(Rules::default());
    buy(&mut world, "lifetime", Report::Paid);
    let charge = last_charge(&world);
    world.advance(1);
    world.refund(&charge, 500);
    assert_eq!(role(&world, "ada"), "paid");
    let rest = world.refund(&charge, 1500).unwrap();
    assert_eq!(role(&world, "ada"), "free");
    world.fail_refund(&charge, &rest, RefundEnd::Failed);
    assert_eq!(role(&world, "ada"), "free");
    world.advance(1);
    let again = world.refund(&charge, 1500).unwrap();
    world.advance(1);
    world.fail_refund(&charge, &again, RefundEnd::UpdatedCanceled);
    assert_eq!(role(&world, "ada"), "paid");
}

#[test]
fn disputes_follow_their_policy() {
    use DisputePolicy::{Keep, Revoke, RevokeWhenLost};
    let rows: [(DisputePolicy, &[&'static str], &str); 8] = [
        (Keep, &["needs_response", "lost"], "paid"),
        (RevokeWhenLost, &["needs_response"], "paid"),
        (RevokeWhenLost, &["needs_response", "lost"], "free"),
        (Revoke, &["warning_needs_response"], "paid"),
        (Revoke, &["warning_needs_response", "needs_response"], "free"),
        (Revoke, &["needs_response", "under_review"], "free"),
        (Revoke, &["needs_response", "won"], "paid"),
        (Revoke, &["prevented"], "paid"),
    ];
    for (policy, statuses, expected) in rows {
        let mut one = world(Rules { purchase_dispute: policy, ..Rules::default() });
        buy(&mut one, "lifetime", Report::Paid);
        let mut two = world(Rules { dispute: policy, ..Rules::default() });
        let customer = two.add_customer(Metadata::new(), None);
        let sub = subscribe(&mut two, &customer, "price_pro", "ada");
        two.pay_invoice(&sub, 900, 2);
        for world in [&mut one, &mut two] {
            for status in statuses {
                world.dispute(&last_charge(world), status);
            }
            assert_eq!(role(world, "ada"), expected, "{policy:?} {statuses:?}");
        }
    }
}

#[test]
fn a_subscription_is_refunded_while_its_latest_paid_invoice_is() {
    let mut world = world(Rules { refund: Keep::Revoke, ..Rules::default() });
    let customer = world.add_customer(Metadata::new(), None);
    let sub = subscribe(&mut world, &customer, "price_pro", "ada");
    world.pay_invoice(&sub, 900, 1);
    let first = last_charge(&world);
    world.refund(&first, 900);
    assert_eq!(role(&world, "ada"), "free");
    world.advance(DAY);
    world.pay_invoice(&sub, 0, 1);
    assert_eq!(role(&world, "ada"), "free");
    let invoice = world.pay_invoice(&sub, 900, 2);
    assert_eq!(role(&world, "ada"), "paid");
    let charges = world.invoices[&invoice].charges.clone();
    world.refund(&charges[0], 450);
    assert_eq!(role(&world, "ada"), "paid");
    world.refund(&charges[1], 450);
    assert_eq!(role(&world, "ada"), "free");
}

#[test]
fn both_shapes_lead_from_a_charge_to_its_invoice() {
    for shape in [ApiShape::Old, ApiShape::Basil] {
        let mut world = World::empty(Rules::default(), shape, BASE);
        let customer = world.add_customer(Metadata::new(), None);
        let sub = subscribe(&mut world, &customer, "price_pro", "ada");
        let invoice = world.pay_invoice(&sub, 900, 1);
        let object = |kind: &str| {
            let event = world.events.iter().find(|event| event.kind == kind);
            event.map(|event| event.body["data"]["object"].clone()).unwrap_or_default()
        };
        if shape == ApiShape::Old {
            assert_eq!(object("invoice.paid")["subscription"], sub.as_str());
            assert_eq!(object("charge.succeeded")["invoice"], invoice.as_str());
            assert!(object("customer.subscription.created")["current_period_end"].is_i64());
        } else {
            let details = &object("invoice.paid")["parent"]["subscription_details"];
            assert_eq!(details["subscription"], sub.as_str());
            assert_eq!(object("invoice_payment.paid")["invoice"], invoice.as_str());
            let items = &object("customer.subscription.created")["items"]["data"];
            assert!(items[0]["current_period_end"].is_i64());
        }
    }
}
