//! The heart: what an event changes, as a value. It loads nothing, writes nothing and is total.
//!
//! `subscriptions of a customer → grant → (all grants, manual role) → account.role`: an event
//! changes the first, and everything after it follows by pure functions. The caller loads what the
//! decision needs, commits what it returns, and on a conflict does both again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    account::{self, Account},
    cause::{Cause, Failure},
    customer::{self, Customer},
    event::{Event, Fact, Type},
    fold::Arrival,
    grant::{self, Grant},
    id::{CustomerId, EventId, RevocationId, UserId, Version},
    limits::LEDGER_KEPT_DAYS,
    policy::{Policy, Role, UnmappedPrice},
    time::Timestamp,
};

/// What the store knows before the event.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The ledger has this event already.
    pub processed: bool,
    /// The customer; a new one where nothing is known.
    pub customer: Customer,
    /// The accounts that were asked for, and that of the customer's user; absent ones as `None`.
    pub accounts: BTreeMap<UserId, Option<Account>>,
}

/// What became of a processed event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was taken in, and the user's account is up to date with it.
    Applied,
    /// It was taken in; nobody is linked to its customer yet.
    Waiting,
    /// It lies before what is already known. It changed nothing.
    Stale,
}

impl Outcome {
    /// The word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Waiting => "waiting",
            Self::Stale => "stale",
        }
    }
}

/// What a ledger row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EntryKind {
    /// A webhook.
    Event(Type),
    /// Something that tierlift did by itself.
    Own(Own),
}

/// What tierlift does by itself, and writes to the ledger like an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Own {
    /// A role's time was over and no webhook came.
    #[serde(rename = "tierlift.lapse")]
    Lapse,
    /// An operator gave or took a role by hand.
    #[serde(rename = "tierlift.assign")]
    Assign,
}

impl EntryKind {
    /// The name in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event(kind) => kind.as_str(),
            Self::Own(Own::Lapse) => "tierlift.lapse",
            Self::Own(Own::Assign) => "tierlift.assign",
        }
    }
}

/// One row of the ledger: the audit trail and the dedupe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The event.
    pub event: EventId,
    /// Its type.
    pub kind: EntryKind,
    /// Its customer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<CustomerId>,
    /// The user it was applied to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<UserId>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it earned less than it might have.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Cause>,
    /// Edges are missing: the state is a fixed choice until they arrive.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub ambiguous: bool,
    /// The user's role before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_role: Option<Role>,
    /// The user's role after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to_role: Option<Role>,
    /// The user's revocation id after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revocation_id: Option<RevocationId>,
    /// When Stripe says it happened.
    pub created: Timestamp,
    /// When it was processed.
    pub processed_at: Timestamp,
    /// When the row may be forgotten.
    pub expires_at: Timestamp,
}

/// A committed role change: what the notifier tells the user's sockets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose.
    pub user: UserId,
    /// From which role.
    pub previous_role: Role,
    /// To which role.
    pub role: Role,
    /// Whether the new role is the higher.
    pub upgraded: bool,
    /// The account's new revocation id.
    pub revocation_id: RevocationId,
    /// Some subscription gives access.
    pub subscription_active: bool,
    /// Until when the best subscription is paid for.
    pub subscription_expires_at: Option<Timestamp>,
    /// By which event.
    pub event: EventId,
    /// When.
    pub at: Timestamp,
}

/// The message that a commit came by: so that whoever tells of its changes, in another process
/// perhaps, can say how long it took and where its trace began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// When the webhook arrived.
    pub received_at: Timestamp,
    /// W3C `traceparent` of its request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace: Option<String>,
}

