//! The AWS backend, held to the contract: the queue on SQS, the store on two emulators of DynamoDB, and what operators
//! use.

use std::time::Duration;

use tierlift_aws::{operations::Deployment, queue::Queue, store::Store};
use tierlift_core::time::Timestamp;
use tierlift_testkit::harness;
use tierlift_tests::{
    contract::{Backend, OperationsBackend, QueueBackend, StoreBackend},
    contract_tests,
};

use super::{
    resources::{TestResources, VISIBILITY_TIMEOUT_SECS},
    table::Table,
};

/// A queue on resources of its own, with their table.
struct OnSqs {
    _resources: TestResources,
    queue: Queue,
    store: Store,
    deployment: Deployment,
}

impl Backend for OnSqs {
    async fn fresh() -> Self {
        let resources = TestResources::start().await;
        let sdk = resources.sdk().await;
        let (queue, store) = (resources.queue(&sdk), resources.store(&sdk));
        let deployment = Deployment::new(store.clone(), queue.clone());
        Self { _resources: resources, queue, store, deployment }
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

impl StoreBackend for OnSqs {
    type Store = Store;

    fn store(&self) -> &Store {
        &self.store
    }
}

impl OperationsBackend for OnSqs {
    type Operations = Deployment;

    fn operations(&self) -> &Deployment {
        &self.deployment
    }
}

contract_tests!(sqs, queue of OnSqs);
contract_tests!(aws_for_operators, operations of OnSqs);

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
