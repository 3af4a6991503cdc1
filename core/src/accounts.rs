//! The accounts that one token speaks for: its user's own, and those of the organisations that it names.
//!
//! Each account keeps its own counters and its own grants; nothing here is stored. What a person may do is the
//! best of all of them. It does not decide who belongs to an organisation: the token says that.

use crate::{
    account::{Account, Effective},
    id::{Epoch, RevocationId, UserId, Version},
    policy::Policy,
    time::Timestamp,
};

/// The accounts that a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    own: Account,
    others: Vec<Account>,
}

impl From<Account> for Accounts {
    fn from(own: Account) -> Self {
        Self { own, others: Vec::new() }
    }
}

/// What a person may do at one moment, and by which account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best<'a> {
    /// The account that gives the role. Of several the user's own, and then the first in the order of the claims.
    pub account: &'a Account,
    /// The role, its standing, and the features of all accounts.
    pub effective: Effective,
}

/// How far accounts have come, in the order in which counters are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counters {
    /// The latest epoch of any of them.
    pub epoch: Epoch,
    /// The number of role changes of all of them.
    pub revocation_id: RevocationId,
    /// The number of commits of all of them.
    pub version: Version,
}

impl Counters {
    /// The counters as they are compared with those that somebody has seen.
    #[must_use]
    pub const fn key(&self) -> (Epoch, RevocationId, Version) {
        (self.epoch, self.revocation_id, self.version)
    }
}

impl Accounts {
    /// A user's own account, and those of the organisations for which the token speaks too.
    #[must_use]
    pub const fn new(own: Account, others: Vec<Account>) -> Self {
        Self { own, others }
    }

    /// The user's own account.
    #[must_use]
    pub const fn own(&self) -> &Account {
        &self.own
    }

    /// The user's own account, and the others.
    #[must_use]
    pub fn into_parts(self) -> (Account, Vec<Account>) {
        (self.own, self.others)
    }

    /// The user.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.own.user
    }

    /// All of them, the user's own first.
    pub fn all(&self) -> impl Iterator<Item = &Account> {
        std::iter::once(&self.own).chain(&self.others)
    }

    /// The same accounts with another state of the user's own.
    #[must_use]
    pub fn with_own(self, own: Account) -> Self {
        Self { own, ..self }
    }

    /// The ids of all accounts; `None` if there is only the user's own.
    #[must_use]
    pub fn several(&self) -> Option<Vec<UserId>> {
        let ids = || self.all().map(|account| account.user.clone()).collect();
        (!self.others.is_empty()).then(ids)
    }

    /// The best role of all accounts at that time. Features add up.
    #[must_use]
    pub fn best(&self, policy: &Policy, now: Timestamp) -> Best<'_> {
        let mut account = &self.own;
        let mut best = account.effective(policy, now);
        let mut features = std::mem::take(&mut best.standing.features);
        for other in &self.others {
            let mut effective = other.effective(policy, now);
            features.append(&mut effective.standing.features);
            if policy.compare(&effective.role, &best.role).is_gt() {
                (account, best) = (other, effective);
            }
        }
        best.standing.features = features;
        Best { account, effective: best }
    }

    /// How far they have come. Each account only goes forward, and so do these counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.all().fold(Counters::default(), |so_far, account| Counters {
            epoch: so_far.epoch.max(account.epoch),
            revocation_id: RevocationId(
                so_far.revocation_id.0.saturating_add(account.revocation_id.0),
            ),
            version: Version(so_far.version.0.saturating_add(account.version.0)),
        })
    }
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