/// What is written together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The event's ledger row; it must not exist yet.
    pub ledger: LedgerEntry,
    /// The customer, where it changed. Its `version` is the one it was decided on.
    pub customer: Option<Customer>,
    /// The accounts that changed, each with the version it was decided on.
    pub accounts: Vec<Account>,
    /// The role changes among them.
    pub changes: Vec<Change>,
    /// By which message, where one brought it.
    pub origin: Option<Origin>,
}

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write this.
    Commit(Box<Commit>),
    /// Nothing: the ledger has it.
    Duplicate,
    /// Load this user's account as well and ask again.
    Load(UserId),
    /// Set it aside with its cause; trying again would not help.
    Park(Failure),
}

/// Decides what an event changes.
#[must_use]
pub fn decide(loaded: Loaded, event: &Event, policy: &Policy, now: Timestamp) -> Decision {
    if loaded.processed {
        return Decision::Duplicate;
    }
    let cause = match admit(event, policy) {
        Ok(cause) => cause,
        Err(failure) => return Decision::Park(failure),
    };
    let Loaded { mut customer, mut accounts, .. } = loaded;
    let user_before = customer.user();
    let arrival = match customer.apply(event) {
        Ok(arrival) => arrival,
        Err(why @ customer::Error::TooManySubscriptions(_)) => {
            return Decision::Park(Failure::new(Cause::CustomerTooLarge, &why));
        }
    };
    let user = customer.user();
    let mut ledger = entry(event, cause, now);
    ledger.ambiguous = is_ambiguous(&customer, event);
    ledger.user.clone_from(&user);
    ledger.outcome = match (arrival, &user) {
        (Arrival::Stale, _) => Outcome::Stale,
        (Arrival::Remembered, None) => Outcome::Waiting,
        (Arrival::Remembered, Some(_)) => Outcome::Applied,
    };
    let moved_from = user_before.filter(|before| Some(before) != user.as_ref());
    let mut commit = Commit::of(ledger);
    let owed = [(moved_from, Grant::default()), (user.clone(), Grant::of(&customer, policy))];
    for (owner, grant) in owed {
        let Some(owner) = owner else { continue };
        let Some(known) = accounts.remove(&owner) else { return Decision::Load(owner) };
        let mut account = known.unwrap_or_else(|| Account::new(owner, policy));
        let is_owner = user.as_ref() == Some(&account.user);
        if is_owner {
            commit.ledger.from_role = Some(account.role.clone());
        }
        // A stale event commits no customer, so nothing would notice that another wrote it meanwhile:
        // it must not bring an older grant back.
        let news = match arrival {
            Arrival::Remembered => account.set_grant(&customer.id, grant),
            Arrival::Stale => Ok(false),
        };
        match news {
            Ok(news) => commit.settle(account, news, policy, now),
            Err(why @ account::Error::TooManyCustomers(_)) => {
                return Decision::Park(Failure::new(Cause::AccountTooLarge, &why));
            }
        }
    }
    commit.customer = (arrival == Arrival::Remembered).then_some(customer);
    Decision::Commit(Box::new(commit))
}

/// Brings an account up to what is effective now, where some access is over and no webhook came.
#[must_use]
pub fn lapse(account: Account, policy: &Policy, now: Timestamp) -> Option<Commit> {
    own(account, Own::Lapse, policy, now)
}

