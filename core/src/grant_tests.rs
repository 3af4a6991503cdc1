//! Tests of `grant`: what subscriptions earn, and until when.

use super::*;
use crate::{
    customer::Subscription,
    fold::{Before, Edge, Record},
    id::{CustomerId, SubscriptionId},
    payment::{Payment, PaymentState},
    policy::{PolicyConfig, tests::config},
    subscription::Item,
};

const DAY: i64 = 86_400;
const SINCE: i64 = 1_000;

/// `price@end` items, by blanks; `-` has no end.
fn items(text: &str) -> Vec<Item> {
    text.split_whitespace()
        .map(|item| {
            let (price, end) = item.split_once('@').unwrap();
            Item { price: Some(price.into()), ends_at_secs: end.parse().ok(), ..Item::default() }
        })
        .collect()
}

/// A subscription by `status: items`, in that status since [`SINCE`].
fn subscription(text: &str) -> Subscription {
    let (status, list) = text.split_once(':').unwrap();
    let to = Node {
        status: Status::parse(status),
        items: items(list),
        cancel_at_period_end: true,
        collection_paused: true,
        user: None,
    };
    let mut record = Record::default();
    record.insert(Edge { at_secs: SINCE, before: Before::Created, to: to.into() });
    Subscription { record, payment: None }
}

fn customer(subscriptions: &[&str]) -> Customer {
    let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
    for (n, text) in subscriptions.iter().enumerate() {
        let id = SubscriptionId::new(&format!("sub_{n}")).unwrap();
        customer.subscriptions.insert(id, subscription(text));
    }
    customer
}

/// A grant as `role@expiry+days of grace`, lowest role first.
fn show(grant: &Grant) -> String {
    let one = |entitlement: &Entitlement| {
        let (Some(expires), Some(until)) = (entitlement.expires_at, entitlement.access_until)
        else {
            assert_eq!(entitlement.expires_at.or(entitlement.access_until), None);
            return format!("{}@-", entitlement.role);
        };
        let grace = (until.as_millis() - expires.as_millis()) / (DAY * 1_000);
        format!("{}@{}+{grace}", entitlement.role, expires.as_secs())
    };
    grant.entitlements().map(one).collect::<Vec<_>>().join(" ")
}

fn policy(past_due: PastDue, grace_days: u32) -> Policy {
    Policy::new(PolicyConfig { past_due, grace_days, ..config() }).unwrap()
}

#[test]
fn a_customer_earns_the_best_of_each_role() {
    for (subscriptions, expected) in [
        // Which statuses give access.
        (&["active:price_paid@5000"][..], "paid@5000+3"),
        (&["trialing:price_paid@5000"], "paid@5000+3"),
        (&["unpaid:price_paid@5000"], ""),
        (&["canceled:price_paid@5000"], ""),
        (&["incomplete:price_paid@5000"], ""),
        (&["incomplete_expired:price_paid@5000"], ""),
        (&["paused:price_paid@5000"], ""),
        (&["something_new:price_paid@5000"], ""),
        // A past-due subscription was paid until it became so, whatever period Stripe shows now.
        (&["past_due:price_paid@5000"], "paid@1000+3"),
        (&["past_due:price_paid@500"], "paid@500+3"),
        (&["past_due:price_paid@-"], "paid@1000+3"),
        // The highest role of several items counts, until the earliest end of the items that earn it.
        (&["active:price_paid@5000 pro_monthly@6000"], "pro@6000+3"),
        (&["active:pro_monthly@6000 prod_pro@5000 price_paid@1"], "pro@5000+3"),
        (&["active:pro_monthly@6000 prod_pro@-"], "pro@6000+3"),
        (&["active:price_unknown@1 price_paid@5000"], "paid@5000+3"),
        (&["active:price_unknown@5000"], ""),
        (&["active:"], ""),
        (&["active:price_paid@-"], "paid@-"),
        // Each role of several subscriptions lasts as long as its longest entitlement.
        (&["active:price_paid@5000", "active:price_paid@9000"], "paid@9000+3"),
        (&["active:price_paid@9000", "active:price_paid@5000"], "paid@9000+3"),
        (&["active:price_paid@9000", "active:price_paid@-"], "paid@-"),
        (&["active:pro_monthly@1", "active:price_paid@9000"], "paid@9000+3 pro@1+3"),
        (&["past_due:pro_monthly@9000", "active:price_paid@9000"], "paid@9000+3 pro@1000+3"),
    ] {
        let mut customer = customer(subscriptions);
        let grant = Grant::from_customer(&customer, &policy(PastDue::Keep, 3));
        assert_eq!(show(&grant), expected, "{subscriptions:?}");
        assert_eq!(grant.is_empty(), expected.is_empty());
        customer.deleted = true;
        assert!(
            Grant::from_customer(&customer, &policy(PastDue::Keep, 3)).is_empty(),
            "deleted: {subscriptions:?}"
        );
    }
}

