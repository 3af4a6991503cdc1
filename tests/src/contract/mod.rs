//! One contract suite for every backend. A backend that passes can be trusted with customers.
//!
//! Each promise is one async function over a fresh [`Backend`];
//! [`contract_tests!`](crate::contract_tests) makes a test of each for a backend, so that none is left
//! out silently.

mod apply;
mod lists;
pub mod operations;
pub mod queue;
pub mod store;

use std::{future::Future, time::Duration};

use tierlift_core::{
    ports::{
        DeadLetters, Enqueue, FetchList, Operations, PolicyRecord, Queue, ReconciliationRecord,
        Scan, Store, WaitingList,
    },
    time::Timestamp,
};

/// A backend under test: empty, and alone with its test.
pub trait Backend: Send + Sync + Sized {
    /// A new, empty one.
    fn fresh() -> impl Future<Output = Self> + Send;
}

/// A backend that has a queue.
pub trait QueueBackend: Backend {
    /// Its queue.
    type Queue: Enqueue + Queue + DeadLetters;

    /// Its queue.
    fn queue(&self) -> &Self::Queue;
    /// How long a message stays invisible that is delivered and never settled.
    fn visibility_timeout(&self) -> Duration;
    /// What its clock shows.
    fn now(&self) -> Timestamp;
    /// Lets so much time pass for it: moves its clock, or waits where the clock is the world's.
    fn pass(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// A backend that has a store.
pub trait StoreBackend: Backend {
    /// Its store.
    type Store: Store + WaitingList + FetchList + Scan + PolicyRecord + ReconciliationRecord;

    /// Its store.
    fn store(&self) -> &Self::Store;
}

/// A backend that operators can work on.
pub trait OperationsBackend: QueueBackend + StoreBackend {
    /// What operators use.
    type Operations: Operations;

    /// What operators use.
    fn operations(&self) -> &Self::Operations;
}

/// Makes a module of tests that hold a backend to the whole contract; or, of a backend that has
/// only a queue or only a store, to that part: `contract_tests!(name, store of Backend)`.
#[macro_export]
macro_rules! contract_tests {
    ($name:ident, $suite:ident of $backend:ty) => {
        mod $name {
            use super::*;
            $crate::contract_tests!(@$suite $backend);
        }
    };
    ($name:ident, $backend:ty) => {
        mod $name {
            use super::*;
            $crate::contract_tests!(@queue $backend);
            $crate::contract_tests!(@store $backend);
        }
    };
    (@queue $backend:ty) => {
        $crate::queue_promises!($backend);
    };
    (@operations $backend:ty) => {
        $crate::operations_promises!($backend);
    };
    (@store $backend:ty) => {
        $crate::store_promises!($backend);
    };
    (@each $backend:ty, $suite:ident: $($promise:ident,)*) => {
        mod $suite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let backend = <$backend as $crate::contract::Backend>::fresh().await;
                    $crate::contract::$suite::$promise(&backend).await;
                }
            )*
        }
    };
}
