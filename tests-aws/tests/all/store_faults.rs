//! How the store handles responses that an emulator cannot be made to give: cancellation reasons of a
//! transaction, lost responses, unprocessed keys.
//!
//! The proxy between the store and dynoxide gives them.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use serde_json::{Value, json};
use tierlift_aws::store::Store;
use tierlift_core::{
    codes::Code,
    limits::{AWS_ATTEMPTS_MAX, BATCH_GET_KEYS_MAX},
    ports::{LoadKeys, Store as _, StoreError},
};
use tierlift_testkit::facts::{customer_id, invoice_payment, keys, user_id};

use super::{
    emulator::sdk_at,
    proxy::{Fault, Proxy, Rule},
    store::{AT, decided, inflated, pays},
    table::Table,
};

/// Every request.
const ALL: RangeInclusive<usize> = 1..=usize::MAX;
/// One request.
const ONE: RangeInclusive<usize> = 1..=1;

/// A store on a table behind a network with faults.
struct FaultyStore {
    table: Table,
    store: Store,
    proxy: Proxy,
}

impl FaultyStore {
    async fn start() -> Self {
        let table = Table::on_dynoxide().await;
        let proxy = Proxy::start(table.address().unwrap()).await;
        let store = Store::new(&sdk_at(proxy.address()), &table.name);
        let store = store.recovering_after(Duration::ZERO);
        Self { table, store, proxy }
    }

    /// The next requests of an operation meet a fault: one of them, or all.
    fn fault(&self, operation: &'static str, calls: RangeInclusive<usize>, fault: Fault) {
        self.proxy.set_rules(vec![Rule { operation, calls, fault }]);
    }
}

fn error(kind: &str, message: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": message })
}

fn cancelled(reasons: &[Value]) -> Fault {
    let mut body = error("TransactionCanceledException", "Transaction cancelled");
    body["Message"] = body["message"].take();
    body["CancellationReasons"] = json!(reasons);
    Fault::Response(400, body)
}

/// The name of a result, for tables.
fn kind(result: &Result<(), StoreError>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(StoreError::Duplicate) => "duplicate",
        Err(StoreError::Conflict) => "conflict",
        Err(StoreError::TooLarge(Code::CustomerTooLarge)) => "customer too large",
        Err(StoreError::TooLarge(Code::AccountTooLarge)) => "account too large",
        Err(StoreError::TooLarge(Code::PaymentTooLarge)) => "payment too large",
        Err(StoreError::TooLarge(_)) => "something else too large",
        Err(StoreError::Corrupt(_)) => "corrupt",
        Err(StoreError::Unavailable(_)) => "unavailable",
    }
}

/// Reasons stand in the order of the items: ledger row, customer, account.
#[tokio::test]
async fn classifies_the_reasons_of_a_cancelled_transaction() {
    let faulty = FaultyStore::start().await;
    let commit = decided(&faulty.store, &pays("ada", AT), AT).await;
    faulty.store.commit(commit.clone()).await.unwrap();
    let known = faulty.table.get("EVENT#evt_ada").await;
    let reason = |code: &str| json!({ "Code": code });
    let reason_with = |code: &str, message: &str| json!({ "Code": code, "Message": message });
    let found = |item: Value| json!({ "Code": "ConditionalCheckFailed", "Item": item });
    let size = "Item size has exceeded the maximum allowed size";
    let foreign = json!({ "pk": { "S": "EVENT#evt_ada" }, "colour": { "S": "red" } });
    let mut other_event = known.clone();
    other_event["event"] = json!({ "S": "evt_eve" });
    let (none, failed) = (reason("None"), reason("ConditionalCheckFailed"));
    let (conflict, throttled) = (reason("TransactionConflict"), reason("ThrottlingError"));
    let slow = reason_with("ProvisionedThroughputExceeded", "The level of configured throughput…");
    for (reasons, expected) in [
        ([found(known.clone()), none.clone(), none.clone()], "duplicate"),
        ([found(known.clone()), failed.clone(), failed.clone()], "duplicate"),
        ([found(known), conflict.clone(), throttled.clone()], "duplicate"),
        ([found(foreign), none.clone(), none.clone()], "corrupt"),
        ([found(other_event), none.clone(), none.clone()], "corrupt"),
        ([failed.clone(), none.clone(), none.clone()], "conflict"),
        ([none.clone(), failed.clone(), none.clone()], "conflict"),
        ([none.clone(), none.clone(), failed.clone()], "conflict"),
        ([conflict.clone(), none.clone(), none.clone()], "conflict"),
        ([none.clone(), conflict.clone(), none.clone()], "conflict"),
        ([none.clone(), none.clone(), conflict], "conflict"),
        ([none.clone(), throttled.clone(), failed], "conflict"),
        ([none.clone(), throttled, none.clone()], "unavailable"),
        ([none.clone(), none.clone(), slow], "unavailable"),
        ([none.clone(), reason_with("ValidationError", size), none.clone()], "customer too large"),
        ([none.clone(), none.clone(), reason_with("ValidationError", size)], "account too large"),
        ([reason_with("ValidationError", size), none.clone(), none.clone()], "unavailable"),
        ([none.clone(), reason_with("ValidationError", "no"), none.clone()], "unavailable"),
        ([none.clone(), reason("SomethingNew"), none.clone()], "unavailable"),
        ([none.clone(), none.clone(), none], "unavailable"),
    ] {
        faulty.fault("TransactWriteItems", ALL, cancelled(&reasons));
        let result = faulty.store.commit(commit.clone()).await;
        assert_eq!(kind(&result), expected, "{reasons:?}: {result:?}");
    }
    faulty.fault("TransactWriteItems", ALL, cancelled(&[reason("ConditionalCheckFailed")]));
    assert_eq!(kind(&faulty.store.commit(commit).await), "unavailable");
}

