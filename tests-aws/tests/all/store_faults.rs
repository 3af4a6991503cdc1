//! What the store makes of the answers that no emulator gives at a test's bidding: reasons of a
//! cancelled transaction, answers that are lost, keys that were not got to.
//!
//! Between the store and dynoxide stands a server that passes requests on, unless it is told to
//! answer one operation by itself.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use tierlift_aws::store::Store;
use tierlift_core::{
    codes::Code,
    limits::AWS_ATTEMPTS_MAX,
    ports::{LoadKeys, Store as _, StoreError},
};
use tierlift_tests::facts::{customer_id, event_id, keys, user_id};

use super::{
    emulator::{ask, sdk_at},
    store::{AT, decided, inflated, pays},
    store_table::Table,
};

/// What is done to the requests of one operation.
#[derive(Clone)]
enum Fault {
    /// Each is answered so.
    Answer(u16, Value),
    /// The next one is answered so.
    AnswerOnce(Value),
    /// The next one is passed on, and its answer lost on the way back.
    LoseOnce,
}

#[derive(Default)]
struct Between {
    fault: Option<(&'static str, Fault)>,
    seen: Vec<(String, Value)>,
}

/// A table behind a server that can be told to fail.
struct World {
    table: Table,
    store: Store,
    between: Arc<Mutex<Between>>,
}

impl World {
    async fn start() -> Self {
        let table = Table::on_dynoxide().await;
        let between = Arc::<Mutex<Between>>::default();
        let state = (table.address().unwrap(), between.clone());
        let router = Router::new().fallback(pass).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let store = Store::new(&sdk_at(address), &table.name);
        Self { table, store, between }
    }

    fn fault(&self, operation: &'static str, fault: Fault) {
        self.between.lock().unwrap().fault = Some((operation, fault));
    }

    /// The requests since it was last asked.
    fn seen(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.between.lock().unwrap().seen)
    }
}

async fn pass(
    State((address, between)): State<(SocketAddr, Arc<Mutex<Between>>)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.split('.').nth(1).unwrap();
    let input: Value = serde_json::from_slice(&body).unwrap();
    let fault = {
        let mut between = between.lock().unwrap();
        between.seen.push((operation.to_owned(), input.clone()));
        match &between.fault {
            Some((at, Fault::Answer(status, answer))) if *at == operation => {
                Some(Fault::Answer(*status, answer.clone()))
            }
            Some((at, _)) if *at == operation => between.fault.take().map(|(_, fault)| fault),
            _ => None,
        }
    };
    match fault {
        Some(Fault::Answer(status, answer)) => said(status, answer.to_string()),
        Some(Fault::AnswerOnce(answer)) => said(200, answer.to_string()),
        Some(Fault::LoseOnce) => {
            ask(address, target, &input).await;
            let lost = std::io::Error::other("lost");
            Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(lost)])))
        }
        None => {
            let answer = ask(address, target, &input).await;
            said(answer.status, answer.body)
        }
    }
}

fn said(status: u16, body: String) -> Response {
    let kind = [("content-type", "application/x-amz-json-1.0")];
    (StatusCode::from_u16(status).unwrap(), kind, body).into_response()
}

fn error(kind: &str, message: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": message })
}

fn cancelled(reasons: &[Value]) -> Fault {
    let mut answer = error("TransactionCanceledException", "Transaction cancelled");
    answer["Message"] = answer["message"].take();
    answer["CancellationReasons"] = json!(reasons);
    Fault::Answer(400, answer)
}

/// A refusal in a word.
fn word(result: &Result<(), StoreError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(StoreError::Duplicate) => "duplicate",
        Err(StoreError::Conflict) => "conflict",
        Err(StoreError::TooLarge(Code::CustomerTooLarge)) => "customer too large",
        Err(StoreError::TooLarge(Code::AccountTooLarge)) => "account too large",
        Err(StoreError::TooLarge(_)) => "something else too large",
        Err(StoreError::Corrupt(_)) => "corrupt",
        Err(StoreError::Unavailable(_)) => "unavailable",
    }
}

