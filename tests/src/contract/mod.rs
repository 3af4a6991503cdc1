//! One contract suite for every backend. A backend that passes can be trusted with customers.
//!
//! Each promise is one async function over a fresh [`Backend`]; [`contract_tests!`] makes a test of
//! each for a backend, so that none is left out silently.

pub mod queue;
pub mod store;

use std::{future::Future, time::Duration};

use tierlift_core::{
    ports::{DeadLetters, Enqueue, Queue, Store},
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
    type Store: Store;

    /// Its store.
    fn store(&self) -> &Self::Store;
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
        $crate::contract_tests!(@each $backend, queue:
            delivers_what_was_sent,
            keeps_one_message_for_each_event,
            keeps_the_order_within_a_group,
            lets_other_groups_overtake,
            brings_a_failed_message_back_after_its_delay,
            takes_back_what_nobody_tried,
            holds_a_group_back_while_its_head_waits,
            parks_with_the_cause_and_lets_the_group_go_on,
            gets_a_dead_letter_by_its_event,
            redrives_a_dead_letter,
            brings_an_unanswered_message_back,
            waits_for_the_first_message,
            takes_an_answer_twice,
            carries_large_bodies_untouched,
            counts_what_it_holds,
        );
    };
    (@store $backend:ty) => {
        $crate::contract_tests!(@each $backend, store:
            knows_nothing_at_first,
            reads_back_what_was_committed,
            commits_an_event_once,
            refuses_a_customer_that_somebody_else_wrote,
            refuses_an_account_that_somebody_else_wrote,
            refuses_two_firsts,
            writes_all_of_a_commit_or_nothing,
            loads_the_account_of_the_customers_user,
            moves_a_grant_between_two_accounts_at_once,
            serializes_racing_commits,
            names_users_whose_access_expired,
        );
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
