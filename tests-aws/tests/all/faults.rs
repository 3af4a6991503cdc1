//! Requests that are refused, lost, late or done in part: the end is the same as without. Nothing is
//! lost and nothing doubled, whatever the network and the services do.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

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
use tierlift_tests::facts::{customer_id, event_id, policy, user_id};
use tierlift_worker::Worker;

use super::{
    cloud::Cloud,
    emulator::sdk_at,
    proxy::{Counts, Fault, Proxy, Rule},
};
use crate::process::now;

/// When the worker decides, always: so the end is the same to the last digit.
const DECIDED_AT: Timestamp = Timestamp::from_secs(1_795_000_000);
/// A caller that hears of no success asks again, so often at most.
const TRIES_MAX: usize = 20;
/// How long a message stays hidden whose answer was lost: not long, since a test waits for it.
const VISIBILITY_TIMEOUT_SECS: u64 = 2;
/// How long a worker may take for a batch.
const BATCH_TIME: Duration = Duration::from_secs(10);
/// Longer than the SDK waits for an answer.
const TOO_LATE: Duration = Duration::from_millis(AWS_ATTEMPT_TIMEOUT_MS + 500);

/// What the queue and the worker ask for though nothing fails.
const USUAL: [&str; 5] =
    ["SendMessage", "ReceiveMessage", "DeleteMessageBatch", "BatchGetItem", "TransactWriteItems"];
/// And what they ask for besides, of a message that failed.
const OPERATIONS: [&str; 7] = {
    let [send, receive, delete, get, write] = USUAL;
    [send, receive, delete, get, write, "ChangeMessageVisibilityBatch", "UpdateItem"]
};

/// Both ports behind a network that fails, and beside it a way that does not.
struct World {
    cloud: Cloud,
    proxy: Proxy,
    worker: Worker<Queue, Store>,
}

impl World {
    async fn start() -> Self {
        let cloud = Cloud::emulated(VISIBILITY_TIMEOUT_SECS).await;
        let proxy = Proxy::before(cloud.emulator().address()).await;
        let sdk = sdk_at(proxy.address());
        let worker = Worker {
            queue: cloud.queue(&sdk),
            store: cloud.store(&sdk),
            policy: Arc::new(policy()),
            clock: Clock::new(|| DECIDED_AT),
        };
        Self { cloud, proxy, worker }
    }

    /// The same ports without faults.
    fn beside(&self) -> (Queue, Store) {
        let sdk = self.cloud.emulator().sdk();
        (self.cloud.queue(&sdk), self.cloud.store(&sdk))
    }

    /// Stripe sends a webhook until it is accepted.
    async fn webhook(&self, body: &Value) {
        let message = message(body);
        for _ in 0..TRIES_MAX {
            if self.worker.queue.enqueue(message.clone()).await.is_ok() {
                return;
            }
        }
        panic!("never accepted: {body}");
    }

    /// Works until the queue is empty, as Lambda does: it deletes what the worker does not give back.
    async fn work(&self) {
        let (queue, _) = self.beside();
        for _ in 0..TRIES_MAX {
            if queue.depth().await.unwrap().queued == 0 {
                return;
            }
            // What fails here comes again.
            let Ok(deliveries) = self.worker.queue.receive(10).await else { continue };
            let mut done: Vec<_> = deliveries.iter().map(|out| out.receipt.clone()).collect();
            let stays = self.worker.batch(deliveries, BATCH_TIME).await;
            done.retain(|receipt| !stays.contains(receipt));
            if !done.is_empty() {
                let _ = self.worker.queue.delete(done).await;
            }
        }
        panic!("never empty: {:?}", queue.depth().await);
    }

    /// Somebody who heard that it failed asks again, and may find it done.
    async fn redrive(&self, event: &str) {
        for tried in 0..TRIES_MAX {
            if let Ok(found) = self.worker.queue.redrive(&event_id(event)).await {
                return assert!(found || tried > 0, "the letter is not there");
            }
        }
        panic!("never redriven");
    }
}