#[test]
fn the_policy_says_what_lateness_means() {
    for (past_due, grace_days, status, expected) in [
        (PastDue::Keep, 0, "past_due", "paid@1000+0"),
        (PastDue::Keep, 90, "past_due", "paid@1000+90"),
        (PastDue::Revoke, 90, "past_due", ""),
        (PastDue::Revoke, 90, "active", "paid@5000+90"),
        (PastDue::Keep, 0, "active", "paid@5000+0"),
    ] {
        let customer = customer(&[&format!("{status}:price_paid@5000")]);
        let grant = Grant::from_customer(&customer, &policy(past_due, grace_days));
        assert_eq!(show(&grant), expected, "{past_due:?} {grace_days} {status}");
    }
}

#[test]
fn a_checkouts_payment_holds_the_role_back() {
    use PaymentState::{Failed, Paid, Pending};
    for (status, state, at_secs, earns) in [
        ("active", Paid, SINCE, true),
        ("trialing", Paid, 0, true),
        ("active", Pending, 0, false),
        ("trialing", Pending, SINCE + 1, false),
        // Only a status of `active` that began after a failure makes up for it.
        ("active", Failed, SINCE - 1, true),
        ("active", Failed, SINCE, false),
        ("active", Failed, SINCE + 1, false),
        ("trialing", Failed, SINCE - 1, false),
        ("past_due", Failed, SINCE - 1, false),
    ] {
        let mut customer = customer(&[&format!("{status}:price_paid@5000")]);
        for subscription in customer.subscriptions.values_mut() {
            subscription.payment = Some(Payment { at_secs, state });
        }
        let grant = Grant::from_customer(&customer, &policy(PastDue::Keep, 3));
        assert_eq!(!grant.is_empty(), earns, "{status} {state:?} {at_secs}");
    }
}

#[test]
fn access_lasts_to_the_millisecond_before_its_end() {
    let at = |millis| Some(Timestamp::from_millis(millis));
    for (access_until, now, lasts) in
        [(at(10), 9, true), (at(10), 10, false), (at(10), 11, false), (None, i64::MAX, true)]
    {
        let entitlement = Entitlement { role: Role::new("paid"), expires_at: at(5), access_until };
        assert_eq!(
            entitlement.is_active(Timestamp::from_millis(now)),
            lasts,
            "{access_until:?} {now}"
        );
    }
}

#[test]
fn a_live_subscription_without_a_known_price_is_unmapped() {
    for (text, keep, revoke) in [
        ("active:price_paid@1", false, false),
        ("active:price_unknown@1 price_paid@1", false, false),
        ("active:price_unknown@1", true, true),
        ("active:", true, true),
        ("past_due:price_unknown@1", true, false),
        ("unpaid:price_unknown@1", false, false),
        ("canceled:price_unknown@1", false, false),
    ] {
        let subscription = subscription(text);
        let node = subscription.record.state().unwrap().node;
        for (past_due, expected) in [(PastDue::Keep, keep), (PastDue::Revoke, revoke)] {
            assert_eq!(is_unmapped(node, &policy(past_due, 0)), expected, "{text} {past_due:?}");
        }
    }
}
