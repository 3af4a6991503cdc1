//! A reference model: what core decides, in memory, with no queue and no store.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a model of tests: what it does not expect should stop them where it happens"
)]

use std::collections::{BTreeMap, BTreeSet};

use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Decision, Loaded, decide},
    id::{CustomerId, EventId, UserId},
    policy::Policy,
    stripe::event::Event as Read,
    time::Timestamp,
};

use crate::lifecycle::Event;

/// Reads an event as the server does.
#[must_use]
pub fn read(event: &Event) -> Read {
    Read::parse(EventId::new(&event.id).unwrap(), event.kind, &event.body).unwrap()
}

/// Customers, accounts and the ledger, at one moment.
pub struct ReferenceModel {
    /// Ids of processed events.
    pub ledger: BTreeSet<EventId>,
    /// Customers by id.
    pub customers: BTreeMap<CustomerId, Customer>,
    accounts: BTreeMap<UserId, Account>,
    policy: Policy,
    now: Timestamp,
}

pub use crate::facts::policy;

impl ReferenceModel {
    /// An empty model that decides at that time.
    #[must_use]
    pub fn new(policy: Policy, now_secs: i64) -> Self {
        Self {
            ledger: BTreeSet::new(),
            customers: BTreeMap::new(),
            accounts: BTreeMap::new(),
            policy,
            now: Timestamp::from_secs(now_secs),
        }
    }

    /// The user's role now.
    #[must_use]
    pub fn role(&self, user: &str) -> String {
        let account = &self.accounts[user];
        account.effective(&self.policy, self.now).role.to_string()
    }

    /// Decides on an event and writes what was decided.
    pub fn deliver(&mut self, event: &Event) {
        let event = read(event);
        let customer = self.customers.get(&event.customer).cloned();
        let customer = customer.unwrap_or_else(|| Customer::new(event.customer.clone()));
        let mut users: BTreeSet<UserId> = event.fact.user().cloned().into_iter().collect();
        users.extend(customer.user());
        loop {
            let accounts =
                users.iter().map(|user| (user.clone(), self.accounts.get(user).cloned()));
            let loaded = Loaded {
                processed: self.ledger.contains(&event.id),
                customer: customer.clone(),
                accounts: accounts.collect(),
            };
            match decide(loaded, &event, &self.policy, self.now) {
                Decision::Load(user) => assert!(users.insert(user)),
                Decision::Duplicate => return,
                Decision::Park(failure) => panic!("{failure:?}"),
                Decision::Commit(commit) => {
                    self.ledger.insert(event.id.clone());
                    self.customers.extend(commit.customer.map(|c| (c.id.clone(), c)));
                    self.accounts.extend(commit.accounts.into_iter().map(|a| (a.user.clone(), a)));
                    return;
                }
            }
        }
    }
}
