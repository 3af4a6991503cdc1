//! Posts events in the shapes of Stripe's API versions: each is read, or parked with its cause, and none that
//! concerns access is ignored.
//!
//! A fixture is one event, or the events of a story in the order of delivery. Its folder is the API version
//! that has its shape, or the year. Field names, nesting, nulls and types are Stripe's; the ids are made up.
//! A single event has all fields of its version, one of a story only those that matter. The sources are the
//! pages cited below, the versions of the API reference, and the types of Stripe's SDKs.

use std::{collections::BTreeSet, fs, path::PathBuf};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tierlift_core::{
    account::{Account, Standing},
    policy::{Access, OnDispute, OnReversal, PauseCollection, PlanConfig, Policy, PolicyConfig},
    ports::{DeadLetters as _, Store as _},
};
use tierlift_embedded::Settings;
use tierlift_testkit::facts::{event_id, user_id};

use crate::{
    pipeline::drained,
    server::{START, TestServer},
};

/// Each fixture and its result: the role of `ada`, the days for which it is paid, and the features; the
/// outcome of the last event, if she has no account; the cause of a dead letter; or the reason why the event
/// is ignored.
const SHAPES: &[(&str, &str)] = &[
    // A plan, no items, and `request` is an id.
    ("2015/subscription_created", "pro, 30 days"),
    ("2015/subscription_upgraded", "pro, 30 days"),
    ("2015/subscription_trial_unpaid", "free"),
    ("2015/subscription_deleted", "free"),
    ("2015/plan_renamed", "pro, 30 days"),
    ("2015/customer_deleted", "free"),
    // A dispute names a charge, since there are no PaymentIntents yet.
    ("2015/dispute_lost", "free"),
    ("2015/dispute_charge_refunded", "pro, 30 days"),
    // Before 2017-05-25 a connected account is the `user_id`
    // (<https://docs.stripe.com/changelog/2017-05-25/events-connect-specify-originating-account>).
    ("2015/connected_account", "ignored: connected_account"),
    ("2016/connected_account_is_listed", "pro, 30 days"),
    // Items with plans. Before 2017-05-25 the previous attributes have only what changed of a list
    // (<https://docs.stripe.com/changelog/2017-05-25/events-previous-attributes-render-complete-sub-array>).
    ("2016/subscription_created", "pro, 30 days"),
    ("2016/subscription_of_two_plans", "pro, 30 days"),
    ("2016/subscription_upgraded", "pro, 30 days"),
    // Plans have products; a charge has its refunds and its invoice.
    ("2018/subscription_created", "pro, 30 days"),
    ("2018/subscription_downgraded", "basic, 30 days"),
    ("2018/price_unknown", "parked: plan.unmapped"),
    ("2018/connected_account", "ignored: connected_account"),
    ("2018/charge_refunded", "free"),
    ("2018/charge_refunded_in_part", "pro, 30 days"),
    // Checkout without modes and payment statuses, with `display_items`.
    ("2019/checkout_of_a_subscription", "pro, 30 days"),
    ("2019/checkout_of_a_named_plan", "pro"),
    ("2019/checkout_of_something_else", "unrelated"),
    ("2019/checkout_saves_a_card", "ignored: checkout_mode"),
    // Prices beside plans; paused collection.
    ("2020/subscription_created", "pro, 30 days"),
    ("2020/subscription_incomplete", "free"),
    ("2020/subscription_completes", "pro, 30 days"),
    ("2020/price_changed", "pro, 30 days"),
    ("2020/schedule_attached", "pro, 30 days"),
    ("2020/collection_paused", "free"),
    ("2020/collection_resumed", "pro, 30 days"),
    ("2020/user_moved", "pro, 30 days"),
    ("2020/checkout_of_a_subscription", "pro, 30 days"),
    ("2020/checkout_of_a_named_plan", "pro"),
    ("2020/delayed_payment_is_open", "waiting"),
    ("2020/delayed_payment_succeeds", "pro"),
    ("2020/delayed_payment_fails", "waiting"),
    ("2020/delayed_subscription_payment_fails", "free"),
    ("2020/purchase_is_refunded", "free"),
    ("2020/refund_of_a_purchase_fails", "pro"),
    ("2020/purchase_is_lost_in_a_dispute", "free"),
    ("2020/purchase_has_an_inquiry", "pro"),
    ("2020/stranger_is_refunded", "waiting"),
    // Payment links: the buyer may be a guest.
    ("2021/payment_link_of_a_guest", "pro"),
    ("2021/payment_link_creates_a_customer", "pro"),
    ("2021/payment_link_nothing_to_pay", "pro"),
    ("2021/payment_link_is_unknown", "unrelated"),
    ("2021/guest_without_a_reference", "waiting"),
    // Charges without their refunds, PaymentIntents without charges.
    ("2022-11-15/charge_refunded", "free"),
    ("2022-11-15/payment_intent_succeeded", "ignored: payment"),
    ("2022-11-15/trial_paused", "free"),
    ("2022-11-15/trial_resumed", "pro, 30 days"),
    ("2022-11-15/customer_deleted", "free"),
    ("2022-11-15/customer_names_the_user", "pro, 30 days"),
    ("2024-09-30.acacia/subscription_created", "pro, 30 days"),
    ("2024-09-30.acacia/renewal_is_past_due", "pro, 0 days"),
    ("2024-09-30.acacia/cancels_at_period_end", "pro, 30 days"),
    ("2024-09-30.acacia/entitlements", "pro, 30 days, api, export"),
    ("2024-09-30.acacia/entitlements_are_taken_back", "pro, 30 days"),
    // Periods on items
    // (<https://docs.stripe.com/changelog/basil/2025-03-31/deprecate-subscription-current-period-start-and-end>);
    // an `invoice_payment` between an invoice and its payment.
    ("2025-03-31.basil/subscription_created", "pro, 30 days"),
    ("2025-03-31.basil/subscription_renewed", "pro, 60 days"),
    ("2025-03-31.basil/subscription_is_refunded", "free"),
    ("2025-03-31.basil/refund_comes_first", "free"),
    ("2025-03-31.basil/invoice_paid_by_a_charge", "free"),
    ("2025-03-31.basil/invoice_of_a_quote", "unrelated"),
    ("2025-03-31.basil/invoice_of_nothing", "unrelated"),
    ("2025-03-31.basil/invoice_paid_outside_stripe", "unrelated"),
    // Flexible billing (<https://docs.stripe.com/changelog/clover/2025-09-30/billing-mode-default-flexible>).
    ("2025-09-30.clover/subscription_created", "pro, 30 days"),
    ("2025-09-30.clover/intervals_are_mixed", "pro, 30 days"),
    ("2025-09-30.clover/migrated_to_flexible", "pro, 30 days"),
    ("2025-09-30.clover/item_added", "pro, 30 days"),
    ("2025-09-30.clover/cancels_at_the_latest_period", "pro, 30 days"),
    // An Account can be the customer; more than twenty items
    // (<https://docs.stripe.com/changelog/dahlia/2026-08-26/flexible-subscription-item-limits>).
    ("2026-08-26.dahlia/subscription_created", "pro, 30 days"),
    ("2026-08-26.dahlia/account_is_the_customer", "pro, 30 days"),
    ("2026-08-26.dahlia/account_beside_the_customer", "pro, 30 days"),
    ("2026-08-26.dahlia/account_buys_once", "pro"),
    ("2026-08-26.dahlia/account_has_entitlements", "pro, 30 days, api"),
    ("2026-08-26.dahlia/account_is_refunded", "free"),
    ("2026-08-26.dahlia/items_beyond_twenty", "pro, 30 days"),
    ("2026-08-26.dahlia/items_on_another_page", "basic, 30 days"),
    ("2026-08-26.dahlia/dispute_is_prevented", "pro"),
    // Subscriptions are paused on demand
    // (<https://docs.stripe.com/changelog/endive/2026-09-30/pause-subscription>).
    ("2026-09-30.endive/subscription_created", "pro, 30 days"),
    ("2026-09-30.endive/subscription_is_paused", "free"),
    ("2026-09-30.endive/subscription_is_resumed", "pro, 30 days"),
    ("2026-09-30.endive/refund_names_the_customer", "pro"),
    // Appeals of lost disputes
    // (<https://docs.stripe.com/changelog/endive/2026-10-28/evidence-submission-appeal-dispute-decisions>).
    ("2026-10-28.endive/dispute_is_appealed", "free"),
    ("2026-10-28.endive/appeal_is_won", "pro"),
    ("2026-10-28.endive/three_d_secure", "ignored: payment"),
    // Events without their object.
    ("thin/subscription_updated", "parked: event.thin"),
    ("thin/subscription_changes", "parked: event.thin"),
    ("thin/entitlements", "parked: event.thin"),
    ("thin/event_lost", "parked: event.thin"),
    ("thin/subscription_active", "ignored: echo"),
    ("thin/account_updated", "ignored: connect"),
    ("thin/balance", "ignored: balance"),
    // Shapes that no version sends, but replays and other tools do.
    ("odd/no_livemode_no_api_version", "pro, 30 days"),
    ("odd/api_version_is_null", "pro, 30 days"),
    ("odd/connected_account_is_null", "pro, 30 days"),
    ("odd/livemode", "parked: livemode.mismatch"),
    ("odd/objects_are_expanded", "pro, 30 days"),
    ("odd/reversal_is_expanded", "free"),
    ("odd/line_items_are_expanded", "pro"),
    ("odd/customer_is_expanded_and_deleted", "pro, 30 days"),
    ("odd/no_status", "parked: payload.malformed"),
    ("odd/no_customer", "parked: payload.malformed"),
    ("odd/status_is_new", "free"),
];

