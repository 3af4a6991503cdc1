//! Requests that are refused, lost, late or partially executed lead to the same final state as
//! requests without faults. Nothing is lost and nothing happens twice.

use std::{ops::RangeInclusive, time::Duration};

use serde_json::{Value, json};
use tierlift_aws::{queue::Queue, store::Store};
use tierlift_core::{
    codes::Code,
    failure::Failure,
    ledger::Outcome,
    limits::AWS_ATTEMPT_TIMEOUT_MS,
    ports::{DeadLetters as _, Depth, Enqueue as _, Group, Message, Queue as _, Store as _},
    stripe::event::Head,
    time::{Clock, Timestamp},
};
use tierlift_testkit::{
    facts::{customer_id, event_id, policy, user_id},
    harness::now,
    webhook,
};
use tierlift_worker::Worker;

use super::{
    emulator::sdk_at,
    proxy::{Counts, Fault, Proxy, Rule},
    resources::TestResources,
};

/// Constant time of the worker's clock, so that the final state is the same in every run.
const DECIDED_AT: Timestamp = Timestamp::from_secs(1_795_000_000);
/// Most attempts of a caller that repeats failed calls.
const TRIES_MAX: usize = 20;
/// Visibility timeout, in seconds. Short, because a test waits for it where a response was lost.
const VISIBILITY_TIMEOUT_SECS: u64 = 2;
/// Time limit of the worker for a batch.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// Longer than the SDK waits for a response.
const TOO_LATE: Duration = Duration::from_millis(AWS_ATTEMPT_TIMEOUT_MS + 500);

/// Operations that the queue and the worker use without a failure.
const USUAL: [&str; 5] =
    ["SendMessage", "ReceiveMessage", "DeleteMessageBatch", "BatchGetItem", "TransactWriteItems"];
/// The same and the one that a failed message needs. A fault is an outage, which is not recorded as an attempt.
const OPERATIONS: [&str; 6] = {
    let [send, receive, delete, get, write] = USUAL;
    [send, receive, delete, get, write, "ChangeMessageVisibilityBatch"]
};

/// The queue and the store behind a network with faults, and direct access without faults.
struct FaultyBackend {
    resources: TestResources,
    proxy: Proxy,
    worker: Worker<Queue, Store>,
}

impl FaultyBackend {
    async fn start() -> Self {
        let resources = TestResources::emulated(VISIBILITY_TIMEOUT_SECS).await;
        let proxy = Proxy::start(resources.address()).await;
        let sdk = sdk_at(proxy.address());
        let worker = Worker {
            queue: resources.queue(&sdk),
            store: resources.store(&sdk),
            policy: policy().into(),
            clock: Clock::new(|| DECIDED_AT),
        };
        Self { resources, proxy, worker }
    }

    /// The queue and the store without faults.
    fn direct(&self) -> (Queue, Store) {
        let sdk = sdk_at(self.resources.address());
        (self.resources.queue(&sdk), self.resources.store(&sdk))
    }

    /// Enqueues a webhook, as often as it takes until it is accepted.
    async fn webhook(&self, body: &Value) {
        let message = message(body);
        for _ in 0..TRIES_MAX {
            if self.worker.queue.enqueue(message.clone()).await.is_ok() {
                return;
            }
        }
        panic!("never accepted: {body}");
    }

    /// Runs the worker until the queue is empty. Like Lambda, it deletes what the worker does not retain.
    async fn work(&self) {
        let (queue, _) = self.direct();
        for _ in 0..TRIES_MAX {
            if queue.depth().await.unwrap().queued == 0 {
                return;
            }
            // Messages of a failed receive or delete are redelivered.
            let Ok(deliveries) = self.worker.queue.receive(10).await else { continue };
            let mut done: Vec<_> =
                deliveries.iter().map(|delivery| delivery.receipt.clone()).collect();
            let retained = self.worker.batch(deliveries, BATCH_TIME).await;
            done.retain(|receipt| !retained.contains(receipt));
            if !done.is_empty() {
                let _ = self.worker.queue.delete(done).await;
            }
        }
        panic!("the queue is never empty: {:?}", queue.depth().await);
    }

    /// Redrives an event. A repeated call may find it redriven.
    async fn redrive(&self, event: &str) {
        for tried in 0..TRIES_MAX {
            if let Ok(found) = self.worker.queue.redrive(&event_id(event)).await {
                return assert!(found || tried > 0, "there is no dead letter");
            }
        }
        panic!("never redriven");
    }
}

fn event(id: &str, customer: &str, user: &str, status: &str, previous: Option<&str>) -> Value {
    let price = if customer == "cus_odd" { "price_unknown" } else { "price_pro" };
    let number: i64 = id.trim_start_matches("evt_").parse().unwrap();
    let created = DECIDED_AT.plus_secs(number - 100);
    let mut event = webhook::subscription(id, user, status, created);
    event["data"]["object"]["customer"] = customer.into();
    let item = &mut event["data"]["object"]["items"]["data"][0];
    item["price"]["id"] = price.into();
    item["current_period_end"] = DECIDED_AT.plus_days(30).as_secs().into();
    match previous {
        Some(status) => webhook::updated(event, Some(json!({ "status": status }))),
        None => event,
    }
}

