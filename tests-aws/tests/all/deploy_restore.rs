//! The runbook of infrastructure/README.md, "Backup and restore", step by step. An emulator restores the table as it is
//! at that time, so what is applied afterwards is what a disaster would lose.

use serde_json::{Value, json};
use tierlift_core::ports::DeadLetters as _;
use tierlift_testkit::harness::{client::Request, eventually};

use super::{
    deploy::{Stack, subscribed},
    emulator::AUTHORIZATION,
};

const RESTORED: &str = "tierlift-restored";

async fn table(stack: &Stack, operation: &str, mut input: Value) -> Value {
    input["TableName"] = RESTORED.into();
    stack.call(&format!("DynamoDB_20120810.{operation}"), &input).await
}

/// Restores the table, and gives the new one what DynamoDB does not restore. Returns its stream.
async fn restore(stack: &Stack) -> String {
    let restored = json!({
        "SourceTableName": stack.output("TableName"), "TargetTableName": RESTORED,
        "UseLatestRestorableTime": true,
    });
    stack.call("DynamoDB_20120810.RestoreTableToPointInTime", &restored).await;
    let stream = json!({ "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" });
    let update = json!({ "StreamSpecification": stream, "DeletionProtectionEnabled": true });
    table(stack, "UpdateTable", update).await;
    let ttl = json!({ "Enabled": true, "AttributeName": "ttl" });
    table(stack, "UpdateTimeToLive", json!({ "TimeToLiveSpecification": ttl })).await;
    let backups = json!({ "PointInTimeRecoveryEnabled": true });
    let backups = json!({ "PointInTimeRecoverySpecification": backups });
    table(stack, "UpdateContinuousBackups", backups).await;
    let described = table(stack, "DescribeTable", json!({})).await;
    described["Table"]["LatestStreamArn"].as_str().unwrap().to_owned()
}

async fn enable_worker(stack: &Stack, is_enabled: bool) {
    let path = format!("/2015-03-31/event-source-mappings/{}", stack.output("WorkerEventsId"));
    let body = json!({ "Enabled": is_enabled }).to_string();
    let request = Request::new("PUT", &path).header("authorization", AUTHORIZATION);
    let answer = stack.send(request.body(body.as_bytes())).await;
    assert!(answer.status < 300, "{}", answer.body);
}

async fn becomes(stack: &Stack, user: &str, role: &str) {
    eventually(&format!("{user} is {role}"), async || stack.session(user).await["role"] == role)
        .await;
}

#[tokio::test]
async fn a_restored_table_is_taken_over_and_nobody_is_stuck() {
    let stack = Stack::start().await;
    let (mut adas, mut cats) = (stack.socket("ada").await, stack.socket("cat").await);
    stack.accepts(&subscribed("evt_ada", "ada")).await;
    assert_eq!(adas.hear().await["type"], "ROLE_UPGRADED");
    let stream = restore(&stack).await;
    // This will be lost.
    stack.accepts(&subscribed("evt_cat", "cat")).await;
    assert_eq!(cats.hear().await["type"], "ROLE_UPGRADED");

    enable_worker(&stack, false).await;
    stack.accepts(&subscribed("evt_bob", "bob")).await;
    let (table, stream) =
        (format!("ExistingTable={RESTORED}"), format!("ExistingTableStreamArn={stream}"));
    stack.update(&[&table, &stream]);
    assert_eq!(stack.session("bob").await["role"], "free");
    enable_worker(&stack, true).await;

    // What was accepted meanwhile is applied; what was applied before is there; what came between is missing.
    becomes(&stack, "bob", "paid").await;
    assert_eq!(stack.session("ada").await["role"], "paid");
    assert_eq!(stack.session("cat").await["role"], "free");
    assert_eq!(stack.queue().depth().await.unwrap().dead, 0);

    // A client that has seen more is brought back, and what Stripe says next counts.
    cats.say(r#"{"action":"sync","epoch":0,"revocationId":1,"accountVersion":1}"#).await;
    let snapshot = cats.hear().await;
    assert_eq!((&snapshot["type"], &snapshot["role"]), (&json!("SNAPSHOT"), &json!("free")));
    assert!(snapshot["epoch"].as_u64() > Some(0), "{snapshot}");
    // SQS knows an id for five minutes, so this is not the same event once more.
    stack.accepts(&subscribed("evt_cat_again", "cat")).await;
    assert_eq!(cats.hear_of_role().await["role"], "paid");

    // A socket that was open before gets what happens now.
    let mut ended = subscribed("evt_end", "ada");
    ended["type"] = "customer.subscription.deleted".into();
    ended["data"]["object"]["status"] = "canceled".into();
    stack.accepts(&ended).await;
    assert_eq!(adas.hear_of_role().await["type"], "ROLE_DOWNGRADED");
}