/// Servers that run at the same time.
const SERVERS: usize = 8;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/stripe")
}

/// The events of a fixture.
fn events(name: &str) -> Vec<Value> {
    let path = folder().join(format!("{name}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    match serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")) {
        Value::Array(events) => events,
        event => vec![event],
    }
}

/// `free < basic < pro`. Refunds, disputes and paused collection end access.
fn policy() -> Policy {
    let plan = |key: &&str, role| PlanConfig::new(key, role);
    let pro = ["pro", "prod_pro", "price_pro", "pro_monthly", "lifetime", "plink_1", "price_once"];
    let basic = ["basic", "prod_basic", "price_basic"];
    let pro = pro.iter().map(|key| plan(key, "pro"));
    let basic = basic.iter().map(|key| plan(key, "basic"));
    Policy::new(PolicyConfig {
        roles: ["free", "basic", "pro"].map(str::to_owned).to_vec(),
        plans: pro.chain(basic).collect(),
        pause_collection: PauseCollection::all(Access::Revoke),
        subscription_reversal: OnReversal { refund: Access::Revoke, dispute: OnDispute::Revoke },
        ..PolicyConfig::default()
    })
    .unwrap()
}

/// The result of these events on a new server, as in the table.
async fn left_by(name: &str, events: &[Value]) -> String {
    let change = |settings: &mut Settings| {
        settings.policy = policy().into();
        settings.connected_accounts = vec!["acct_listed".to_owned()].into();
    };
    let server = TestServer::start_with(change, |server| server).await;
    for event in events {
        let answer = server.webhook(&event.to_string()).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        if answer["status"] != "accepted" {
            return format!("{}: {}", text(&answer, "status"), text(&answer, "reason"));
        }
        drained(&server).await;
    }
    if let Some(letter) = server.db.list(1).await.unwrap().first() {
        return format!("parked: {}", letter.failure.cause.as_str());
    }
    if let Some(account) = server.db.account(&user_id("ada")).await.unwrap() {
        return standing(&account);
    }
    let last = event_id(text(events.last().unwrap(), "id"));
    server.db.ledger(&last).await.unwrap().unwrap().outcome.as_str().to_owned()
}