/// Gives a user a role by hand, or takes it back with `None`. The role must be one of the policy's.
#[must_use]
pub fn assign(
    mut account: Account,
    role: Option<Role>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Commit> {
    if account.manual_role == role {
        return None;
    }
    account.manual_role = role;
    own(account, Own::Assign, policy, now)
}

/// A commit of our own, under an id that no event has: one for each version of the account.
fn own(account: Account, kind: Own, policy: &Policy, now: Timestamp) -> Option<Commit> {
    let kind = EntryKind::Own(kind);
    let version = account.version.next().0;
    let event = own_id(kind, account.user.as_str(), version)?;
    let ledger = LedgerEntry {
        event,
        kind,
        customer: None,
        user: Some(account.user.clone()),
        outcome: Outcome::Applied,
        cause: None,
        ambiguous: false,
        from_role: Some(account.role.clone()),
        to_role: None,
        revocation_id: None,
        created: now,
        processed_at: now,
        expires_at: now.plus_days(LEDGER_KEPT_DAYS),
    };
    let mut commit = Commit::of(ledger);
    commit.settle(account, true, policy, now);
    Some(commit)
}

fn own_id(kind: EntryKind, user: &str, version: u64) -> Option<EventId> {
    let id = |user: &str| EventId::new(&format!("{}.{version}.{user}", kind.as_str()));
    // A user id may be as long as an id can be: then its digest stands for it, still unique.
    id(user).or_else(|_| id(&hex::encode(Sha256::digest(user)))).ok()
}

impl Commit {
    /// A ledger row with nothing beside it yet.
    const fn of(ledger: LedgerEntry) -> Self {
        Self { ledger, customer: None, accounts: Vec::new(), changes: Vec::new(), origin: None }
    }

    /// Settles an account and keeps it where anything about it is new.
    fn settle(&mut self, mut account: Account, news: bool, policy: &Policy, now: Timestamp) {
        let active_before = account.subscription_active;
        let previous = account.settle(policy, now, &self.ledger.event);
        if self.ledger.user.as_ref() == Some(&account.user) {
            self.ledger.to_role = Some(account.role.clone());
            self.ledger.revocation_id = Some(account.revocation_id);
        }
        let changed = previous.is_some();
        if let Some(previous_role) = previous {
            self.changes.push(Change {
                user: account.user.clone(),
                upgraded: policy.compare(&account.role, &previous_role).is_gt(),
                previous_role,
                role: account.role.clone(),
                revocation_id: account.revocation_id,
                subscription_active: account.subscription_active,
                subscription_expires_at: account.subscription_expires_at,
                event: self.ledger.event.clone(),
                at: now,
            });
        }
        let unheard_of = account.version == Version::default();
        if news || changed || active_before != account.subscription_active || unheard_of {
            self.accounts.push(account);
        }
    }
}

/// Whether an event may be taken in at all, and what it should be remembered for.
fn admit(event: &Event, policy: &Policy) -> Result<Option<Cause>, Failure> {
    if event.livemode != policy.livemode {
        let (is, here) = (mode(event.livemode), mode(policy.livemode));
        let words = format!("a {is} event at a {here} deployment");
        return Err(Failure::new(Cause::LivemodeMismatch, &words));
    }
    let Fact::Subscription { edge, .. } = &event.fact else { return Ok(None) };
    if event.kind == Type::SubscriptionDeleted || !grant::is_unmapped(&edge.to, policy) {
        return Ok(None);
    }
    match policy.unmapped_price {
        UnmappedPrice::Ignore => Ok(Some(Cause::PlanUnmapped)),
        UnmappedPrice::Park => {
            let prices: Vec<&str> =
                edge.to.items.iter().filter_map(|item| item.price.as_deref()).collect();
            let words = format!("no role for price {} in [plans]", prices.join(", "));
            Err(Failure::new(Cause::PlanUnmapped, &words))
        }
    }
}

const fn mode(live: bool) -> &'static str {
    if live { "live" } else { "test" }
}

fn is_ambiguous(customer: &Customer, event: &Event) -> bool {
    let Fact::Subscription { id, .. } = &event.fact else { return false };
    let state = customer.subscriptions.get(id).and_then(|sub| sub.record.state());
    state.is_some_and(|state| state.ambiguous)
}

fn entry(event: &Event, cause: Option<Cause>, now: Timestamp) -> LedgerEntry {
    LedgerEntry {
        event: event.id.clone(),
        kind: EntryKind::Event(event.kind),
        customer: Some(event.customer.clone()),
        user: None,
        outcome: Outcome::Applied,
        cause,
        ambiguous: false,
        from_role: None,
        to_role: None,
        revocation_id: None,
        created: event.created,
        processed_at: now,
        expires_at: now.plus_days(LEDGER_KEPT_DAYS),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
