//! The decision: what an event changes, as a value. It loads nothing, writes nothing and is total.
//!
//! `subscriptions and purchases of a customer → a grant for each of their owners → (all grants, manual role)
//! → account`: an event changes the first, and each of the others follows from the one before by a pure
//! function. What was given back of a payment reaches the customer through the payment and its invoice. The
//! caller loads what the decision needs, commits what it returns, and does both again after a conflict.

mod admit;
mod commit;
mod erase;
mod link;
mod money;
mod policy_change;
mod service;
mod system;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    account::Account,
    codes::Code,
    customer::{Customer, Named, Ownable},
    failure::Failure,
    fold::Arrival,
    grant::Grant,
    id::{CustomerId, EventId, InvoiceId, PaymentId, UserId},
    invoice::Invoice,
    ledger::{LedgerEntry, Outcome},
    owners::Owners,
    payment::Payment,
    policy::Policy,
    stripe::event::{Event, Fact},
    time::Timestamp,
};

use admit::admit;
use money::Money;

pub use commit::Commit;
pub use erase::Erasure;
pub use link::{LinkError, Linkable, act_alone, link};
pub use policy_change::{PolicyChange, Redecision, change_policy, concerned, settle_under};
pub use service::{GrantError, Granted, ServiceRequest, grant, withdraw};
pub use system::{assign, assign_until, begin_epoch, expire, revoke};

/// What to load for the decision on an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadKeys {
    /// The event: whether the ledger has it.
    pub event: EventId,
    /// The customer.
    pub customer: Option<CustomerId>,
    /// The payments.
    pub payments: BTreeSet<PaymentId>,
    /// The invoices.
    pub invoices: BTreeSet<InvoiceId>,
    /// Users whose accounts to load in addition to that of the customer's only owner, if it has one.
    pub users: BTreeSet<UserId>,
}

impl LoadKeys {
    /// What the decision on an event needs at least.
    #[must_use]
    pub fn new(event: &Event) -> Self {
        let mut keys = Self {
            event: event.id.clone(),
            customer: event.customer.clone(),
            payments: BTreeSet::new(),
            invoices: BTreeSet::new(),
            users: event.fact.user().cloned().into_iter().collect(),
        };
        match &event.fact {
            Fact::Purchase(order) => keys.payments.extend(order.payment.clone()),
            Fact::Invoice { id, payments, .. } => {
                keys.payments.extend(payments.iter().cloned());
                keys.invoices.insert(id.clone());
            }
            Fact::InvoicePayment { invoice, payment } => {
                keys.payments.insert(payment.clone());
                keys.invoices.insert(invoice.clone());
            }
            Fact::Reversal { payment, invoice, .. } => {
                keys.payments.insert(payment.clone());
                keys.invoices.extend(invoice.clone());
            }
            Fact::Subscription { .. }
            | Fact::SubscriptionObserved { .. }
            | Fact::Checkout { .. }
            | Fact::Customer { .. }
            | Fact::CustomerDeleted
            | Fact::Features(_)
            | Fact::Unrelated => {}
        }
        keys
    }
}

/// What the store knows before the event.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Whether the ledger has this event already.
    pub processed: bool,
    /// The requested customer; a new one if nothing is known about it.
    pub customer: Option<Customer>,
    /// The requested payments; new ones if nothing is known about them.
    pub payments: BTreeMap<PaymentId, Payment>,
    /// The requested invoices; new ones if nothing is known about them.
    pub invoices: BTreeMap<InvoiceId, Invoice>,
    /// The requested accounts, and that of the customer's only owner. `None` is an account that is not
    /// stored.
    pub accounts: BTreeMap<UserId, Option<Account>>,
}

/// What to do with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Commit this.
    Commit(Box<Commit>),
    /// Do nothing: the ledger has the event.
    Duplicate,
    /// Load all of this and decide again.
    Load(Box<LoadKeys>),
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
///     id::{CustomerId, EventId, UserId},
///     policy::{PlanConfig, Policy, PolicyConfig},
///     stripe::event::{Event, Type},
///     time::Timestamp,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Policy::new(PolicyConfig {
///     plans: vec![PlanConfig::new("price_1", "paid")],
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
/// let (id, kind) = (EventId::new("evt_1")?, Type::SubscriptionCreated);
/// let event = Event::parse(id, kind, body, &policy.user_id_keys)?;
///
/// // Nothing is stored yet, neither about the customer nor about Ada.
/// let loaded = Loaded {
///     customer: Some(Customer::new(CustomerId::new("cus_1")?)),
///     accounts: BTreeMap::from([(UserId::new("ada")?, None)]),
///     ..Loaded::default()
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
    match attempt(loaded, event, policy, now) {
        Ok(commit) => Decision::Commit(Box::new(commit)),
        Err(Stop::Load(keys)) => Decision::Load(keys),
        Err(Stop::Park(failure)) => Decision::Park(failure),
    }
}

/// Why there is no commit.
enum Stop {
    Load(Box<LoadKeys>),
    Park(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Park(failure)
    }
}