/// The role, the days for which it is paid, and the features.
fn standing(account: &Account) -> String {
    let Standing { subscription_expires_at, features, .. } = &account.standing;
    let days = subscription_expires_at.map(|end| (end.as_secs() - START.as_secs()) / 86_400);
    let days = days.map(|days| format!("{days} days"));
    let words = days.into_iter().chain(features.iter().map(ToString::to_string));
    words.fold(account.role.to_string(), |line, word| format!("{line}, {word}"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_every_era_is_read_or_parked_with_its_cause() {
    let shapes = stream::iter(SHAPES).map(async |(name, expected)| {
        let left = left_by(name, &events(name)).await;
        (left != *expected).then(|| format!("{name}: {left}; expected {expected}"))
    });
    let wrong: Vec<String> =
        shapes.buffered(SERVERS).filter_map(async |wrong| wrong).collect().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// In reverse and within one second, only the previous attributes show which event was first.
#[tokio::test(flavor = "multi_thread")]
async fn the_previous_attributes_of_every_era_order_the_events_of_a_subscription() {
    let is_one = |events: &[Value]| {
        let kinds: Vec<_> = events.iter().map(|event| text(event, "type")).collect();
        matches!(&kinds[..], ["customer.subscription.created", rest @ ..]
            if !rest.is_empty() && rest.iter().all(|kind| *kind == "customer.subscription.updated"))
    };
    let mut stories: Vec<_> =
        SHAPES.iter().map(|(name, told)| (name, told, events(name))).collect();
    stories.retain(|(_, _, events)| is_one(events));
    assert!(stories.len() >= 15, "{}", stories.len());
    let stories = stream::iter(stories).map(async |(name, told, mut events)| {
        events.reverse();
        for event in &mut events {
            event["created"] = START.as_secs().into();
        }
        let left = left_by(name, &events).await;
        (left != *told).then(|| format!("{name}: {left}; expected {told}"))
    });
    let wrong: Vec<String> =
        stories.buffered(SERVERS).filter_map(async |wrong| wrong).collect().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_fixture_is_in_the_table_once() {
    let mut files = BTreeSet::new();
    for era in fs::read_dir(folder()).unwrap() {
        let era = era.unwrap();
        for file in fs::read_dir(era.path()).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(path.extension().unwrap(), "json", "{path:?}");
            let name = path.file_stem().unwrap().to_str().unwrap();
            files.insert(format!("{}/{name}", era.file_name().to_str().unwrap()));
        }
    }
    let table: BTreeSet<String> = SHAPES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(table.len(), SHAPES.len(), "a fixture is there twice");
    assert_eq!(files, table);
}
