//! The decision: what an event changes, as a value. It loads nothing, writes nothing and is total.
//!
//! `subscriptions of a customer → grant → (all grants, manual role) → account.role`: an event changes
//! the first, and each of the others follows from the one before by a pure function. The caller loads
//! what the decision needs, commits what it returns, and after a conflict does both again.

use std::collections::BTreeMap;

use crate::{
    account::{self, Account},
    change::{Change, DeliveryContext},
    codes::Code,
    customer::Customer,
    failure::Failure,
    fold::Arrival,
    grant::{self, Grant},
    id::{CustomerId, EventId, UserId, Version},
    ledger::{LedgerEntry, Outcome, SystemEvent},
    policy::{Policy, Role, UnmappedPrice},
    stripe::event::{Event, Fact},
    time::Timestamp,
};

/// What the store knows before the event.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Whether the ledger has this event already.
    pub processed: bool,
    /// The customer; a new one if nothing is known about it.
    pub customer: Customer,
    /// The requested accounts and that of the customer's user. `None` is an account that is not stored.
    pub accounts: BTreeMap<UserId, Option<Account>>,
}

/// What is written together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The event's ledger row; it must not exist yet.
    pub ledger: LedgerEntry,
    /// The customer, if it changed. Its `version` is the one that was loaded.
    pub customer: Option<Customer>,
    /// The accounts that changed, each with the version that was loaded.
    pub accounts: Vec<Account>,
    /// The role changes among them.
    pub changes: Vec<Change>,
    /// The webhook behind the commit, if there is one.
    pub context: Option<DeliveryContext>,
}

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Commit this.
    Commit(Box<Commit>),
    /// Do nothing: the ledger has the event.
    Duplicate,
    /// Load this user's account as well and decide again.
    Load(UserId),
    /// Park the event with its cause: a retry would not help.
    Park(Failure),
}

/// Decides what an event changes.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use tierlift_core::{
///     customer::Customer,
///     decide::{Decision, Loaded, decide},
///     id::{EventId, UserId},
///     policy::{Policy, PolicyConfig},
///     stripe::event::{Event, Type},
///     time::Timestamp,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::new(PolicyConfig {
///     plans: vec![("price_1".to_owned(), "paid".to_owned())],
///     ..PolicyConfig::default()
/// })?;
/// let body = br#"{
///     "id": "evt_1", "type": "customer.subscription.created", "created": 1795000000,
///     "data": {"object": {
///         "id": "sub_1", "customer": "cus_1", "status": "active",
///         "items": {"data": [{"id": "si_1", "price": {"id": "price_1"}}]},
///         "metadata": {"user_id": "ada"}
///     }}
/// }"#;
/// let event = Event::parse(EventId::new("evt_1")?, Type::SubscriptionCreated, body)?;
///
/// // Nothing is stored yet, neither about the customer nor about Ada.
/// let loaded = Loaded {
///     processed: false,
///     customer: Customer::new(event.customer.clone()),
///     accounts: BTreeMap::from([(UserId::new("ada")?, None)]),
/// };
/// let now = Timestamp::from_secs(1_795_000_001);
/// let Decision::Commit(commit) = decide(loaded, &event, &policy, now) else { panic!() };
/// assert_eq!(commit.changes[0].previous_role.as_str(), "free");
/// assert_eq!(commit.changes[0].role.as_str(), "paid");
/// # Ok(())
/// # }
/// ```
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
        Err(error) => return Decision::Park(Failure::new(Code::CustomerTooLarge, &error)),
    };
    let mut commit = Commit::new(LedgerEntry::for_event(event, now));
    commit.ledger.cause = cause;
    commit.ledger.ambiguous = is_ambiguous(&customer, event);
    let user = customer.user();
    commit.ledger.user.clone_from(&user);
    commit.ledger.outcome = match (arrival, &user) {
        (Arrival::Stale, _) => Outcome::Stale,
        (Arrival::Remembered, None) => Outcome::Waiting,
        (Arrival::Remembered, Some(_)) => Outcome::Applied,
    };
    let previous_user = user_before.filter(|before| Some(before) != user.as_ref());
    let grants_by_user =
        [(previous_user, Grant::default()), (user, Grant::from_customer(&customer, policy))];
    for (user, grant) in grants_by_user {
        let Some(user) = user else { continue };
        let Some(known) = accounts.remove(&user) else { return Decision::Load(user) };
        let account = known.unwrap_or_else(|| Account::new(user, policy));
        // A stale event commits no customer, so a newer write by someone else would not conflict: it must
        // not restore an older grant.
        let grant = (arrival == Arrival::Remembered).then_some((&customer.id, grant));
        if let Err(error) = commit.update(account, grant, policy, now) {
            return Decision::Park(Failure::new(Code::AccountTooLarge, &error));
        }
    }
    commit.customer = (arrival == Arrival::Remembered).then_some(customer);
    Decision::Commit(Box::new(commit))
}

