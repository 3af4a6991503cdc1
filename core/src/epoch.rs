//! Epochs: what follows when somebody has seen more of an account than is stored of it.
//!
//! A store that is restored from a backup has forgotten commits. Clients and tokens have not: they know a
//! greater revocation id or version, and would take everything that comes from then on for old. So the
//! account begins a new epoch, in which they start over. Nothing here trusts a client with more than that:
//! an epoch changes no role, and a client that lies about what it saw renews its own account's alone.

use serde::Deserialize;

use crate::{
    account::Account,
    accounts::Accounts,
    id::{Epoch, RevocationId, Version},
    limits::{EPOCH_INTERVAL_SECS, EPOCH_SKEW_SECS},
    time::Timestamp,
};

/// How much of an account somebody has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The epoch; `None` from a client that knows none.
    #[serde(default)]
    pub epoch: Option<Epoch>,
    /// The greatest revocation id in it.
    #[serde(default)]
    pub revocation_id: RevocationId,
    /// The greatest version with that revocation id.
    #[serde(default)]
    pub account_version: Version,
}

impl Seen {
    /// Whether the account, as it is stored, is behind this.
    #[must_use]
    pub fn is_ahead_of(&self, account: &Account) -> bool {
        let stored = (account.epoch, account.revocation_id, account.version);
        self.epoch.is_some_and(|epoch| (epoch, self.revocation_id, self.account_version) > stored)
    }

    /// What this says about the user's own account, if it is what a client has seen of these accounts. Counters
    /// of several do not say which of them is behind, so the user's own begins the epoch in which the client
    /// starts over.
    #[must_use]
    pub fn of_own(self, accounts: &Accounts) -> Self {
        if accounts.several().is_none() {
            return self;
        }
        let stored = accounts.counters();
        match self.epoch {
            Some(epoch) if (epoch, self.revocation_id, self.account_version) > stored.key() => {
                Self {
                    epoch: Some(epoch.max(stored.epoch)),
                    revocation_id: RevocationId(u64::MAX),
                    account_version: Version(u64::MAX),
                }
            }
            Some(_) | None => Self::default(),
        }
    }

    /// The epoch that the account must begin; `None` if it is not behind, or began one a moment ago.
    #[must_use]
    pub(crate) fn epoch_after(&self, account: &Account, now: Timestamp) -> Option<Epoch> {
        let seen = self.epoch.filter(|_| self.is_ahead_of(account))?;
        // An epoch is a time that was once. Nobody has seen one of the future.
        if seen.0 > now.plus_secs(EPOCH_SKEW_SECS).as_secs()
            || now < Timestamp::from_secs(account.epoch.0).plus_secs(EPOCH_INTERVAL_SECS)
        {
            return None;
        }
        let after = seen.max(account.epoch).0.saturating_add(1);
        Some(Epoch(after.max(now.as_secs())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::UserId, policy::tests::policy};

    const NOW: i64 = 1_795_000_000;

    fn account(epoch: i64, rev: u64, version: u64) -> Account {
        Account {
            epoch: Epoch(epoch),
            revocation_id: RevocationId(rev),
            version: Version(version),
            ..Account::new(UserId::new("ada").unwrap(), &policy())
        }
    }

    fn seen(epoch: Option<i64>, rev: u64, version: u64) -> Seen {
        Seen {
            epoch: epoch.map(Epoch),
            revocation_id: RevocationId(rev),
            account_version: Version(version),
        }
    }

    #[test]
    fn an_account_that_is_behind_begins_an_epoch() {
        let hour_ago = NOW - 3_600;
        for (what, stored, seen, began) in [
            ("as stored", account(0, 2, 5), seen(Some(0), 2, 5), None),
            ("older", account(0, 2, 5), seen(Some(0), 1, 9), None),
            ("greater revocation id", account(0, 2, 5), seen(Some(0), 3, 1), Some(NOW)),
            ("greater version", account(0, 2, 5), seen(Some(0), 2, 6), Some(NOW)),
            ("an account that is gone", account(0, 0, 0), seen(Some(0), 1, 1), Some(NOW)),
            ("an earlier epoch", account(hour_ago, 0, 1), seen(Some(0), 7, 7), None),
            ("a later epoch", account(0, 9, 9), seen(Some(hour_ago), 0, 0), Some(NOW)),
            ("the current second", account(0, 9, 9), seen(Some(NOW), 1, 1), Some(NOW + 1)),
            ("clocks apart", account(0, 9, 9), seen(Some(NOW + 60), 1, 1), Some(NOW + 61)),
            ("an epoch of the future", account(0, 9, 9), seen(Some(NOW + 61), 1, 1), None),
            ("one that just began", account(NOW - 59, 0, 1), seen(Some(NOW - 59), 9, 9), None),
            ("a minute ago", account(NOW - 60, 0, 1), seen(Some(NOW - 60), 9, 9), Some(NOW)),
            ("no epoch", account(0, 2, 5), seen(None, 9, 9), None),
        ] {
            let after = seen.epoch_after(&stored, Timestamp::from_secs(NOW));
            assert_eq!(after, began.map(Epoch), "{what}");
        }
    }
}
