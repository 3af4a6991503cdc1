//! An erasure: what is known of a user goes, and a pseudonym stands in the ledger. Each step is a commit of its own and
//! changes nothing when it is made again, so an erasure that was interrupted is finished by beginning it again.

use std::collections::BTreeMap;

use super::{Commit, commit::change, policy_change::decide_again, system::revocation};
use crate::{
    account::Account,
    customer::{Customer, Ownable},
    id::{PurchaseId, SubscriptionId, UserId},
    latest::Latest,
    ledger::{Act, LedgerEntry, SystemEvent, names},
    owners::Owners,
    policy::Policy,
    time::Timestamp,
};

/// What the pseudonyms of erased users begin with.
const PSEUDONYM: &str = "erased";

/// The erasure of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    user: UserId,
    pseudonym: UserId,
    act: Act,
}

impl Erasure {
    /// An erasure that begins now. Its pseudonym follows from the time alone, so nothing leads from it to the user.
    #[must_use]
    pub fn new(user: UserId, act: Act, now: Timestamp) -> Option<Self> {
        let pseudonym = UserId::new(&format!("{PSEUDONYM}-{}", now.as_micros())).ok()?;
        Some(Self { user, pseudonym, act })
    }

    /// The user.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// What stands in the place of the user's id.
    #[must_use]
    pub const fn pseudonym(&self) -> &UserId {
        &self.pseudonym
    }

    /// That it begins: a commit that has only its ledger row.
    #[must_use]
    pub fn begin(&self, now: Timestamp) -> Option<Commit> {
        let (kind, subject) = (SystemEvent::ErasureBegun, self.pseudonym.as_str());
        LedgerEntry::for_act(kind, subject, self.act.clone(), now).map(Commit::new)
    }

    /// Forgets the user in a customer. What the user owns goes; if nobody else is named there, everything goes.
    /// `accounts` are those of the user and of all users that the customer names. `None` if it does not name the user.
    #[must_use]
    pub fn customer(
        &self,
        mut customer: Customer,
        mut accounts: BTreeMap<UserId, Option<Account>>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Commit> {
        if !customer.mentions(&self.user) {
            return None;
        }
        accounts.entry(self.user.clone()).or_default();
        let subject = format!("{}.{}", self.pseudonym, customer.id);
        let ledger = self.row(&subject, now)?;
        if customer.mentions_only(&self.user) {
            customer.clear();
        } else {
            remove_owned(&mut customer, &self.user, policy);
            remove_names(&mut customer, &self.user);
        }
        Some(self.sealed(decide_again(customer, accounts, ledger, true, policy, now)))
    }

    /// Empties the account and ends the user's sessions. What is left says which tokens are refused, and is deleted
    /// once no token can be so old.
    #[must_use]
    pub fn account(&self, account: Account, policy: &Policy, now: Timestamp) -> Option<Commit> {
        let ledger = self.row(self.pseudonym.as_str(), now)?;
        let blank = Account {
            role: account.role,
            epoch: account.epoch,
            revocation_id: account.revocation_id,
            revoked_before: Some(revocation(now)),
            standing: account.standing,
            version: account.version,
            changed_at: Some(now),
            ..Account::new(account.user, policy)
        };
        let mut commit = Commit::new(ledger);
        commit.settle(blank, true, policy, now);
        for account in &mut commit.accounts {
            (account.role_assigned_at, account.role_assigned_by) = (None, None);
        }
        if let (true, Some(account)) = (commit.changes.is_empty(), commit.accounts.first()) {
            commit.changes.push(change(account, None, &commit.ledger.event, policy, now));
        }
        for change in &mut commit.changes {
            change.revoked_before = Some(revocation(now));
        }
        Some(self.sealed(commit))
    }

    /// A row of the ledger without the user.
    #[must_use]
    pub fn without_user(&self, row: LedgerEntry) -> LedgerEntry {
        row.without_user(&self.user, &self.pseudonym)
    }

    /// Whether a text has the user's id as a word.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        names(text, &self.user)
    }

    /// Whether an act's row of the ledger names the user, in whatever it is about.
    #[must_use]
    pub fn is_in_act(&self, row: &LedgerEntry) -> bool {
        self.is_in(row.event.as_str())
            || row.act.as_ref().is_some_and(|act| self.is_in(act.reason()))
    }

    fn row(&self, subject: &str, now: Timestamp) -> Option<LedgerEntry> {
        LedgerEntry::for_act(SystemEvent::UserErased, subject, self.act.clone(), now)
    }

    /// The pseudonym stands in the row from the beginning, and what is blank is deleted later.
    fn sealed(&self, mut commit: Commit) -> Commit {
        for owner in &mut commit.ledger.owners {
            if owner.user == self.user {
                owner.user = self.pseudonym.clone();
            }
        }
        commit.erased = Some(self.user.clone());
        commit
    }
}

/// Removes what a user owns, so that it becomes nobody else's.
fn remove_owned(customer: &mut Customer, user: &UserId, policy: &Policy) {
    let (mut subscriptions, mut purchases) = (Vec::new(), Vec::new());
    let owners = Owners::new(customer, policy);
    for what in customer.ownables().filter(|what| owners.of(*what) == Some(user)) {
        match what {
            Ownable::Subscription(id) => subscriptions.push(id.clone()),
            Ownable::Purchase(id) => purchases.push(id.clone()),
        }
    }
    let is_kept = |id: &SubscriptionId| !subscriptions.contains(id);
    customer.subscriptions.retain(|id, _| is_kept(id));
    let is_kept = |id: &PurchaseId| !purchases.contains(id);
    customer.purchases.retain(|id, _| is_kept(id));
}

/// Removes a user from the sources of what somebody else owns, or nobody.
fn remove_names(customer: &mut Customer, user: &UserId) {
    let is_user = |known: &Option<UserId>| known.as_ref() == Some(user);
    let is_latest =
        |known: &Option<Latest<UserId>>| known.as_ref().is_some_and(|latest| latest.value == *user);
    customer.links.manual.take_if(|known| known == user);
    if let Some(latest) = &mut customer.links.customer
        && is_user(&latest.value)
    {
        latest.value = None;
    }
    for subscription in customer.subscriptions.values_mut() {
        subscription.link.take_if(|known| known == user);
        if is_latest(&subscription.checkout) {
            subscription.checkout = None;
        }
        subscription.record.forget(user);
    }
    for purchase in customer.purchases.values_mut() {
        purchase.link.take_if(|known| known == user);
        if is_latest(&purchase.checkout) {
            purchase.checkout = None;
        }
    }
}

#[cfg(test)]
#[path = "erase_tests.rs"]
mod tests;