/// The message that ingest would enqueue.
fn message(body: &Value) -> Message {
    let body = body.to_string();
    let Ok(Head::Wanted { id, kind, customer }) = Head::parse(body.as_bytes(), &[]) else {
        panic!()
    };
    let group = Group::new(&id, customer.as_ref());
    Message { event: id, kind, group, received_at: now(), trace: None, body: body.into() }
}

/// Ada pays, fails to pay, and pays again; Bob pays; a third customer has an unmapped price.
fn story() -> [Value; 5] {
    [
        event("evt_1", "cus_ada", "ada", "active", None),
        event("evt_2", "cus_ada", "ada", "unpaid", Some("active")),
        event("evt_3", "cus_odd", "odd", "active", None),
        event("evt_4", "cus_bob", "bob", "active", None),
        event("evt_5", "cus_ada", "ada", "active", Some("unpaid")),
    ]
}

/// Checks the final state of the story.
async fn check_end(backend: &FaultyBackend, moment: &str) {
    let (queue, store) = backend.direct();
    for (user, revocation_id, version, by) in [("ada", 3, 3, "evt_5"), ("bob", 1, 1, "evt_4")] {
        let account = store.account(&user_id(user)).await.unwrap().unwrap();
        assert_eq!(account.role.as_str(), "paid", "{moment}: {account:?}");
        assert_eq!(account.revocation_id.0, revocation_id, "{moment}: {account:?}");
        assert_eq!(account.version.0, version, "{moment}: {account:?}");
        assert_eq!(account.role_assigned_by, Some(event_id(by)), "{moment}");
        assert_eq!(account.role_assigned_at, Some(DECIDED_AT), "{moment}");
        let customer = customer_id(&format!("cus_{user}"));
        let customer = store.customer(&customer).await.unwrap().unwrap();
        assert_eq!(customer.version.0, version, "{moment}: {customer:?}");
    }
    for (event, change) in [
        ("evt_1", Some(("free", "paid", 1))),
        ("evt_2", Some(("paid", "free", 2))),
        ("evt_3", None),
        ("evt_4", Some(("free", "paid", 1))),
        ("evt_5", Some(("free", "paid", 3))),
    ] {
        let row = store.ledger(&event_id(event)).await.unwrap();
        let found = row.as_ref().map(|row| {
            assert_eq!(row.outcome, Outcome::Applied, "{moment}: {row:?}");
            let [owner] = &*row.owners else { panic!("{moment}: {row:?}") };
            (owner.from_role.as_str(), owner.to_role.as_str(), owner.revocation_id.0)
        });
        assert_eq!(found, change, "{moment}: {event}");
    }
    let dead_letters = queue.list(10).await.unwrap();
    let causes: Vec<_> =
        dead_letters.iter().map(|dead| (dead.message.event.as_str(), dead.failure.cause)).collect();
    assert_eq!(causes, [("evt_3", Code::PlanUnmapped)], "{moment}");
    let oldest_received_at = None;
    let depth = queue.depth().await.unwrap();
    assert_eq!(depth, Depth { queued: 0, dead: 1, oldest_received_at }, "{moment}");
}

/// Runs the story with the fault at these calls of each operation, in each of its parts.
async fn survives(fault: Fault, operations: &[&'static str], calls: RangeInclusive<usize>) {
    let backend = FaultyBackend::start().await;
    let inject = |operations: &[&'static str]| {
        let rule = |operation: &&'static str| Rule {
            operation,
            calls: calls.clone(),
            fault: fault.clone(),
        };
        backend.proxy.set_rules(operations.iter().map(rule).collect());
    };
    inject(operations);
    for body in story() {
        backend.webhook(&body).await;
    }
    inject(operations);
    backend.work().await;
    check_end(&backend, "after the story").await;
    inject(&in_redrive(operations));
    backend.redrive("evt_3").await;
    inject(operations);
    backend.work().await;
    check_end(&backend, "after the redrive").await;
    for operation in operations {
        assert!(backend.proxy.has_faulted(operation), "{operation} had no {fault:?}");
    }
}

/// The operations that could lose or duplicate a dead letter. An interrupted scan only hides dead
/// letters for 30 s; that is how SQS works, and not worth waiting for.
fn in_redrive(operations: &[&'static str]) -> Vec<&'static str> {
    let decisive = ["SendMessage", "DeleteMessageBatch"];
    decisive.into_iter().filter(|operation| operations.contains(operation)).collect()
}

/// The SDK retries after one fault; after three it gives up, and the message is redelivered.
macro_rules! survives {
    ($($name:ident: $(($fault:expr, $operations:expr, $calls:expr),)*)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                tokio::join!($(survives($fault, $operations, $calls),)*);
            }
        )*
    };
}

const THROTTLED: Fault = Fault::Refused(400, "ThrottlingException");
const BUSY: Fault = Fault::Refused(400, "ProvisionedThroughputExceededException");
const BROKEN: Fault = Fault::Refused(500, "InternalServerError");
/// Operations that can be partially executed, except the one that needs a failure first.
const BATCHES: [&str; 2] = ["BatchGetItem", "DeleteMessageBatch"];