fn event(id: &str, customer: &str, user: &str, status: &str, previous: Option<&str>) -> Value {
    let price = if customer == "cus_odd" { "price_unknown" } else { "price_pro" };
    let at = id.trim_start_matches("evt_").parse::<i64>().unwrap() + DECIDED_AT.as_secs() - 100;
    json!({
        "id": id,
        "type": match previous {
            None => "customer.subscription.created",
            Some(_) => "customer.subscription.updated",
        },
        "created": at,
        "livemode": false,
        "data": {
            "object": {
                "id": format!("sub_of_{customer}"),
                "customer": customer,
                "status": status,
                "metadata": { "user_id": user },
                "items": { "data": [{
                    "id": "si_1",
                    "price": { "id": price },
                    "current_period_end": DECIDED_AT.plus_days(30).as_secs(),
                }] },
            },
            "previous_attributes": previous.map(|status| json!({ "status": status })),
        },
    })
}

/// As ingest makes it.
fn message(body: &Value) -> Message {
    let body = body.to_string();
    let Ok(Head::Wanted { id, kind, customer }) = Head::parse(body.as_bytes()) else { panic!() };
    let group = Group::new(&id, customer.as_ref());
    Message { event: id, kind, group, received_at: now(), trace: None, body: body.into() }
}

/// Ada pays, fails to, and pays; Bob pays; somebody has a price that nobody mapped.
fn story() -> [Value; 5] {
    [
        event("evt_1", "cus_ada", "ada", "active", None),
        event("evt_2", "cus_ada", "ada", "unpaid", Some("active")),
        event("evt_3", "cus_odd", "odd", "active", None),
        event("evt_4", "cus_bob", "bob", "active", None),
        event("evt_5", "cus_ada", "ada", "active", Some("unpaid")),
    ]
}

/// What must be there in the end, and nothing besides.
async fn check_end(world: &World, what: &str) {
    let (queue, store) = world.beside();
    for (user, revocation_id, version, by) in [("ada", 3, 3, "evt_5"), ("bob", 1, 1, "evt_4")] {
        let account = store.account(&user_id(user)).await.unwrap().unwrap();
        assert_eq!(account.role.as_str(), "paid", "{what}: {account:?}");
        assert_eq!(account.revocation_id.0, revocation_id, "{what}: {account:?}");
        assert_eq!(account.version.0, version, "{what}: {account:?}");
        assert_eq!(account.role_assigned_by, Some(event_id(by)), "{what}");
        assert_eq!(account.role_assigned_at, Some(DECIDED_AT), "{what}");
        let customer = customer_id(&format!("cus_{user}"));
        let customer = store.customer(&customer).await.unwrap().unwrap();
        assert_eq!(customer.version.0, version, "{what}: {customer:?}");
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
            assert_eq!(row.outcome, Outcome::Applied, "{what}: {row:?}");
            let [from, to] = [&row.from_role, &row.to_role].map(|role| role.as_ref().unwrap());
            (from.as_str(), to.as_str(), row.revocation_id.unwrap().0)
        });
        assert_eq!(found, change, "{what}: {event}");
    }
    let letters = queue.list(10).await.unwrap();
    let letters: Vec<_> =
        letters.iter().map(|dead| (dead.message.event.as_str(), dead.failure.cause)).collect();
    assert_eq!(letters, [("evt_3", Code::PlanUnmapped)], "{what}");
    let oldest_received_at = None;
    let depth = queue.depth().await.unwrap();
    assert_eq!(depth, Depth { queued: 0, dead: 1, oldest_received_at }, "{what}");
}

