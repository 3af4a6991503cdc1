//! A reconciliation over SQS and DynamoDB, against the stand-in for Stripe's API: however often it is ended, it goes
//! on, and everybody ends with what they paid for.

use std::time::Duration;

use serde_json::Value;
use tierlift_aws::{clock, queue::Queue, store::Store};
use tierlift_core::{
    codes::Code,
    failure::Failure,
    observation::Because,
    ports::{
        DeadLetters as _, Enqueue as _, Group, Message, Queue as _, ReconciliationRecord as _,
        Store as _,
    },
    reconciliation::{Reconciliation, Report},
    stripe::event::Type,
};
use tierlift_stripe::{Client, Key, Settings};
use tierlift_testkit::{
    facts::{customer_id, event_id, policy, user_id},
    harness::now,
    stripe_api::StripeApi,
    webhook,
};
use tierlift_worker::{
    Worker,
    reconcile::{Error, Pass},
};
use tokio::sync::Notify;

use super::resources::TestResources;

const KEY: &str = "rk_test_1234567";
/// Two pages of subscriptions.
const USERS: usize = 130;

fn event(number: usize) -> Value {
    let user = format!("user{number}");
    let at = now().plus_secs(-3_600);
    let mut event = webhook::subscription(&format!("evt_{number}"), &user, "active", at);
    let object = &mut event["data"]["object"];
    object["object"] = "subscription".into();
    object["livemode"] = false.into();
    object["created"] = at.as_secs().into();
    event
}

fn message(number: usize) -> Message {
    let event_id = event_id(&format!("evt_{number}"));
    Message {
        group: Group::new(&event_id, Some(&customer_id(&format!("cus_user{number}")))),
        event: event_id,
        kind: Type::SubscriptionCreated,
        received_at: now(),
        trace: None,
        body: event(number).to_string().into(),
    }
}

/// Applies what is in the queue, until nothing is.
async fn drain(worker: &Worker<Queue, Store>) {
    while worker.queue.depth().await.unwrap().queued > 0 {
        let deliveries = worker.queue.receive(10).await.unwrap();
        let receipts = deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
        assert!(worker.batch(deliveries, Duration::from_mins(1)).await.is_empty());
        worker.queue.delete(receipts).await.unwrap();
    }
}

/// Runs until it has read a page, and then ends without a chance to finish anything.
async fn run_for_a_page(pass: &Pass<'_, Client, Store, Queue>) -> Option<Report> {
    let latest = pass.store.reconciliation().await.unwrap();
    let state = latest.unwrap_or_else(|| Reconciliation::new(Because::Reconcile, now()));
    let page = Notify::new();
    let run = pass.run(state, |_| page.notify_one());
    tokio::select! {
        biased;
        () = page.notified() => None,
        done = run => Some(done.map_err(|error: Error| error.to_string()).unwrap().report),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_where_it_was_ended_and_says_what_became_of_the_webhooks() {
    let resources = TestResources::start().await;
    let sdk = resources.sdk().await;
    let (store, queue) = (resources.store(&sdk), resources.queue(&sdk));
    let (policy, clock) = (policy(), clock());
    let worker = Worker {
        queue: queue.clone(),
        store: store.clone(),
        policy: policy.clone().into(),
        clock: clock.clone(),
    };
    let api = StripeApi::start(KEY, clock.clone());
    for number in 0..USERS {
        api.put(event(number)["data"]["object"].clone());
        api.put(event(number));
    }
    // The webhook of one came and failed, that of another was applied, and the others never came.
    queue.enqueue(message(0)).await.unwrap();
    let failed = queue.receive(1).await.unwrap();
    let cause = Failure::new(Code::PlanUnmapped, &"price_pro");
    queue.park(&failed[0], cause).await.unwrap();
    queue.enqueue(message(1)).await.unwrap();
    drain(&worker).await;

    let key = Key::parse(KEY).unwrap();
    let client =
        Client::new(Settings { base: api.base(), share_percent: 100, ..Settings::new(key) });
    let (stripe, clock) = (&client, &clock);
    let (store, queue, policy) = (&store, &queue, &policy);
    let pass = Pass { stripe, store, queue, policy, clock, is_dry_run: false, backlog_max: None };
    let mut ended = 0;
    let report = loop {
        match run_for_a_page(&pass).await {
            Some(report) => break report,
            None => ended += 1,
        }
    };
    assert!(ended >= 6, "{ended}");
    assert_eq!((report.checked, report.right, report.fixed), (130, 1, 129));
    assert_eq!((report.never_came, report.came_and_failed), (128, 1));
    let pages = api.targets().iter().filter(|target| !target.starts_with("/v1/events")).count();
    assert!(pages <= 6 + ended, "{pages} pages, ended {ended} times");

    drain(&worker).await;
    for number in 0..USERS {
        let account = store.account(&user_id(&format!("user{number}"))).await.unwrap().unwrap();
        assert_eq!((account.role.as_str(), account.revocation_id.0), ("paid", 1), "{number}");
    }
    assert_eq!(queue.depth().await.unwrap().dead, 1, "an operator redrives it");
}