/// By the position of the item: the ledger row, the customer, the account.
#[tokio::test]
async fn tells_the_reasons_of_a_cancelled_transaction_apart() {
    let world = World::start().await;
    let commit = decided(&world.store, &pays("ada", AT), AT).await;
    world.store.commit(commit.clone()).await.unwrap();
    let known = world.table.get("EVENT#evt_ada").await;
    let reason = |code: &str| json!({ "Code": code });
    let says = |code: &str, message: &str| json!({ "Code": code, "Message": message });
    let found = |item: Value| json!({ "Code": "ConditionalCheckFailed", "Item": item });
    let size = "Item size has exceeded the maximum allowed size";
    let foreign = json!({ "pk": { "S": "EVENT#evt_ada" }, "colour": { "S": "red" } });
    let mut others = known.clone();
    others["event"] = json!({ "S": "evt_eve" });
    let (none, failed) = (reason("None"), reason("ConditionalCheckFailed"));
    let (conflict, throttled) = (reason("TransactionConflict"), reason("ThrottlingError"));
    let slow = says("ProvisionedThroughputExceeded", "The level of configured throughput…");
    for (reasons, expected) in [
        ([found(known.clone()), none.clone(), none.clone()], "duplicate"),
        ([found(known.clone()), failed.clone(), failed.clone()], "duplicate"),
        ([found(known), conflict.clone(), throttled.clone()], "duplicate"),
        ([found(foreign), none.clone(), none.clone()], "unavailable"),
        ([found(others), none.clone(), none.clone()], "unavailable"),
        ([failed.clone(), none.clone(), none.clone()], "conflict"),
        ([none.clone(), failed.clone(), none.clone()], "conflict"),
        ([none.clone(), none.clone(), failed.clone()], "conflict"),
        ([conflict.clone(), none.clone(), none.clone()], "conflict"),
        ([none.clone(), conflict.clone(), none.clone()], "conflict"),
        ([none.clone(), none.clone(), conflict], "conflict"),
        ([none.clone(), throttled.clone(), failed], "conflict"),
        ([none.clone(), throttled, none.clone()], "unavailable"),
        ([none.clone(), none.clone(), slow], "unavailable"),
        ([none.clone(), says("ValidationError", size), none.clone()], "customer too large"),
        ([none.clone(), none.clone(), says("ValidationError", size)], "account too large"),
        ([says("ValidationError", size), none.clone(), none.clone()], "unavailable"),
        ([none.clone(), says("ValidationError", "no"), none.clone()], "unavailable"),
        ([none.clone(), reason("SomethingNew"), none.clone()], "unavailable"),
        ([none.clone(), none.clone(), none], "unavailable"),
    ] {
        world.fault("TransactWriteItems", cancelled(&reasons));
        let result = world.store.commit(commit.clone()).await;
        assert_eq!(word(&result), expected, "{reasons:?}: {result:?}");
    }
    world.fault("TransactWriteItems", cancelled(&[reason("ConditionalCheckFailed")]));
    assert_eq!(word(&world.store.commit(commit).await), "unavailable");
}

/// Refusals of the whole request, which name no item: then it is the largest.
#[tokio::test]
async fn tells_refused_requests_apart() {
    let world = World::start().await;
    let commit = inflated(&decided(&world.store, &pays("ada", AT), AT).await, 4_096);
    let size = "Item size has exceeded the maximum allowed size";
    for (status, kind, message, expected) in [
        (400, "ValidationException", size, "customer too large"),
        (400, "ValidationException", "One or more parameter values were invalid", "unavailable"),
        (400, "ResourceNotFoundException", "Requested resource not found", "unavailable"),
        (400, "AccessDeniedException", "not authorized", "unavailable"),
        (400, "IdempotentParameterMismatchException", "", "unavailable"),
        (400, "TransactionInProgressException", "", "unavailable"),
        (400, "ProvisionedThroughputExceededException", "", "unavailable"),
        (500, "InternalServerError", "", "unavailable"),
    ] {
        world.fault("TransactWriteItems", Fault::Answer(status, error(kind, message)));
        let result = world.store.commit(commit.clone()).await;
        assert_eq!(word(&result), expected, "{kind}: {result:?}");
        let error = result.unwrap_err().to_string();
        assert!(expected != "unavailable" || error.contains(kind), "{error}");
    }
}

