//! What tierlift or an operator does without a webhook.

use super::{Commit, commit::change};
use crate::{
    account::Account,
    epoch::Seen,
    ledger::{Act, LedgerEntry, SystemEvent},
    policy::{Policy, Role},
    time::Timestamp,
};

/// Settles an account whose access expired without a webhook.
#[must_use]
pub fn expire(account: Account, policy: &Policy, now: Timestamp) -> Option<Commit> {
    system_commit(account, SystemEvent::AccessExpired, policy, now)
}

/// Sets a user's manual role, or removes it with `None`. The role must be one of the policy's.
/// Returns `None` if the account has it already.
#[must_use]
pub fn assign(
    account: Account,
    role: Option<Role>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Commit> {
    assign_until(account, role, None, policy, now)
}

/// Sets a user's manual role until a time, or without an end.
#[must_use]
pub fn assign_until(
    mut account: Account,
    role: Option<Role>,
    until: Option<Timestamp>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Commit> {
    let until = until.filter(|_| role.is_some());
    if account.manual_role == role && account.manual_until == until {
        return None;
    }
    (account.manual_role, account.manual_until) = (role, until);
    system_commit(account, SystemEvent::RoleAssigned, policy, now)
}

/// Begins a new epoch for an account of which somebody has seen more than is stored. Returns `None` if
/// that is not due.
#[must_use]
pub fn begin_epoch(
    mut account: Account,
    seen: Seen,
    policy: &Policy,
    now: Timestamp,
) -> Option<Commit> {
    account.epoch = seen.epoch_after(&account, now)?;
    // A socket that opens meanwhile must not miss it.
    account.changed_at = Some(now);
    system_commit(account, SystemEvent::EpochBegun, policy, now)
}

/// Revokes all tokens of a user that were issued until now. Their sockets end with the change that is pushed.
#[must_use]
pub fn revoke(mut account: Account, act: Act, policy: &Policy, now: Timestamp) -> Option<Commit> {
    let revoked_before = Some(revocation(now));
    account.revoked_before = revoked_before;
    // A socket that opens meanwhile must not miss it.
    account.changed_at = Some(now);
    let mut commit = system_commit(account, SystemEvent::TokensRevoked, policy, now)?;
    commit.ledger.act = Some(act);
    if let (true, Some(account)) = (commit.changes.is_empty(), commit.accounts.first()) {
        commit.changes.push(change(account, None, &commit.ledger.event, policy, now));
    }
    for change in &mut commit.changes {
        change.revoked_before = revoked_before;
    }
    Some(commit)
}

/// The time before which tokens are refused that were issued until now. `iat` has whole seconds: a token of this one
/// may be older than the revocation.
pub(super) const fn revocation(now: Timestamp) -> Timestamp {
    Timestamp::from_secs(now.as_secs().saturating_add(1))
}

fn system_commit(
    account: Account,
    kind: SystemEvent,
    policy: &Policy,
    now: Timestamp,
) -> Option<Commit> {
    let version = account.version.next();
    let ledger = LedgerEntry::for_system_event(kind, account.user.as_str(), version.0, now)?;
    let mut commit = Commit::new(ledger);
    commit.settle(account, true, policy, now);
    Some(commit)
}