/// Settles an account whose access expired without a webhook.
#[must_use]
pub fn expire(account: Account, policy: &Policy, now: Timestamp) -> Option<Commit> {
    system_commit(account, SystemEvent::AccessExpired, policy, now)
}

/// Sets a user's manual role, or removes it with `None`. The role must be one of the policy's.
/// Returns `None` if the account has it already.
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
    system_commit(account, SystemEvent::RoleAssigned, policy, now)
}

fn system_commit(
    account: Account,
    kind: SystemEvent,
    policy: &Policy,
    now: Timestamp,
) -> Option<Commit> {
    let version = account.version.next();
    let ledger = LedgerEntry::for_system_event(kind, &account.user, version, now)?;
    let mut commit = Commit::new(ledger);
    commit.settle(account, true, policy, now);
    Some(commit)
}

impl Commit {
    /// A commit of only a ledger row.
    const fn new(ledger: LedgerEntry) -> Self {
        Self { ledger, customer: None, accounts: Vec::new(), changes: Vec::new(), context: None }
    }

    /// Settles an account, after replacing what a customer earns for it if a grant is given.
    fn update(
        &mut self,
        mut account: Account,
        grant: Option<(&CustomerId, Grant)>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), account::Error> {
        let is_changed = match grant {
            Some((customer, grant)) => account.set_grant(customer, grant)?,
            None => false,
        };
        self.settle(account, is_changed, policy, now);
        Ok(())
    }

    /// Settles an account. Commits it if anything about it changed, and records the change if its role
    /// did.
    fn settle(&mut self, mut account: Account, is_changed: bool, policy: &Policy, now: Timestamp) {
        let role_before = account.role.clone();
        let active_before = account.standing.subscription_active;
        let previous_role = account.settle(policy, now, &self.ledger.event);
        if self.ledger.user.as_ref() == Some(&account.user) {
            self.ledger.from_role = Some(role_before);
            self.ledger.to_role = Some(account.role.clone());
            self.ledger.revocation_id = Some(account.revocation_id);
        }
        let is_new_account = account.version == Version::default();
        let is_moved = active_before != account.standing.subscription_active;
        let role_changed = previous_role.is_some();
        if let Some(previous_role) = previous_role {
            self.changes.push(change(&account, previous_role, &self.ledger.event, policy, now));
        }
        if is_changed || role_changed || is_moved || is_new_account {
            self.accounts.push(account);
        }
    }
}

fn change(
    account: &Account,
    previous_role: Role,
    event: &EventId,
    policy: &Policy,
    now: Timestamp,
) -> Change {
    Change {
        user: account.user.clone(),
        upgraded: policy.compare(&account.role, &previous_role).is_gt(),
        previous_role,
        role: account.role.clone(),
        revocation_id: account.revocation_id,
        standing: account.standing.clone(),
        event: event.clone(),
        at: now,
    }
}

/// Whether an event may be applied, and the cause that its ledger row carries although it is.
fn admit(event: &Event, policy: &Policy) -> Result<Option<Code>, Failure> {
    if event.livemode != policy.livemode {
        let (is, here) = (mode(event.livemode), mode(policy.livemode));
        let error = format!("a {is} event at a {here} deployment");
        return Err(Failure::new(Code::LivemodeMismatch, &error));
    }
    let Fact::Subscription { edge, .. } = &event.fact else { return Ok(None) };
    if !grant::is_unmapped(&edge.to, policy) {
        return Ok(None);
    }
    match policy.unmapped_price {
        UnmappedPrice::Ignore => Ok(Some(Code::PlanUnmapped)),
        UnmappedPrice::Park => {
            let prices: Vec<&str> =
                edge.to.items.iter().filter_map(|item| item.price.as_deref()).collect();
            let error = format!("no role for price {} in [plans]", prices.join(", "));
            Err(Failure::new(Code::PlanUnmapped, &error))
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

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
