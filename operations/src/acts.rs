//! What operators change by hand. Each act has an actor and a reason, and says what it changed.

use std::collections::BTreeMap;

use serde::Deserialize;
use tierlift_core::{
    account::Account,
    change::Change,
    decide::{self, Commit, LinkError, Linkable, assign_until, link},
    id::{CustomerId, EventId, PurchaseId, SubscriptionId, UserId},
    ledger::{Act, LedgerEntry, SystemEvent},
    limits::CONFLICT_RETRIES_MAX,
    ports::StoreError,
    time::Timestamp,
};

use crate::{Backend, Desk, Error};

/// Who does something, and why.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Signed {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

impl Signed {
    /// The act, if it has an actor and a reason.
    pub fn act(&self) -> Result<Act, Error> {
        Ok(Act::new(&self.actor, &self.reason)?)
    }
}

/// A link by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The customer.
    pub customer: CustomerId,
    /// The subscription or purchase of it; the customer as a whole, where it is absent.
    #[serde(default)]
    pub subject: Option<String>,
    /// The user; nobody, where the link is removed.
    #[serde(default)]
    pub user: Option<UserId>,
    /// Who does it, and why.
    #[serde(flatten)]
    pub signed: Signed,
}

/// A role that is granted by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The user.
    pub user: UserId,
    /// The role; none, where it is taken back.
    #[serde(default)]
    pub role: Option<String>,
    /// Time until which it holds, in seconds since the epoch; without an end, where it is absent.
    #[serde(default)]
    pub until_secs: Option<i64>,
    /// Who does it, and why.
    #[serde(flatten)]
    pub signed: Signed,
}

impl Link {
    fn what(&self) -> Result<Linkable, Error> {
        Ok(match &self.subject {
            None => Linkable::Customer,
            Some(id) if id.starts_with("sub_") => Linkable::Subscription(SubscriptionId::new(id)?),
            Some(id) => Linkable::Purchase(PurchaseId::new(id)?),
        })
    }
}

impl<B: Backend> Desk<B> {
    /// Links a customer, or one thing of it, to a user, or removes that link. Returns the changes to push.
    pub async fn link(&self, request: &Link) -> Result<Vec<Change>, Error> {
        let (what, act) = (request.what()?, request.signed.act()?);
        let (id, policy) = (&request.customer, self.policy.current());
        let mut accounts = BTreeMap::new();
        for _ in 0..CONFLICT_RETRIES_MAX {
            let customer = self.backend.customer(id).await?;
            let customer = customer.ok_or_else(|| Error::Missing(format!("customer {id}")))?;
            let (user, now) = (request.user.clone(), self.clock.now());
            let known = accounts.clone();
            match link(customer, &what, user, known, act.clone(), &policy, now) {
                Ok(commit) => {
                    if let Some(changes) = self.try_commit(commit).await? {
                        return Ok(changes);
                    }
                    accounts.clear();
                }
                Err(LinkError::Load(users)) => {
                    for user in users {
                        let account = self.backend.account(&user).await?;
                        accounts.insert(user, account);
                    }
                }
                Err(error @ LinkError::Unknown) => return Err(Error::Missing(error.to_string())),
                Err(LinkError::Unchanged) => return Ok(Vec::new()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Grants a role by hand, or takes it back. Returns the changes to push.
    pub async fn grant(&self, request: &Grant) -> Result<Vec<Change>, Error> {
        let (act, policy) = (request.signed.act()?, self.policy.current());
        let role = match &request.role {
            None => None,
            Some(name) => {
                let unknown = || Error::Invalid(format!("the policy has no role {name}"));
                Some(policy.role(name).cloned().ok_or_else(unknown)?)
            }
        };
        let until = request.until_secs.map(Timestamp::from_secs);
        if until.is_some_and(|until| until <= self.clock.now()) {
            return Err(Error::Invalid("the time until which it holds is over".to_owned()));
        }
        for _ in 0..CONFLICT_RETRIES_MAX {
            let account = self.account(&request.user).await?;
            let commit = assign_until(account, role.clone(), until, &policy, self.clock.now());
            let Some(mut commit) = commit else { return Ok(Vec::new()) };
            commit.ledger.act = Some(act.clone());
            if let Some(changes) = self.try_commit(commit).await? {
                return Ok(changes);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Revokes all tokens of a user that were issued until now. Returns the changes to push.
    pub async fn revoke(&self, user: &UserId, signed: &Signed) -> Result<Vec<Change>, Error> {
        let (act, policy) = (signed.act()?, self.policy.current());
        for _ in 0..CONFLICT_RETRIES_MAX {
            let account = self.account(user).await?;
            let commit = decide::revoke(account, act.clone(), &policy, self.clock.now());
            let Some(commit) = commit else { break };
            if let Some(changes) = self.try_commit(commit).await? {
                return Ok(changes);
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Discards a dead letter.
    pub async fn discard(&self, event: &EventId, signed: &Signed) -> Result<(), Error> {
        let entry = self.entry(SystemEvent::Discarded, event.as_str(), signed)?;
        if self.backend.discard(event, entry).await? {
            return Ok(());
        }
        Err(Error::Missing(format!("a dead letter of {event}")))
    }

    /// Makes a discarded message a dead letter again.
    pub async fn undiscard(&self, event: &EventId, signed: &Signed) -> Result<(), Error> {
        let entry = self.entry(SystemEvent::Undiscarded, event.as_str(), signed)?;
        if self.backend.undiscard(event, entry).await? {
            return Ok(());
        }
        Err(Error::Missing(format!("a discarded dead letter of {event}")))
    }

    /// Writes the note on a group of dead letters: the reason is the note.
    pub async fn set_note(&self, group: &str, signed: &Signed) -> Result<(), Error> {
        let entry = self.entry(SystemEvent::Noted, group, signed)?;
        Ok(self.backend.set_note(group, entry).await?)
    }

    /// Pauses the worker, or lets it go on.
    pub async fn set_paused(&self, is_paused: bool, signed: &Signed) -> Result<(), Error> {
        let kind = if is_paused { SystemEvent::Paused } else { SystemEvent::Resumed };
        Ok(self.backend.set_paused(is_paused, self.entry(kind, "worker", signed)?).await?)
    }

    fn entry(&self, kind: SystemEvent, subject: &str, by: &Signed) -> Result<LedgerEntry, Error> {
        let entry = LedgerEntry::for_act(kind, subject, by.act()?, self.clock.now());
        entry.ok_or_else(|| Error::Invalid(format!("{subject} cannot be named in the ledger")))
    }

    pub(crate) async fn account(&self, user: &UserId) -> Result<Account, Error> {
        let known = self.backend.account(user).await?;
        Ok(known.unwrap_or_else(|| Account::new(user.clone(), &self.policy.current())))
    }

    /// Commits; returns the changes, or `None` if another writer committed first.
    pub(crate) async fn try_commit(&self, commit: Commit) -> Result<Option<Vec<Change>>, Error> {
        let changes = commit.changes.clone();
        match self.backend.commit(commit).await {
            Ok(()) => Ok(Some(changes)),
            Err(StoreError::Conflict | StoreError::Duplicate) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
