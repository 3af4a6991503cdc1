//! Everything goes wrong at once in a stack with traffic, for `CHAOS_AWS_SECS`: a client that does not read, a table that
//! throttles, a signing secret that is rotated. `make chaos-aws` does it for longer.

use std::{sync::Arc, time::Duration};

use tierlift_core::ports::Sockets as _;
use tierlift_testkit::{
    facts::user_id,
    harness::{WEBHOOK_SECRET, eventually},
};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    deploy::Stack,
    proxy::{Fault, Proxy, Rule},
    traffic::{Tab, Traffic, user},
};

const NEW_SECRET: &str = "whsec_9JfZ3kWq7mXbT1vRyD5c";
/// Without `CHAOS_AWS_SECS`. An unknown signature makes ingest read its secret again after ten seconds at the earliest.
const SECS: u64 = 24;
/// An emulator on a busy machine may be too slow for a webhook.
const RESENT_MAX: usize = 5;
/// Time for which the table throttles, and for which it then does not.
const THROTTLED: Duration = Duration::from_secs(2);
/// What a worker commits with, and what it loads with. One that cannot load does not commit: each is throttled alone
/// before everything is.
const COMMIT: [&str; 1] = ["TransactWriteItems"];
const LOAD: [&str; 1] = ["BatchGetItem"];
/// What the functions ask the table for under traffic.
const OPERATIONS: [&str; 5] = [LOAD[0], COMMIT[0], "GetItem", "Query", "DeleteItem"];

/// Throttles these operations for [`THROTTLED`], and longer if none of them was throttled in that time; then none for as
/// long.
async fn throttle(proxy: &Proxy, operations: &[&'static str]) {
    let fault = Fault::Refused(400, "ThrottlingException");
    let rule = |&operation| Rule { operation, calls: 1..=usize::MAX, fault: fault.clone() };
    proxy.set_rules(operations.iter().map(rule).collect());
    sleep(THROTTLED).await;
    eventually(&format!("one of {operations:?} is throttled"), async || {
        operations.iter().any(|operation| proxy.has_faulted(operation))
    })
    .await;
    proxy.set_rules(Vec::new());
    drop(proxy.take_requests());
    sleep(THROTTLED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_live_tab_is_right_whatever_goes_wrong() {
    let secs = std::env::var("CHAOS_AWS_SECS").map_or(SECS, |secs| secs.parse().unwrap());
    let (stack, proxy) = Stack::start_behind_proxy().await;
    let stack = Arc::new(stack);
    // Each user has two tabs; the first of the first user is the one that does not read.
    let mut tabs = vec![Tab::open(&stack, &user(0))];
    let connections = stack.connections();
    let mut stalled = Vec::new();
    eventually("the first tab is open", async || {
        stalled = connections.for_user(&user_id(&user(0))).await.unwrap();
        !stalled.is_empty()
    })
    .await;
    tabs.extend((1..20).map(|number| Tab::open(&stack, &user(number))));
    eventually("all tabs are open", async || tabs.iter().all(|tab| tab.connections() > 0)).await;

    let begun = Instant::now();
    let at = |percent: u64| begun + Duration::from_millis(secs * 10 * percent);
    let traffic = Traffic::start(&stack, secs, RESENT_MAX);
    sleep_until(at(10)).await;
    proxy.stall(stalled[0].as_str());
    let throttling = async {
        throttle(&proxy, &COMMIT).await;
        throttle(&proxy, &LOAD).await;
        while Instant::now() < at(80) {
            throttle(&proxy, &OPERATIONS).await;
        }
    };
    let rotating = async {
        sleep_until(at(30)).await;
        traffic.sign_with(&[WEBHOOK_SECRET, NEW_SECRET]);
        stack.put_webhook_secret(&format!("{NEW_SECRET},{WEBHOOK_SECRET}")).await;
        sleep_until(at(70)).await;
        stack.put_webhook_secret(NEW_SECRET).await;
        traffic.sign_with(&[NEW_SECRET]);
    };
    tokio::join!(throttling, rotating);

    let sent = traffic.ends_well(&tabs).await;
    assert!(sent >= usize::try_from(10 * secs).unwrap());
    assert!(proxy.stalled_pushes() > 0, "nothing was pushed to the client that does not read");
    assert!(tabs[0].connections() > 1, "it was never ended");
}