/// The same for a payment and its invoice: ledger row, payment, invoice.
#[tokio::test]
async fn classifies_the_reasons_of_a_payment_and_its_invoice() {
    let faulty = FaultyStore::start().await;
    let paid = invoice_payment("evt_1", "in_1", "pi_1", AT);
    let commit = decided(&faulty.store, &paid, AT).await;
    let none = json!({ "Code": "None" });
    let failed = json!({ "Code": "ConditionalCheckFailed" });
    let size = "Item size has exceeded the maximum allowed size";
    let size = json!({ "Code": "ValidationError", "Message": size });
    for (reasons, expected) in [
        ([none.clone(), failed.clone(), none.clone()], "conflict"),
        ([none.clone(), none.clone(), failed.clone()], "conflict"),
        ([none.clone(), size.clone(), none.clone()], "payment too large"),
        ([none.clone(), none.clone(), size.clone()], "payment too large"),
        ([none, failed, size], "conflict"),
    ] {
        faulty.fault("TransactWriteItems", ALL, cancelled(&reasons));
        let result = faulty.store.commit(commit.clone()).await;
        assert_eq!(kind(&result), expected, "{reasons:?}: {result:?}");
    }
}

/// Errors of the whole request name no item: the largest one counts as the one that is too large.
#[tokio::test]
async fn classifies_refused_requests() {
    let faulty = FaultyStore::start().await;
    let commit = inflated(&decided(&faulty.store, &pays("ada", AT), AT).await, 4_096);
    let size = "Item size has exceeded the maximum allowed size";
    for (status, code, message, expected) in [
        (400, "ValidationException", size, "customer too large"),
        (400, "ValidationException", "One or more parameter values were invalid", "unavailable"),
        (400, "ResourceNotFoundException", "Requested resource not found", "unavailable"),
        (400, "AccessDeniedException", "not authorized", "unavailable"),
        (400, "IdempotentParameterMismatchException", "", "unavailable"),
        (400, "TransactionInProgressException", "", "unavailable"),
        (400, "ProvisionedThroughputExceededException", "", "unavailable"),
        (500, "InternalServerError", "", "unavailable"),
    ] {
        faulty.fault("TransactWriteItems", ALL, Fault::Response(status, error(code, message)));
        let result = faulty.store.commit(commit.clone()).await;
        assert_eq!(kind(&result), expected, "{code}: {result:?}");
        let error = result.unwrap_err().to_string();
        assert!(expected != "unavailable" || error.contains(code), "{error}");
    }
}

/// The SDK repeats a request whose response was lost. The token makes it the same call.
#[tokio::test]
async fn a_lost_response_is_no_second_commit() {
    let faulty = FaultyStore::start().await;
    let commit = decided(&faulty.store, &pays("ada", AT), AT).await;
    faulty.proxy.take_requests();
    faulty.fault("TransactWriteItems", ONE, Fault::ResponseLost);
    faulty.store.commit(commit.clone()).await.unwrap();
    let tokens: Vec<Value> =
        faulty.proxy.take_requests().into_iter().map(|(_, input)| input).collect();
    assert_eq!(tokens.len(), 2, "{tokens:?}");
    assert_eq!(tokens[0]["ClientRequestToken"], tokens[1]["ClientRequestToken"]);
    let account = faulty.store.account(&user_id("ada")).await.unwrap().unwrap();
    assert_eq!(account.version.0, 1);
    assert_eq!(kind(&faulty.store.commit(commit).await), "duplicate");
}

