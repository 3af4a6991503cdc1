//! All customers and accounts, page by page, and which policy they are under: what applying a changed
//! policy needs.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::{
    account::Account, customer::Customer, decide::Redecision, id::UserId, ledger::SystemEvent,
    ports::StoreError,
};

/// The policy that everything stored is under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// The number of times that everything has been decided again so far.
    pub generation: u64,
    /// Why it was the last time.
    #[serde(default = "policy_changed")]
    pub because: SystemEvent,
    /// The policy's fingerprint.
    pub fingerprint: String,
    /// How far that has come; `None` once it is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
}

const fn policy_changed() -> SystemEvent {
    SystemEvent::PolicyChanged
}

impl Default for PolicyState {
    fn default() -> Self {
        Self {
            generation: 0,
            because: policy_changed(),
            fingerprint: String::new(),
            progress: None,
        }
    }
}

impl PolicyState {
    /// The pass that this state is about.
    #[must_use]
    pub const fn pass(&self) -> Redecision {
        Redecision { because: self.because, generation: self.generation }
    }

    /// The state at the start of another pass.
    #[must_use]
    pub fn next(&self, because: SystemEvent, fingerprint: &str) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            because,
            fingerprint: fingerprint.to_owned(),
            progress: Some(Progress::Customers(None)),
        }
    }
}

/// How far a change of the policy has been applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Customers are gone through, after this place.
    Customers(Option<String>),
    /// All customers are done, and accounts are gone through, after this place.
    Accounts(Option<String>),
}

/// A page of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The place at which the next page starts; `None` on the last one.
    pub next: Option<String>,
}

/// Goes through everything that is stored. What is written meanwhile may or may not be seen.
pub trait Scan: Send + Sync {
    /// A page of at most `max` customers.
    fn customers(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Result<Page<Customer>, StoreError>> + Send;

    /// A page of at most `max` accounts.
    fn accounts(
        &self,
        after: Option<&str>,
        max: usize,
    ) -> impl Future<Output = Result<Page<Account>, StoreError>> + Send;

    /// The stored accounts of these users, in any order.
    fn accounts_of(
        &self,
        users: Vec<UserId>,
    ) -> impl Future<Output = Result<Vec<Account>, StoreError>> + Send;
}

/// Knows which policy everything that is stored is under.
pub trait PolicyRecord: Send + Sync {
    /// The policy that everything is under; `None` before the first one is noted.
    fn policy_state(&self) -> impl Future<Output = Result<Option<PolicyState>, StoreError>> + Send;

    /// Notes the policy that everything is under.
    fn set_policy_state(
        &self,
        state: PolicyState,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
