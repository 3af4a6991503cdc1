//! A changed policy: decides customers and accounts under it, as commits like those of webhooks. Nothing
//! waits for a customer's next event.

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
/// `generation` counts the changes of the policy, so that each is applied once.
#[must_use]
pub fn change_policy(
    mut customer: Customer,
    accounts: BTreeMap<UserId, Option<Account>>,
    generation: u64,
    policy: &Policy,
    now: Timestamp,
) -> PolicyChange {
    let subject = format!("customer.{}", customer.id);
    let kind = SystemEvent::PolicyChanged;
    let Some(ledger) = LedgerEntry::for_system_event(kind, &subject, generation, now) else {
        return PolicyChange::Nothing;
    };
    let mut commit = Commit::new(LedgerEntry { customer: Some(customer.id.clone()), ..ledger });
    let owners = Owners::new(&customer, policy);
    let (waiting, mut grants) = (owners.waiting_since(), Grant::by_user(&owners, policy));
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
    if waiting != customer.waiting_since {
        customer.waiting_since = waiting;
        commit.customer = Some(customer);
    }
    if commit.accounts.is_empty() && commit.customer.is_none() {
        return PolicyChange::Nothing;
    }
    PolicyChange::Commit(Box::new(commit))
}

/// Settles an account that no customer changes, under a changed policy.
#[must_use]
pub fn settle_under(
    account: Account,
    generation: u64,
    policy: &Policy,
    now: Timestamp,
) -> PolicyChange {
    let subject = format!("user.{}", account.user);
    let kind = SystemEvent::PolicyChanged;
    let Some(ledger) = LedgerEntry::for_system_event(kind, &subject, generation, now) else {
        return PolicyChange::Nothing;
    };
    let mut commit = Commit::new(ledger);
    commit.settle(account, false, policy, now);
    if commit.accounts.is_empty() {
        return PolicyChange::Nothing;
    }
    PolicyChange::Commit(Box::new(commit))
}