/// The response was lost, and the transaction goes on: the same request asks for its outcome later, after the
/// SDK has given up.
#[tokio::test]
async fn a_transaction_in_progress_is_waited_for() {
    let faulty = FaultyStore::start().await;
    let commit = decided(&faulty.store, &pays("ada", AT), AT).await;
    let attempts = usize::try_from(AWS_ATTEMPTS_MAX).unwrap();
    for (answered, expected) in [(attempts, "ok"), (2 * attempts, "unavailable")] {
        let commit = if expected == "ok" {
            commit.clone()
        } else {
            decided(&faulty.store, &pays("bob", AT), AT).await
        };
        faulty.proxy.take_requests();
        let in_progress = Fault::Response(400, error("TransactionInProgressException", ""));
        faulty.fault("TransactWriteItems", 1..=answered, in_progress);
        assert_eq!(kind(&faulty.store.commit(commit).await), expected);
        let tokens: BTreeSet<String> = faulty
            .proxy
            .take_requests()
            .into_iter()
            .filter(|(operation, _)| operation == "TransactWriteItems")
            .map(|(_, input)| input["ClientRequestToken"].to_string())
            .collect();
        assert_eq!(tokens.len(), 1, "{tokens:?}");
    }
    let account = faulty.store.account(&user_id("ada")).await.unwrap().unwrap();
    assert_eq!(account.version.0, 1);
}

/// One request loads everything, and one more loads a user whom only the customer names. All reads are
/// strongly consistent.
#[tokio::test]
async fn loads_in_one_request() {
    let faulty = FaultyStore::start().await;
    faulty.store.commit(decided(&faulty.store, &pays("ada", AT), AT).await).await.unwrap();
    for (user, operations) in
        [("ada", &["BatchGetItem"][..]), ("bob", &["BatchGetItem", "GetItem"])]
    {
        let paid = invoice_payment("evt_2", "in_1", "pi_1", AT);
        let (customer, users) = (Some(customer_id("cus_ada")), BTreeSet::from([user_id(user)]));
        faulty.proxy.take_requests();
        let loaded = faulty.store.load(&LoadKeys { customer, users, ..keys(&paid) }).await.unwrap();
        assert!(loaded.accounts[&user_id("ada")].is_some());
        let seen = faulty.proxy.take_requests();
        assert_eq!(seen.iter().map(|(name, _)| name).collect::<Vec<_>>(), operations);
        let wanted = &seen[0].1["RequestItems"][&faulty.table.name];
        assert_eq!(wanted["Keys"].as_array().unwrap().len(), 5, "{wanted}");
        assert_eq!(wanted["ConsistentRead"], true);
    }
    faulty.store.account(&user_id("ada")).await.unwrap();
    let seen = faulty.proxy.take_requests();
    assert_eq!((seen.len(), &seen[0].1["ConsistentRead"]), (1, &json!(true)));
}

/// A request has room for a hundred keys.
#[tokio::test]
async fn loads_more_keys_than_a_request_can_have() {
    let faulty = FaultyStore::start().await;
    faulty.store.commit(decided(&faulty.store, &pays("ada", AT), AT).await).await.unwrap();
    let users: BTreeSet<_> =
        (0..BATCH_GET_KEYS_MAX).map(|n| user_id(&format!("user_{n}"))).collect();
    let users = users.into_iter().chain([user_id("ada")]).collect();
    faulty.proxy.take_requests();
    let loaded = faulty.store.load(&LoadKeys { users, ..keys(&pays("ada", AT)) }).await.unwrap();
    assert!(loaded.processed && loaded.accounts[&user_id("ada")].is_some());
    assert_eq!(loaded.accounts.len(), BATCH_GET_KEYS_MAX + 1);
    assert_eq!(faulty.proxy.take_requests().len(), 2);
}

/// An unprocessed key is not an absent one.
#[tokio::test]
async fn retries_unprocessed_keys() {
    let faulty = FaultyStore::start().await;
    let event = pays("ada", AT);
    faulty.store.commit(decided(&faulty.store, &event, AT).await).await.unwrap();
    let customer = faulty.table.get("CUSTOMER#cus_ada").await;
    let account = faulty.table.get("USER#ada").await;
    let name = &faulty.table.name;
    let unprocessed =
        json!({ "Keys": [{ "pk": { "S": "EVENT#evt_ada" } }], "ConsistentRead": true });
    let output = json!({
        "Responses": { name: [customer, account] },
        "UnprocessedKeys": { name: unprocessed },
    });
    faulty.proxy.take_requests();
    faulty.fault("BatchGetItem", ONE, Fault::Response(200, output.clone()));
    let loaded = faulty.store.load(&keys(&event)).await.unwrap();
    assert!(loaded.processed);
    assert_eq!(loaded.customer.unwrap().version.0, 1);
    let seen = faulty.proxy.take_requests();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].1["RequestItems"][name], unprocessed);
    faulty.fault("BatchGetItem", ALL, Fault::Response(200, output));
    let error = faulty.store.load(&keys(&event)).await.unwrap_err();
    assert!(error.to_string().contains("EVENT#evt_ada"), "{error}");
    assert_eq!(faulty.proxy.take_requests().len(), usize::try_from(AWS_ATTEMPTS_MAX).unwrap());
}
