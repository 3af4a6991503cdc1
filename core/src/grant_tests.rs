//! Tests of `grant`: what subscriptions earn, and until when.

use super::*;
use crate::{
    customer::{Customer, LatestInvoice},
    earned::is_unmapped,
    fold::{Before, Edge, Record},
    id::{CustomerId, InvoiceId, PurchaseId, SubscriptionId},
    latest::Latest,
    payment::{PaymentReport, PaymentState},
    policy::{
        Access, OnDispute, OnReversal, PastDue, PauseCollection, PlanConfig, PolicyConfig,
        tests::config,
    },
    purchase::Offer,
    reversal::GivenBack,
    subscription::{Item, Node, PauseBehavior},
};

const DAY: i64 = 86_400;
const SINCE: i64 = 1_000;

/// `price@end` items, by blanks; `-` has no end. `0*price@end` is of quantity 0.
fn items(text: &str) -> Vec<Item> {
    text.split_whitespace()
        .map(|item| {
            let (item, quantity) = match item.strip_prefix("0*") {
                Some(item) => (item, Some(0)),
                None => (item, None),
            };
            let (price, end) = item.split_once('@').unwrap();
            let (price, ends_at_secs) = (Some(price.into()), end.parse().ok());
            Item { price, ends_at_secs, quantity, ..Item::default() }
        })
        .collect()
}

/// Ada's subscription by `status: items`, in that status since [`SINCE`].
fn subscription(text: &str) -> Subscription {
    let (status, list) = text.split_once(':').unwrap();
    let to = Node {
        status: Status::parse(status),
        items: items(list),
        cancel_at_period_end: true,
        pause_collection: Some(PauseBehavior::Void),
        user: Some(ada()),
        ..Node::default()
    };
    of(to)
}

fn of(to: Node) -> Subscription {
    let first_period_ends_at_secs = to.period_ends_at_secs();
    let is_active = to.status == Status::Active;
    let active_period_ends_at_secs = first_period_ends_at_secs.filter(|_| is_active);
    let mut record = Record::default();
    record.insert(Edge { at_secs: SINCE, before: Before::Created, to: to.into() });
    Subscription {
        record,
        first_period_ends_at_secs,
        active_period_ends_at_secs,
        ..Subscription::default()
    }
}