/// The SDK repeats what it has no answer to. It is the same call, by its token.
#[tokio::test]
async fn a_lost_answer_is_no_second_commit() {
    let world = World::start().await;
    let commit = decided(&world.store, &pays("ada", AT), AT).await;
    world.seen();
    world.fault("TransactWriteItems", Fault::LoseOnce);
    world.store.commit(commit.clone()).await.unwrap();
    let tokens: Vec<Value> = world.seen().into_iter().map(|(_, input)| input).collect();
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    assert_eq!(tokens[0]["ClientRequestToken"], tokens[1]["ClientRequestToken"]);
    let account = world.store.account(&user_id("ada")).await.unwrap().unwrap();
    assert_eq!(account.version.0, 1);
    assert_eq!(word(&world.store.commit(commit).await), "duplicate");
}

/// One request for all, however often a user is named; and of a user that only the customer knows
/// one more. All strongly consistent.
#[tokio::test]
async fn loads_in_one_request() {
    let world = World::start().await;
    world.store.commit(decided(&world.store, &pays("ada", AT), AT).await).await.unwrap();
    let keys = |users: &[&str]| LoadKeys {
        event: event_id("evt_2"),
        customer: customer_id("cus_ada"),
        users: users.iter().map(|user| user_id(user)).collect(),
    };
    for (users, operations) in
        [(&["ada", "ada"][..], &["BatchGetItem"][..]), (&["bob"], &["BatchGetItem", "GetItem"])]
    {
        world.seen();
        world.store.load(&keys(users)).await.unwrap();
        let seen = world.seen();
        assert_eq!(seen.iter().map(|(name, _)| name).collect::<Vec<_>>(), operations);
        let wanted = &seen[0].1["RequestItems"][&world.table.name];
        assert_eq!(wanted["Keys"].as_array().unwrap().len(), 3, "{wanted}");
        assert_eq!(wanted["ConsistentRead"], true);
    }
    world.store.account(&user_id("ada")).await.unwrap();
    let seen = world.seen();
    assert_eq!((seen.len(), &seen[0].1["ConsistentRead"]), (1, &json!(true)));
}

/// A key that DynamoDB did not get to is not one that it does not have.
#[tokio::test]
async fn asks_again_for_what_was_not_got_to() {
    let world = World::start().await;
    let event = pays("ada", AT);
    world.store.commit(decided(&world.store, &event, AT).await).await.unwrap();
    let customer = world.table.get("CUSTOMER#cus_ada").await;
    let account = world.table.get("USER#ada").await;
    let name = &world.table.name;
    let left = json!({ "Keys": [{ "pk": { "S": "EVENT#evt_ada" } }], "ConsistentRead": true });
    let answer = json!({
        "Responses": { name: [customer, account] },
        "UnprocessedKeys": { name: left },
    });
    world.seen();
    world.fault("BatchGetItem", Fault::AnswerOnce(answer.clone()));
    let loaded = world.store.load(&keys(&event)).await.unwrap();
    assert!(loaded.processed);
    assert_eq!(loaded.customer.version.0, 1);
    let seen = world.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].1["RequestItems"][name], left);
    world.fault("BatchGetItem", Fault::Answer(200, answer));
    let never = world.store.load(&keys(&event)).await.unwrap_err();
    assert!(never.to_string().contains("EVENT#evt_ada"), "{never}");
    assert_eq!(world.seen().len(), usize::try_from(AWS_ATTEMPTS_MAX).unwrap());
}
