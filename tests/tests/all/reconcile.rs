//! Import and reconciliation against the stand-in for Stripe's API: everybody ends with what they paid for, whatever
//! webhooks were lost and however often the run is killed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tierlift_core::{
    observation::Because,
    ports::{
        DeadLetters as _, Enqueue as _, Group, Message, ReconciliationRecord as _, Store as _,
    },
    reconciliation::Reconciliation,
    stripe::event::Type,
    time::Timestamp,
};
use tierlift_embedded::reconcile::Pass;
use tierlift_testkit::{
    facts::{customer_id, event_id, policy, user_id},
    stripe_api::Fault,
    webhook,
};
use tokio::sync::Notify;

use crate::asking::Asking;

const NOW_SECS: i64 = 1_795_000_000;

async fn shop() -> Asking {
    Asking::open(policy(), Timestamp::from_secs(NOW_SECS)).await
}

/// A customer of its own for each user, `paid` or not by its number.
fn event(number: usize) -> Value {
    let status = if number.is_multiple_of(3) { "canceled" } else { "active" };
    let user = format!("user{number}");
    let at = Timestamp::from_secs(NOW_SECS - 86_400);
    let mut event = webhook::subscription(&format!("evt_{number}"), &user, status, at);
    let object = &mut event["data"]["object"];
    object["object"] = "subscription".into();
    object["livemode"] = false.into();
    object["created"] = (NOW_SECS - 86_400).into();
    object["ended_at"] = json!((status == "canceled").then_some(NOW_SECS - 80_000));
    event
}

fn expected(number: usize) -> &'static str {
    if number.is_multiple_of(3) { "free" } else { "paid" }
}

impl Asking {
    fn sell(&self, numbers: impl Iterator<Item = usize>) {
        for number in numbers {
            let event = event(number);
            self.api.put(event["data"]["object"].clone());
            self.api.put(event);
        }
    }

    /// The webhook of a subscription, as ingest enqueues it.
    async fn deliver(&self, number: usize) {
        let body = event(number).to_string();
        let event = event_id(&format!("evt_{number}"));
        let customer = customer_id(&format!("cus_user{number}"));
        let message = Message {
            group: Group::new(&event, Some(&customer)),
            event,
            kind: Type::SubscriptionCreated,
            received_at: self.clock.now(),
            trace: None,
            body: body.into(),
        };
        self.offline.db().enqueue(message).await.unwrap();
    }

    async fn run(&self, because: Because, is_dry_run: bool) -> Reconciliation {
        let state = Reconciliation::new(because, self.clock.now());
        let (policy, clock) = (policy(), self.clock.clock());
        let (stripe, db) = (&self.client, self.offline.db());
        let (policy, clock) = (&policy, &clock);
        let pass =
            Pass { stripe, store: db, queue: db, policy, clock, is_dry_run, backlog_max: None };
        let done = pass.run(state, |_| {}).await.unwrap();
        assert_eq!(self.offline.drain().await.unwrap(), 0);
        assert_eq!(self.offline.db().depth().await.unwrap().dead, 0);
        done
    }

    async fn role(&self, number: usize) -> (String, u64) {
        let account = self.offline.db().account(&user_id(&format!("user{number}"))).await.unwrap();
        account.map_or(("free".to_owned(), 0), |account| {
            (account.role.to_string(), account.revocation_id.0)
        })
    }

    async fn check(&self, numbers: impl Iterator<Item = usize>) {
        for number in numbers {
            let expected = expected(number);
            let moved = u64::from(expected == "paid");
            assert_eq!(self.role(number).await, (expected.to_owned(), moved), "user{number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_brings_everybody_who_pays_already() {
    let shop = shop().await;
    shop.sell(0..250);
    let dry = shop.run(Because::Import, true).await;
    assert_eq!(dry.report.checked, 250);
    assert_eq!(shop.role(1).await.0, "free", "a dry run changes nothing");
    assert_eq!(shop.offline.db().reconciliation().await.unwrap(), None);
    let done = shop.run(Because::Import, false).await;
    assert_eq!(done.report.fixed, dry.report.fixed);
    shop.check(0..250).await;
    assert_eq!(shop.offline.db().reconciliation().await.unwrap(), Some(done));
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_never_came_are_fixed_by_one_reconciliation() {
    let shop = shop().await;
    shop.sell(0..300);
    let came: Vec<usize> = (0..300).filter(|number| number % 10 >= 3).collect();
    for number in &came {
        shop.deliver(*number).await;
    }
    assert_eq!(shop.offline.drain().await.unwrap(), 0);
    shop.clock.advance_secs(60);
    let done = shop.run(Because::Reconcile, false).await.report;
    shop.check(0..300).await;
    let lost = (0..300).filter(|number| !came.contains(number) && expected(*number) == "paid");
    let lost = u64::try_from(lost.count()).unwrap();
    assert_eq!((done.fixed, done.never_came, done.came_and_failed), (lost, lost, 0));
    shop.clock.advance_secs(60);
    let again = shop.run(Because::Reconcile, false).await.report;
    assert_eq!((again.checked, again.right, again.fixed), (300, 300, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_goes_on_where_it_was() {
    let shop = shop().await;
    shop.sell(0..1_000);
    let (policy, clock) = (policy(), shop.clock.clock());
    let (stripe, db) = (&shop.client, shop.offline.db());
    let (policy, is_dry_run) = (&policy, false);
    let pass =
        Pass { stripe, store: db, queue: db, policy, clock: &clock, is_dry_run, backlog_max: None };
    let mut kills = 0;
    loop {
        let latest = db.reconciliation().await.unwrap();
        let state = latest.unwrap_or_else(|| Reconciliation::new(Because::Import, clock.now()));
        let (kill, pages) = (Arc::new(Notify::new()), AtomicUsize::new(0));
        let killed = Arc::clone(&kill);
        let run = pass.run(state, |_| {
            if pages.fetch_add(1, Ordering::SeqCst) == 1 {
                kill.notify_one();
            }
        });
        // Webhooks flow meanwhile.
        shop.deliver(kills * 50 + 1).await;
        tokio::select! {
            biased;
            () = killed.notified() => kills += 1,
            done = run => break drop(done.unwrap()),
        }
    }
    assert_eq!(shop.offline.drain().await.unwrap(), 0);
    assert!(kills >= 5, "{kills}");
    shop.check(0..1_000).await;
    // Customers, 10 of subscriptions, the other three lists, and of each kill at most one page again.
    let pages = shop.api.targets().iter().filter(|it| !it.starts_with("/v1/events")).count();
    assert!(pages <= 14 + kills, "{pages} pages, {kills} kills");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_ends_no_import() {
    let shop = shop().await;
    shop.sell(0..120);
    for _ in 0..2 {
        shop.api.fail_next(Fault::RateLimited { retry_after_secs: Some(1) });
        shop.api.fail_next(Fault::Status(500));
    }
    shop.run(Because::Import, false).await;
    shop.check(0..120).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_without_a_plan_or_to_nobody_is_reported() {
    let shop = shop().await;
    shop.sell(1..3);
    shop.api.change("subscription", "sub_user1", |object| object["metadata"] = json!({}));
    shop.api.change("subscription", "sub_user2", |object| {
        object["items"]["data"][0]["price"]["id"] = "price_new".into();
    });
    let report = shop.run(Because::Import, true).await.report;
    assert_eq!((report.unowned, report.parked), (1, 1));
    assert_eq!(report.unmapped.into_iter().collect::<Vec<_>>(), [("price_new".to_owned(), 1)]);
}
