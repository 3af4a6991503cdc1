//! A changed policy, or a clock that was wrong: decides customers and accounts again, as commits like those
//! of webhooks. Nothing waits for a customer's next event.

use std::collections::{BTreeMap, BTreeSet};

use super::Commit;
use crate::{
    account::Account,
    customer::Customer,
    grant::Grant,
    id::UserId,
    ledger::{LedgerEntry, SystemEvent},
    owners::Owners,
    policy::Policy,
    time::Timestamp,
};

/// One pass over everything that is stored, to decide it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redecision {
    /// Why.
    pub because: SystemEvent,
    /// The number of passes so far: each customer and account is decided at most once in each.
    pub generation: u64,
}

impl Redecision {
    fn ledger(self, subject: &str, now: Timestamp) -> Option<LedgerEntry> {
        LedgerEntry::for_system_event(self.because, subject, self.generation, now)
    }
}

/// What a changed policy means for one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// Commit this.
    Commit(Box<Commit>),
    /// Nothing changes.
    Nothing,
}

/// The users whose accounts a customer may change, under any policy.
#[must_use]
pub fn concerned(customer: &Customer) -> BTreeSet<UserId> {
    customer.named_users()
}

/// Decides what a customer earns under a changed policy. `accounts` are those of all [`concerned`] users.
#[must_use]
pub fn change_policy(
    customer: Customer,
    accounts: BTreeMap<UserId, Option<Account>>,
    pass: Redecision,
    policy: &Policy,
    now: Timestamp,
) -> PolicyChange {
    let subject = format!("customer.{}", customer.id);
    let Some(ledger) = pass.ledger(&subject, now) else { return PolicyChange::Nothing };
    let commit = decide_again(customer, accounts, ledger, false, policy, now);
    if commit.accounts.is_empty() && commit.customer.is_none() {
        return PolicyChange::Nothing;
    }
    PolicyChange::Commit(Box::new(commit))
}

/// Decides what a customer earns without an event: its accounts, and since when it waits. `is_changed` says
/// whether the customer has to be written in any case.
pub(super) fn decide_again(
    mut customer: Customer,
    accounts: BTreeMap<UserId, Option<Account>>,
    ledger: LedgerEntry,
    is_changed: bool,
    policy: &Policy,
    now: Timestamp,
) -> Commit {
    let mut commit = Commit::new(LedgerEntry { customer: Some(customer.id.clone()), ..ledger });
    let owners = Owners::new(&customer, policy);
    let open = (owners.waiting_since(), owners.fetch_due());
    let mut grants = Grant::by_user(&owners, policy);
    for (user, account) in accounts {
        let grant = grants.remove(&user).unwrap_or_default();
        if account.is_none() && grant.is_empty() {
            continue;
        }
        let account = account.unwrap_or_else(|| Account::new(user, policy));
        // An account that has too many customers keeps its grants: its events are parked too.
        let known = account.clone();
        if commit.update(account, Some((&customer.id, grant)), policy, now).is_err() {
            commit.settle(known, false, policy, now);
        }
    }
    if is_changed || open != (customer.waiting_since, customer.fetch_due) {
        (customer.waiting_since, customer.fetch_due) = open;
        commit.customer = Some(customer);
    }
    commit
}

/// Settles an account that no customer changes, under a changed policy.
#[must_use]
pub fn settle_under(
    account: Account,
    pass: Redecision,
    policy: &Policy,
    now: Timestamp,
) -> PolicyChange {
    let subject = format!("user.{}", account.user);
    let Some(ledger) = pass.ledger(&subject, now) else { return PolicyChange::Nothing };
    let mut commit = Commit::new(ledger);
    commit.settle(account, false, policy, now);
    if commit.accounts.is_empty() {
        return PolicyChange::Nothing;
    }
    PolicyChange::Commit(Box::new(commit))
}
