//! A table of a test's own, as the template makes it: in an emulator, or with `TIERLIFT_TEST_AWS=1`
//! in a real account, where it is deleted at the end.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tierlift_aws::{Sdk, store::Store};

use super::{
    cloud::{delete, is_real, real},
    dynoxide::Dynoxide,
    emulator::{Emulator, ask, sdk_at},
};
use crate::process::now;

/// An empty table.
pub(super) struct Table {
    pub(super) name: String,
    place: Place,
}

enum Place {
    Ministack(Emulator),
    Dynoxide(Dynoxide),
    Real,
}

impl Table {
    /// One where the ports on AWS are tried: in ministack, or in a real account.
    pub(super) async fn create() -> Self {
        Self::at(if is_real() { Place::Real } else { Place::Ministack(Emulator::start()) }).await
    }

    /// One in dynoxide, whatever is wanted.
    pub(super) async fn on_dynoxide() -> Self {
        Self::at(Place::Dynoxide(Dynoxide::start())).await
    }

    async fn at(place: Place) -> Self {
        let name = format!("tierlift-test-{}-{}", now().as_micros(), std::process::id());
        // It is there before what it will delete, so that nothing stays if the rest fails.
        let this = Self { name, place };
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
        let input = json!({
            "TableName": this.name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": "pk", "AttributeType": "S" },
                { "AttributeName": "conn_user", "AttributeType": "S" },
                { "AttributeName": "connected_at", "AttributeType": "N" },
                { "AttributeName": "expiry_shard", "AttributeType": "N" },
                { "AttributeName": "next_expiry_at", "AttributeType": "N" },
            ],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
            "GlobalSecondaryIndexes": [
                index("connections", "conn_user", "connected_at"),
                index("expiry", "expiry_shard", "next_expiry_at"),
            ],
        });
        this.call("CreateTable", &input).await.unwrap();
        // An emulator's is there at once.
        while this.status().await != "ACTIVE" {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        this
    }

    async fn status(&self) -> Value {
        let input = json!({ "TableName": self.name });
        let mut table = self.call("DescribeTable", &input).await.unwrap();
        table["Table"]["TableStatus"].take()
    }

    pub(super) async fn sdk(&self) -> Sdk {
        match self.address() {
            Some(address) => sdk_at(address),
            None => Sdk::of_shell().await,
        }
    }

    pub(super) async fn store(&self) -> Store {
        Store::new(&self.sdk().await, &self.name)
    }

    /// Where it is, unless that is a real account.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Ministack(emulator) => Some(emulator.address()),
            Place::Dynoxide(dynoxide) => Some(dynoxide.address),
            Place::Real => None,
        }
    }

    /// Writes an item as somebody else would, past the store.
    pub(super) async fn put(&self, item: &Value) -> Result<Value, String> {
        self.call("PutItem", &json!({ "TableName": self.name, "Item": item })).await
    }

    /// What is under a key, as it is.
    pub(super) async fn get(&self, key: &str) -> Value {
        let input = json!({ "TableName": self.name, "Key": { "pk": { "S": key } } });
        self.call("GetItem", &input).await.unwrap()["Item"].take()
    }

    async fn call(&self, operation: &str, input: &Value) -> Result<Value, String> {
        let target = format!("DynamoDB_20120810.{operation}");
        let Some(address) = self.address() else { return real(&target, input) };
        let answer = ask(address, &target, input).await;
        if answer.status == 200 { Ok(answer.json()) } else { Err(answer.body) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if matches!(self.place, Place::Real) {
            delete("DynamoDB_20120810.DeleteTable", &json!({ "TableName": self.name }));
        }
    }
}
