//! Updates of a stack with traffic: no webhook is refused, no event is lost or parked, and no tab is wrong, whether an
//! update is good, bad, or turned back from items that only a later release can read.

use std::sync::Arc;

use serde_json::json;
use tierlift_core::ports::DeadLetters as _;
use tierlift_testkit::harness::eventually;
use tokio::task::spawn_blocking;

use super::{
    deploy::Stack,
    traffic::{Tab, Traffic, user},
};

/// Traffic goes on until all updates are done, and for that time at least.
const SECS: u64 = 20;

async fn updates(stack: &Arc<Stack>, parameters: &'static [&'static str]) {
    let stack = Arc::clone(stack);
    spawn_blocking(move || stack.update(parameters)).await.unwrap();
}

/// Gives a customer's item the shape of this release, or that of a later one, as a write does: with another version, so
/// that whoever has read it before cannot write it back.
async fn reshape(stack: &Stack, customer: &str, shape: u32) {
    let input = json!({
        "TableName": stack.output("TableName"),
        "Key": { "pk": { "S": format!("CUSTOMER#{customer}") } },
        "UpdateExpression": "SET shape = :shape ADD version :one",
        "ExpressionAttributeValues": { ":shape": { "N": shape.to_string() }, ":one": { "N": "1" } },
    });
    stack.call("DynamoDB_20120810.UpdateItem", &input).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_under_traffic_are_noticed_by_nobody() {
    let stack = Arc::new(Stack::start().await);
    let tabs: Vec<_> = (0..10).map(|number| Tab::open(&stack, &user(number))).collect();
    eventually("all tabs are open", async || tabs.iter().all(|tab| tab.connections() > 0)).await;
    let traffic = Traffic::start(&stack, SECS, 0);

    let bad = Arc::clone(&stack);
    let events = spawn_blocking(move || bad.fails_to_update(&["Plans=price_pro=gold"])).await;
    assert!(events.unwrap().contains("ROLLBACK_COMPLETE"));
    // Each is a release of its own: its zips have another prefix.
    updates(&stack, &["Plans=price_pro=paid,price_more=team"]).await;

    // The later release has written an item when the earlier one is back.
    let store = stack.store();
    eventually("the first user has paid", async || {
        use tierlift_core::ports::Store as _;
        let customer = tierlift_testkit::facts::customer_id(&format!("cus_{}", user(0)));
        store.customer(&customer).await.unwrap().is_some()
    })
    .await;
    let customer = format!("cus_{}", user(0));
    reshape(&stack, &customer, 2).await;
    updates(&stack, &["Plans=price_pro=paid"]).await;
    eventually("its events wait", async || {
        let lines = stack.log("worker").await;
        lines.iter().any(|line| line.to_string().contains("has shape 2"))
    })
    .await;
    assert_eq!(stack.queue().list(10).await.unwrap(), []);
    updates(&stack, &["Plans=price_pro=paid,price_more=team"]).await;
    reshape(&stack, &customer, 1).await;

    assert!(traffic.ends_well(&tabs).await >= usize::try_from(10 * SECS).unwrap());
    assert!(tabs.iter().all(|tab| tab.connections() == 1), "an update ended a socket");
}