fn attempt(
    mut loaded: Loaded,
    event: &Event,
    policy: &Policy,
    now: Timestamp,
) -> Result<Commit, Stop> {
    let admitted = admit(event, loaded.customer.as_ref(), policy)?;
    let mut money = Money::new(event, &mut loaded, policy);
    let before = money.customer.as_ref().map(|customer| before(customer, event, policy));
    money.apply(event)?;
    let mut commit = Commit::new(LedgerEntry::for_event(event, now));
    commit.ledger.cause = admitted.cause.or_else(|| money.unlinked_cause());
    commit.ledger.outcome = outcome(money.arrival, false);
    let (mut waiting_since, mut fetch_due) = (None, None);
    if let (Some(customer), Some(before)) = (money.customer.as_ref(), before) {
        let owners = Owners::new(customer, policy);
        (waiting_since, fetch_due) = (owners.waiting_since(), owners.fetch_due());
        let mut after = Ownership::new(&owners, event, policy);
        after.owners.extend(money.subject().and_then(|what| owners.of(what)).cloned());
        let users = before.concerned(&after);
        let confirms = event.observed.is_some() && before.grants == after.grants;
        if users.iter().any(|user| !loaded.accounts.contains_key(user)) {
            return Err(money.with_users(users));
        }
        commit.ledger.customer = Some(customer.id.clone());
        commit.ledger.ambiguous = is_ambiguous(&owners, event);
        commit.ledger.outcome = outcome(money.arrival, !after.owners.is_empty());
        if confirms && commit.ledger.outcome == Outcome::Applied {
            commit.ledger.outcome = Outcome::Confirmed;
        }
        // A stale event commits no customer, so a newer write does not conflict with it. It must not restore
        // an older grant.
        let is_remembered = money.customer_arrival == Arrival::Remembered;
        for user in users {
            let grant = after.grants.remove(&user).unwrap_or_default();
            let known = loaded.accounts.remove(&user).flatten();
            let account = known.unwrap_or_else(|| Account::new(user, policy));
            let grant = is_remembered.then_some((&customer.id, grant));
            commit
                .update(account, grant, policy, now)
                .map_err(|error| Failure::new(Code::AccountTooLarge, &error))?;
        }
    }
    if admitted.is_unrelated {
        commit.ledger.outcome = Outcome::Unrelated;
    }
    if let Some(customer) = &mut money.customer {
        (customer.waiting_since, customer.fetch_due) = (waiting_since, fetch_due);
    }
    money.commit(&mut commit);
    Ok(commit)
}

const fn outcome(arrival: Arrival, is_owned: bool) -> Outcome {
    match (arrival, is_owned) {
        (Arrival::Stale, _) => Outcome::Stale,
        (Arrival::Remembered, false) => Outcome::Waiting,
        (Arrival::Remembered, true) => Outcome::Applied,
    }
}

/// The owners of what an event is about, and what the customer earns for each user.
#[derive(Default)]
struct Ownership {
    owners: BTreeSet<UserId>,
    grants: BTreeMap<UserId, Grant>,
}

/// Who owned what before the event. An event that names the only user whom the customer names concerns
/// that user alone, and nothing before it matters, except to know whether an observation changed anything.
fn before(customer: &Customer, event: &Event, policy: &Policy) -> Ownership {
    let named = match &event.fact {
        Fact::Subscription { edge, .. } => edge.to.user.as_ref(),
        Fact::SubscriptionObserved { observation, .. } => observation.node.user.as_ref(),
        Fact::Checkout { .. }
        | Fact::Purchase(_)
        | Fact::Customer { .. }
        | Fact::CustomerDeleted
        | Fact::Features(_)
        | Fact::Invoice { .. }
        | Fact::InvoicePayment { .. }
        | Fact::Reversal { .. }
        | Fact::Unrelated => None,
    };
    match customer.named() {
        Named::Nobody => Ownership::default(),
        Named::One(user) if Some(user) == named && event.observed.is_none() => Ownership::default(),
        Named::One(_) | Named::Several => {
            Ownership::new(&Owners::new(customer, policy), event, policy)
        }
    }
}

impl Ownership {
    fn new(all: &Owners<'_>, event: &Event, policy: &Policy) -> Self {
        let owner = |what| all.of(what).cloned().into_iter().collect();
        let owners = match &event.fact {
            Fact::Subscription { id, .. }
            | Fact::SubscriptionObserved { id, .. }
            | Fact::Checkout { id, .. } => owner(Ownable::Subscription(id)),
            Fact::Purchase(order) => owner(Ownable::Purchase(&order.id)),
            Fact::Customer { .. } | Fact::CustomerDeleted => all.all(),
            Fact::Features(_) => all.of_features().cloned().into_iter().collect(),
            // `Money` finds out what these are about.
            Fact::Invoice { .. }
            | Fact::InvoicePayment { .. }
            | Fact::Reversal { .. }
            | Fact::Unrelated => BTreeSet::new(),
        };
        Self { owners, grants: Grant::by_user(all, policy) }
    }

    /// The users whom an event concerns: the owners of its subject, and those whose grant it changes.
    fn concerned(&self, after: &Self) -> BTreeSet<UserId> {
        let granted = self.grants.keys().chain(after.grants.keys());
        let changed = granted.filter(|user| self.grants.get(*user) != after.grants.get(*user));
        self.owners.iter().chain(&after.owners).chain(changed).cloned().collect()
    }
}

fn is_ambiguous(owners: &Owners<'_>, event: &Event) -> bool {
    match &event.fact {
        Fact::Subscription { id, .. } | Fact::SubscriptionObserved { id, .. } => {
            owners.state(id).is_some_and(|state| state.ambiguous)
        }
        Fact::Features(_) => owners.customer().features.is_truncated(),
        Fact::Checkout { .. }
        | Fact::Purchase(_)
        | Fact::Customer { .. }
        | Fact::CustomerDeleted
        | Fact::Invoice { .. }
        | Fact::InvoicePayment { .. }
        | Fact::Reversal { .. }
        | Fact::Unrelated => false,
    }
}

#[cfg(test)]
mod tests;
