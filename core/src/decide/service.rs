//! What a service of the host grants or withdraws: once for each id, however often it is asked.

use super::Commit;
use crate::{
    account::Account,
    id::ServiceGrantId,
    ledger::{Act, LedgerEntry, SystemEvent},
    policy::{Policy, Role},
    service_grant::{Full, ServiceGrant},
    time::Timestamp,
};

/// What a service grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRequest {
    /// The id: it happens once.
    pub id: ServiceGrantId,
    /// The role: one of the policy's.
    pub role: Role,
    /// Time until which it holds; `None` if it has no end.
    pub until: Option<Timestamp>,
    /// Which service, and why.
    pub act: Act,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// Commit this; the grant is then as given.
    Commit(Box<Commit>, ServiceGrant),
    /// Nothing: it was done before.
    Known(ServiceGrant),
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GrantError {
    /// The id was used for something else.
    #[error(
        "this id was used for another grant: of another user, with another role or another end"
    )]
    Differs,
    /// There is nothing to withdraw.
    #[error("the service has granted this user nothing under that id")]
    Missing,
    /// There is no room.
    #[error(transparent)]
    Full(#[from] Full),
}

/// Grants a role to a user.
pub fn grant(
    mut account: Account,
    request: &ServiceRequest,
    policy: &Policy,
    now: Timestamp,
) -> Result<Granted, GrantError> {
    let ServiceRequest { id, role, until, act } = request;
    if let Some(known) = account.service_grants.get(id) {
        let is_same = known.role == *role && known.until == *until;
        return if is_same { Ok(Granted::Known(known.clone())) } else { Err(GrantError::Differs) };
    }
    let grant =
        ServiceGrant { role: role.clone(), until: *until, granted_at: now, withdrawn_at: None };
    account.service_grants.add(id.clone(), grant.clone(), now)?;
    let commit = commit(account, SystemEvent::ServiceGranted, id, act, policy, now);
    Ok(Granted::Commit(Box::new(commit.ok_or(GrantError::Differs)?), grant))
}

/// Withdraws what the service granted to a user.
pub fn withdraw(
    mut account: Account,
    id: &ServiceGrantId,
    act: &Act,
    policy: &Policy,
    now: Timestamp,
) -> Result<Granted, GrantError> {
    if let Some(known) = account.service_grants.get(id).filter(|it| it.withdrawn_at.is_some()) {
        return Ok(Granted::Known(known.clone()));
    }
    let grant = account.service_grants.withdraw(id, now).cloned().ok_or(GrantError::Missing)?;
    let commit = commit(account, SystemEvent::ServiceWithdrew, id, act, policy, now);
    Ok(Granted::Commit(Box::new(commit.ok_or(GrantError::Missing)?), grant))
}

/// The commit of something that happens once for the id, whoever the user is.
fn commit(
    account: Account,
    kind: SystemEvent,
    id: &ServiceGrantId,
    act: &Act,
    policy: &Policy,
    now: Timestamp,
) -> Option<Commit> {
    let entry = LedgerEntry::for_system_event(kind, id.as_str(), 0, now)?;
    let mut commit = Commit::new(LedgerEntry { act: Some(act.clone()), ..entry });
    commit.settle(account, true, policy, now);
    Some(commit)
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