/// Each of the operations meets the fault at these calls, in each part of the story.
async fn survives(fault: Fault, operations: &[&'static str], calls: RangeInclusive<usize>) {
    let world = World::start().await;
    let play = |operations: &[&'static str]| {
        let rule = |operation: &&'static str| Rule { operation, calls: calls.clone(), fault };
        world.proxy.play(operations.iter().map(rule).collect());
    };
    play(operations);
    for body in story() {
        world.webhook(&body).await;
    }
    play(operations);
    world.work().await;
    check_end(&world, "after the story").await;
    play(&in_a_redrive(operations));
    world.redrive("evt_3").await;
    play(operations);
    world.work().await;
    check_end(&world, "after the redrive").await;
    for operation in operations {
        assert!(world.proxy.has_met(operation), "{operation} met no {fault:?}");
    }
}

/// What could lose or double a letter. That a look which was cut short hides letters for half a
/// minute is SQS's way, and nothing to wait for here.
fn in_a_redrive(operations: &[&'static str]) -> Vec<&'static str> {
    let decisive = ["SendMessage", "DeleteMessageBatch"];
    decisive.into_iter().filter(|operation| operations.contains(operation)).collect()
}

/// After one fault the SDK asks again; after three it gives up, and then the queue does its part.
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
/// Operations that can be done in part, but for the one that only follows a failure.
const BATCHES: [&str; 2] = ["BatchGetItem", "DeleteMessageBatch"];

survives! {
    without_a_fault: (BROKEN, &[], 1..=1),
    a_throttling_service: (THROTTLED, &USUAL, 1..=1), (THROTTLED, &OPERATIONS, 1..=3),
    a_table_beyond_its_capacity: (BUSY, &["BatchGetItem", "TransactWriteItems"], 1..=3),
    a_broken_service: (BROKEN, &USUAL, 1..=1), (BROKEN, &OPERATIONS, 1..=3),
    connections_that_end_too_soon:
        (Fault::HungUp, &USUAL, 1..=1), (Fault::HungUp, &OPERATIONS, 1..=3),
    lost_answers: (Fault::AnswerLost, &USUAL, 1..=1), (Fault::AnswerLost, &OPERATIONS, 1..=3),
    answers_that_come_too_late:
        (Fault::Late(TOO_LATE), &["SendMessage"], 1..=1),
        (Fault::Late(TOO_LATE), &["DeleteMessageBatch", "TransactWriteItems"], 1..=1),
    other_transactions_on_the_same_items:
        (Fault::Conflict, &["TransactWriteItems"], 1..=2),
        (Fault::Conflict, &["TransactWriteItems"], 1..=10),
    batches_done_in_part:
        (Fault::InPart, &BATCHES, 1..=2),
        (Fault::InPart, &["BatchGetItem", "ChangeMessageVisibilityBatch"], 1..=4),
        (Fault::InPart, &["DeleteMessageBatch"], 1..=4),
}

#[tokio::test]
async fn a_webhook_is_one_request_and_a_decision_two() {
    let world = World::start().await;
    let [first, ..] = story();
    world.webhook(&first).await;
    assert_eq!(world.proxy.counts(), Counts::from([("SendMessage".to_owned(), 1)]));
    let delivery = world.worker.queue.receive(1).await.unwrap();
    world.proxy.play(Vec::new());
    assert!(world.worker.batch(delivery, BATCH_TIME).await.is_empty());
    let two = [("BatchGetItem".to_owned(), 1), ("TransactWriteItems".to_owned(), 1)];
    assert_eq!(world.proxy.counts(), Counts::from(two));
}

/// SQS says no more than that a parameter is invalid. The body is never what is cut.
#[tokio::test]
async fn a_letter_that_is_too_large_says_less_of_its_failure() {
    let world = World::start().await;
    let (queue, _) = world.beside();
    for (refusals, attempts, words) in [(0, 2, true), (1, 2, false), (2, 1, false)] {
        let event = event(&format!("evt_{refusals}"), "cus_ada", "ada", "active", None);
        let sent = message(&event);
        queue.enqueue(sent.clone()).await.unwrap();
        let failure = || Failure::new(Code::AccountTooLarge, &"the words of it");
        queue.retry(&queue.receive(1).await.unwrap()[0], 0, failure()).await.unwrap();
        let delivery = queue.receive(1).await.unwrap().remove(0);
        let fault = Fault::Refused(400, "InvalidParameterValue");
        world.proxy.play(vec![Rule { operation: "SendMessage", calls: 1..=refusals, fault }]);
        world.worker.queue.park(&delivery, failure()).await.unwrap();
        let letters = queue.list(1).await.unwrap();
        let record = &letters[0].failure;
        assert_eq!(letters[0].message.body, sent.body);
        assert_eq!(record.cause, Code::AccountTooLarge, "{refusals}: {record:?}");
        assert_eq!(record.attempts, attempts, "{refusals}: {record:?}");
        assert_eq!(!record.last_error.is_empty(), words, "{refusals}: {record:?}");
        assert!(queue.redrive(&sent.event).await.unwrap());
        let delivery = queue.receive(1).await.unwrap().remove(0);
        queue.delete(vec![delivery.receipt]).await.unwrap();
    }
}