survives! {
    without_a_fault: (BROKEN, &[], 1..=1),
    throttled_requests: (THROTTLED, &USUAL, 1..=1), (THROTTLED, &OPERATIONS, 1..=3),
    a_table_beyond_its_capacity: (BUSY, &["BatchGetItem", "TransactWriteItems"], 1..=3),
    internal_errors: (BROKEN, &USUAL, 1..=1), (BROKEN, &OPERATIONS, 1..=3),
    closed_connections:
        (Fault::HungUp, &USUAL, 1..=1), (Fault::HungUp, &OPERATIONS, 1..=3),
    lost_responses: (Fault::ResponseLost, &USUAL, 1..=1), (Fault::ResponseLost, &OPERATIONS, 1..=3),
    late_responses:
        (Fault::Late(TOO_LATE), &["SendMessage"], 1..=1),
        (Fault::Late(TOO_LATE), &["DeleteMessageBatch", "TransactWriteItems"], 1..=1),
    concurrent_transactions_on_the_same_items:
        (Fault::Conflict, &["TransactWriteItems"], 1..=2),
        (Fault::Conflict, &["TransactWriteItems"], 1..=10),
    partially_executed_batches:
        (Fault::Partial, &BATCHES, 1..=2),
        (Fault::Partial, &["BatchGetItem", "ChangeMessageVisibilityBatch"], 1..=4),
        (Fault::Partial, &["DeleteMessageBatch"], 1..=4),
}

#[tokio::test]
async fn a_webhook_is_one_request_and_a_decision_two() {
    let backend = FaultyBackend::start().await;
    let [first, ..] = story();
    backend.webhook(&first).await;
    assert_eq!(backend.proxy.counts(), Counts::from([("SendMessage".to_owned(), 1)]));
    let delivery = backend.worker.queue.receive(1).await.unwrap();
    backend.proxy.set_rules(Vec::new());
    assert!(backend.worker.batch(delivery, BATCH_TIME).await.is_empty());
    let two = [("BatchGetItem".to_owned(), 1), ("TransactWriteItems".to_owned(), 1)];
    assert_eq!(backend.proxy.counts(), Counts::from(two));
}

/// `get` receives ten dead letters at a time until it finds the event; for an unknown event, all.
#[tokio::test]
async fn getting_a_dead_letter_stops_at_the_event() {
    let backend = FaultyBackend::start().await;
    let (queue, _) = backend.direct();
    for number in 1..=12 {
        let (id, customer) = (format!("evt_{number}"), format!("cus_{number}"));
        queue.enqueue(message(&event(&id, &customer, "ada", "active", None))).await.unwrap();
        let delivery = queue.receive(1).await.unwrap().remove(0);
        queue.park(&delivery, Failure::new(Code::PlanUnmapped, &"no role")).await.unwrap();
    }
    for (id, receives) in [("evt_1", 1), ("evt_12", 3), ("evt_13", 5), ("evt_1", 1)] {
        backend.proxy.set_rules(Vec::new());
        let found = backend.worker.queue.get(&event_id(id)).await.unwrap();
        let found = found.map(|dead| dead.message.event);
        assert_eq!(found, (id != "evt_13").then(|| event_id(id)));
        assert_eq!(backend.proxy.counts()["ReceiveMessage"], receives, "{id}");
    }
}

/// SQS only says that a parameter is invalid. The body is never shortened.
#[tokio::test]
async fn a_dead_letter_that_is_too_large_has_fewer_details_of_its_failure() {
    let backend = FaultyBackend::start().await;
    let (queue, _) = backend.direct();
    for (refusals, attempts, has_error) in [(0, 2, true), (1, 2, false), (2, 1, false)] {
        let event = event(&format!("evt_{refusals}"), "cus_ada", "ada", "active", None);
        let sent = message(&event);
        queue.enqueue(sent.clone()).await.unwrap();
        let failure = || Failure::new(Code::AccountTooLarge, &"the error message");
        queue.retry(&queue.receive(1).await.unwrap()[0], 0, failure()).await.unwrap();
        let delivery = queue.receive(1).await.unwrap().remove(0);
        let fault = Fault::Refused(400, "InvalidParameterValue");
        backend.proxy.set_rules(vec![Rule {
            operation: "SendMessage",
            calls: 1..=refusals,
            fault,
        }]);
        backend.worker.queue.park(&delivery, failure()).await.unwrap();
        let dead_letters = queue.list(1).await.unwrap();
        let record = &dead_letters[0].failure;
        assert_eq!(dead_letters[0].message.body, sent.body);
        assert_eq!(record.cause, Code::AccountTooLarge, "{refusals}: {record:?}");
        assert_eq!(record.attempts, attempts, "{refusals}: {record:?}");
        assert_eq!(!record.last_error.is_empty(), has_error, "{refusals}: {record:?}");
        assert!(queue.redrive(&sent.event).await.unwrap());
        let delivery = queue.receive(1).await.unwrap().remove(0);
        queue.delete(vec![delivery.receipt]).await.unwrap();
    }
}