fn ada() -> UserId {
    UserId::new("ada").unwrap()
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

/// What ada is granted. Nobody else is granted anything.
fn granted(customer: &Customer, policy: &Policy) -> Grant {
    let mut grants = Grant::by_user(&Owners::new(customer, policy), policy);
    let grant = grants.remove("ada").unwrap_or_default();
    assert!(grants.is_empty(), "{grants:?}");
    grant
}

fn earned(customer: &Customer, policy: &Policy) -> String {
    show(&granted(customer, policy))
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
        // Each item lasts by itself, and of those that earn one role the longest counts.
        (&["active:price_paid@5000 pro_monthly@6000"], "paid@5000+3 pro@6000+3"),
        (&["active:price_paid@9000 pro_monthly@1"], "paid@9000+3 pro@1+3"),
        (&["active:pro_monthly@6000 prod_pro@5000 price_paid@1"], "paid@1+3 pro@6000+3"),
        (&["active:pro_monthly@6000 prod_pro@-"], "pro@-"),
        (&["past_due:pro_monthly@9000 price_paid@500"], "paid@500+3 pro@1000+3"),
        // What nobody bought earns nothing.
        (&["active:price_paid@5000 0*pro_monthly@6000"], "paid@5000+3"),
        (&["active:0*price_paid@5000"], ""),
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
        let policy = policy(PastDue::Keep, 3);
        assert_eq!(earned(&customer, &policy), expected, "{subscriptions:?}");
        customer.deleted = true;
        assert!(
            Grant::by_user(&Owners::new(&customer, &policy), &policy).is_empty(),
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
        let earned = earned(&customer, &policy(past_due, grace_days));
        assert_eq!(earned, expected, "{past_due:?} {grace_days} {status}");
    }
}

#[test]
fn a_checkouts_payment_holds_the_role_back() {
    use PaymentState::{Failed, Paid, Pending};
    for (status, state, at_secs, earns) in [
        ("active", Paid, SINCE, true),
        ("trialing", Paid, 0, true),
        ("active", Pending, SINCE, false),
        ("trialing", Pending, SINCE + 1, false),
        // Only a status of `active` that began after the report proves that something was paid.
        ("active", Pending, SINCE - 1, true),
        ("active", Failed, SINCE - 1, true),
        ("active", Failed, SINCE, false),
        ("active", Failed, SINCE + 1, false),
        ("trialing", Failed, SINCE - 1, false),
        ("trialing", Pending, SINCE - 1, false),
        ("past_due", Failed, SINCE - 1, false),
    ] {
        let mut customer = customer(&[&format!("{status}:price_paid@5000")]);
        for subscription in customer.subscriptions.values_mut() {
            subscription.payment = Some(PaymentReport { at_secs, state });
        }
        let earned = earned(&customer, &policy(PastDue::Keep, 3));
        assert_eq!(!earned.is_empty(), earns, "{status} {state:?} {at_secs}");
    }
}

#[test]
fn a_later_period_or_invoice_proves_that_something_was_paid() {
    for (status, first_ends, paid_secs, earns) in [
        ("active", 5_000, None, false),
        ("active", 4_999, None, true),
        ("trialing", 4_999, None, false),
        ("past_due", 4_999, None, false),
        ("active", 5_000, Some(SINCE), false),
        ("active", 5_000, Some(SINCE + 1), true),
        ("past_due", 5_000, Some(SINCE + 1), true),
    ] {
        let mut subscription = subscription(&format!("{status}:price_paid@5000"));
        let report = PaymentReport { at_secs: SINCE, state: PaymentState::Failed };
        subscription.payment = Some(report);
        subscription.first_period_ends_at_secs = Some(first_ends);
        subscription.paid_secs = paid_secs;
        let mut customer = customer(&[]);
        customer.subscriptions.insert(SubscriptionId::new("sub_1").unwrap(), subscription);
        let earned = earned(&customer, &policy(PastDue::Keep, 3));
        assert_eq!(!earned.is_empty(), earns, "{status} {first_ends} {paid_secs:?}");
    }
}

#[test]
fn a_cancellation_bounds_every_item() {
    for (status, cancel_at_secs, expected) in [
        ("active", Some(7_000), "paid@5000+3 pro@7000+3"),
        ("active", Some(4_000), "paid@4000+3 pro@4000+3"),
        ("active", None, "paid@5000+3 pro@-"),
        ("past_due", Some(4_000), "paid@1000+3 pro@1000+3"),
        ("past_due", Some(400), "paid@400+3 pro@400+3"),
    ] {
        let mut customer = customer(&[]);
        let node = Node {
            status: Status::parse(status),
            items: items("price_paid@5000 pro_monthly@-"),
            cancel_at_secs,
            user: Some(ada()),
            ..Node::default()
        };
        customer.subscriptions.insert(SubscriptionId::new("sub_1").unwrap(), of(node));
        let earned = earned(&customer, &policy(PastDue::Keep, 3));
        assert_eq!(earned, expected, "{status} {cancel_at_secs:?}");
    }
}

#[test]
fn the_policy_says_what_paused_collection_means_for_each_behavior() {
    use Access::{Keep, Revoke};
    let all = |access| PauseCollection::all(access);
    for (behavior, pause_collection, earns) in [
        ("void", all(Keep), true),
        ("void", all(Revoke), false),
        ("void", PauseCollection { void: Revoke, ..all(Keep) }, false),
        ("void", PauseCollection { void: Keep, ..all(Revoke) }, true),
        ("keep_as_draft", PauseCollection { keep_as_draft: Revoke, ..all(Keep) }, false),
        ("keep_as_draft", PauseCollection { keep_as_draft: Keep, ..all(Revoke) }, true),
        ("mark_uncollectible", PauseCollection { mark_uncollectible: Revoke, ..all(Keep) }, false),
        ("mark_uncollectible", PauseCollection { mark_uncollectible: Keep, ..all(Revoke) }, true),
        // A behavior that Stripe added later takes nothing away.
        ("something_new", all(Revoke), true),
    ] {
        let mut customer = customer(&[]);
        let node = Node {
            status: Status::Active,
            items: items("price_paid@5000"),
            pause_collection: Some(PauseBehavior::parse(behavior)),
            user: Some(ada()),
            ..Node::default()
        };
        customer.subscriptions.insert(SubscriptionId::new("sub_1").unwrap(), of(node));
        let policy = Policy::new(PolicyConfig { pause_collection, ..config() }).unwrap();
        assert_eq!(!earned(&customer, &policy).is_empty(), earns, "{behavior}");
        let troubled = granted(&customer, &policy).troubled().cloned();
        let status = troubled.and_then(|shown| shown.status);
        assert_eq!(status, (!earns).then_some(Status::Active), "its status is still shown");
    }
}

#[test]
fn the_policy_says_what_given_back_money_means() {
    let refunded = GivenBack { refunded: true, ..GivenBack::default() };
    let disputed = GivenBack { disputed: true, ..GivenBack::default() };
    let lost = GivenBack { lost: true, ..GivenBack::default() };
    let keep = OnReversal { refund: Access::Keep, dispute: OnDispute::Keep };
    let refund = OnReversal { refund: Access::Revoke, ..keep };
    let dispute = OnReversal { dispute: OnDispute::Revoke, ..keep };
    let when_lost = OnReversal { dispute: OnDispute::RevokeWhenLost, ..keep };
    for (given_back, policies) in [
        (GivenBack::default(), [true, true, true, true]),
        (refunded, [true, false, true, true]),
        (disputed, [true, true, false, true]),
        (lost, [true, true, false, false]),
    ] {
        for (on, earns) in [keep, refund, dispute, when_lost].into_iter().zip(policies) {
            let mut subscribed = customer(&["active:price_paid@5000"]);
            for subscription in subscribed.subscriptions.values_mut() {
                let id = InvoiceId::new("in_1").unwrap();
                let created_secs = SINCE;
                subscription.invoice = Some(LatestInvoice { created_secs, id, given_back });
            }
            let config = PolicyConfig { subscription_reversal: on, ..config() };
            let policy = Policy::new(config.clone()).unwrap();
            assert_eq!(!earned(&subscribed, &policy).is_empty(), earns, "{given_back:?} {on:?}");

            let mut bought = customer(&[]);
            let id = PurchaseId::new("pi_1").unwrap();
            bought.purchases.insert(id, Purchase { given_back, ..purchase("price_paid", 9) });
            let policy = PolicyConfig { purchase_reversal: on, ..config };
            let policy = Policy::new(policy).unwrap();
            assert_eq!(!earned(&bought, &policy).is_empty(), earns, "{given_back:?} {on:?}");
        }
    }
}

/// Ada's purchase of a plan, paid at that second.
fn purchase(plan: &str, at_secs: i64) -> Purchase {
    Purchase {
        checkout: Some(Latest { at_secs, value: ada() }),
        report: Some(PaymentReport { at_secs, state: PaymentState::Paid }),
        offer: Offer { plan: Some(plan.into()), ..Offer::default() },
        ..Purchase::default()
    }
}

#[test]
fn a_purchase_is_for_good_or_a_pass_of_some_days() {
    let mut config = config();
    config.plans.push(PlanConfig { days: Some(30), ..PlanConfig::new("month_pass", "paid") });
    let policy = Policy::new(config).unwrap();
    let mut customer = customer(&[]);
    let mut buy = |id, plan| {
        customer.purchases.insert(PurchaseId::new(id).unwrap(), purchase(plan, 9));
        granted(&customer, &policy)
    };
    let pass = buy("pi_1", "month_pass");
    assert_eq!(show(&pass), "");
    let starts_at = Timestamp::from_secs(9);
    let expected = Pass { starts_at, days: 30, role: Role::new("paid") };
    assert_eq!(pass.passes().collect::<Vec<_>>(), [&expected]);
    assert_eq!(show(&buy("pi_2", "pro_monthly")), "pro@-");
    // Passes are in the order of their start.
    customer.purchases.insert(PurchaseId::new("pi_3").unwrap(), purchase("month_pass", 5));
    let grant = granted(&customer, &policy);
    let starts: Vec<i64> = grant.passes().map(|pass| pass.starts_at.as_secs()).collect();
    assert_eq!(starts, [5, 9]);
}

#[test]
fn access_lasts_to_the_millisecond_before_its_end() {
    let at = |millis| Some(Timestamp::from_millis(millis));
    for (access_until, now, lasts) in
        [(at(10), 9, true), (at(10), 10, false), (at(10), 11, false), (None, i64::MAX, true)]
    {
        let (role, expires_at, shown) = (Role::new("paid"), at(5), Shown::default());
        let entitlement = Entitlement { role, expires_at, access_until, shown };
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
            let policy = policy(past_due, 0);
            assert_eq!(is_unmapped(None, node, &policy), expected, "{text} {past_due:?}");
        }
    }
}
