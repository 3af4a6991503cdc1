//! The AWS backend, held to the contract: the queue on SQS, and the store on two emulators of DynamoDB.

use std::time::Duration;

use tierlift_aws::{queue::Queue, store::Store};
use tierlift_core::time::Timestamp;
use tierlift_testkit::harness;
use tierlift_tests::{
    contract::{Backend, QueueBackend, StoreBackend},
    contract_tests,
};

use super::{
    resources::{TestResources, VISIBILITY_TIMEOUT_SECS},
    table::Table,
};

/// A queue on resources of its own.
struct OnSqs {
    _resources: TestResources,
    queue: Queue,
}

impl Backend for OnSqs {
    async fn fresh() -> Self {
        let resources = TestResources::start().await;
        let queue = resources.queue(&resources.sdk().await);
        Self { _resources: resources, queue }
    }
}

impl QueueBackend for OnSqs {
    type Queue = Queue;

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn visibility_timeout(&self) -> Duration {
        Duration::from_secs(VISIBILITY_TIMEOUT_SECS)
    }

    fn now(&self) -> Timestamp {
        harness::now()
    }

    /// SQS uses real time.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

contract_tests!(sqs, queue of OnSqs);

/// A store on a table of its own, in dynoxide or where the adapters are tested.
struct OnTable<const DYNOXIDE: bool> {
    _table: Table,
    store: Store,
}

impl<const DYNOXIDE: bool> Backend for OnTable<DYNOXIDE> {
    async fn fresh() -> Self {
        let table = if DYNOXIDE { Table::on_dynoxide().await } else { Table::create().await };
        let store = table.store().await;
        Self { _table: table, store }
    }
}

impl<const DYNOXIDE: bool> StoreBackend for OnTable<DYNOXIDE> {
    type Store = Store;

    fn store(&self) -> &Store {
        &self.store
    }
}

contract_tests!(dynamodb, store of OnTable<false>);
contract_tests!(dynoxide, store of OnTable<true>);
