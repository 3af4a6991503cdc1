//! A table for one test, with the template's keys and indexes. In a real account the test deletes it when
//! it ends.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tierlift_aws::{Sdk, store::Store};
use tierlift_testkit::harness::now;

use super::{dynoxide::Dynoxide, endpoint::Endpoint};

/// An empty table.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) endpoint: Endpoint,
}

impl Table {
    /// Creates it where the adapters are tested.
    pub(super) async fn create() -> Self {
        Self::create_at(Endpoint::start()).await
    }

    /// Creates it in dynoxide in any case.
    pub(super) async fn on_dynoxide() -> Self {
        Self::create_at(Endpoint::Dynoxide(Dynoxide::start())).await
    }

    pub(super) async fn create_at(endpoint: Endpoint) -> Self {
        let name = format!("tierlift-test-{}-{}", now().as_micros(), std::process::id());
        // The value that deletes the table exists before the table does: a failure below leaves nothing.
        let this = Self { name, endpoint };
        this.call("CreateTable", &this.definition()).await.unwrap();
        // An emulator creates it at once.
        while this.status().await != "ACTIVE" {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        this
    }

    fn definition(&self) -> Value {
        let index = |name: &str, hash: &str, range: &str| {
            json!({
                "IndexName": name,
                "KeySchema": [
                    { "AttributeName": hash, "KeyType": "HASH" },
                    { "AttributeName": range, "KeyType": "RANGE" },
                ],
                "Projection": { "ProjectionType": "KEYS_ONLY" },
            })
        };
        json!({
            "TableName": self.name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "conn_user", "AttributeType": "S" },
                { "AttributeName": "connected_at", "AttributeType": "N" },
                { "AttributeName": "expiry_shard", "AttributeType": "N" },
                { "AttributeName": "next_expiry_at", "AttributeType": "N" },
                { "AttributeName": "waiting_shard", "AttributeType": "N" },
                { "AttributeName": "waiting_since", "AttributeType": "N" },
                { "AttributeName": "fetch_shard", "AttributeType": "N" },
                { "AttributeName": "fetch_not_before", "AttributeType": "N" },
                { "AttributeName": "listed_as", "AttributeType": "S" },
                { "AttributeName": "listed_at", "AttributeType": "N" },
            ],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "GlobalSecondaryIndexes": [
                index("connections", "conn_user", "connected_at"),
                index("expiry", "expiry_shard", "next_expiry_at"),
                index("waiting", "waiting_shard", "waiting_since"),
                index("fetch", "fetch_shard", "fetch_not_before"),
                index("operations", "listed_as", "listed_at"),
            ],
        })
    }

    async fn status(&self) -> Value {
        let input = json!({ "TableName": self.name });
        let mut table = self.call("DescribeTable", &input).await.unwrap();
        table["Table"]["TableStatus"].take()
    }

    pub(super) async fn sdk(&self) -> Sdk {
        self.endpoint.sdk().await
    }

    pub(super) async fn store(&self) -> Store {
        Store::new(&self.sdk().await, &self.name)
    }

    /// Address of the emulator; `None` in a real account.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        self.endpoint.address()
    }

    /// Writes an item directly, past the store.
    pub(super) async fn put(&self, item: &Value) -> Result<Value, String> {
        self.call("PutItem", &json!({ "TableName": self.name, "Item": item })).await
    }

    /// Reads the raw item under a key.
    pub(super) async fn get(&self, key: &str) -> Value {
        let input = json!({ "TableName": self.name, "Key": { "pk": { "S": key } } });
        self.call("GetItem", &input).await.unwrap()["Item"].take()
    }

    /// Deletes the item under a key, past the store.
    pub(super) async fn delete(&self, key: &str) {
        let input = json!({ "TableName": self.name, "Key": { "pk": { "S": key } } });
        self.call("DeleteItem", &input).await.unwrap();
    }

    async fn call(&self, operation: &str, input: &Value) -> Result<Value, String> {
        self.endpoint.call(&format!("DynamoDB_20120810.{operation}"), input).await
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let name = json!({ "TableName": self.name });
        self.endpoint.delete("DynamoDB_20120810.DeleteTable", &name);
    }
}
