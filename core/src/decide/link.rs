//! A link by hand: an operator says whose a customer, a subscription or a purchase is. Who owns what, and
//! what each user earns of it, follows as it does from an event.

use std::collections::{BTreeMap, BTreeSet};

use super::{Commit, policy_change::decide_again};
use crate::{
    account::Account,
    customer::Customer,
    id::{PurchaseId, SubscriptionId, UserId},
    ledger::{Act, LedgerEntry, SystemEvent},
    policy::Policy,
    time::Timestamp,
};

/// What can be linked to a user by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linkable {
    /// The customer as a whole.
    Customer,
    /// One of its subscriptions.
    Subscription(SubscriptionId),
    /// One of its purchases.
    Purchase(PurchaseId),
}

/// Why nothing was linked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LinkError {
    /// The customer has no such subscription or purchase.
    #[error("the customer has no such subscription or purchase")]
    Unknown,
    /// It is linked so already.
    #[error("it is linked so already")]
    Unchanged,
    /// The decision needs the accounts of these users, too.
    #[error("more accounts are needed")]
    Load(BTreeSet<UserId>),
}

/// Links a customer, or one thing of it, to a user, or removes that link with `None`. `accounts` are those of
/// all users that the customer names, and of the new one.
pub fn link(
    mut customer: Customer,
    what: &Linkable,
    user: Option<UserId>,
    accounts: BTreeMap<UserId, Option<Account>>,
    act: Act,
    policy: &Policy,
    now: Timestamp,
) -> Result<Commit, LinkError> {
    let mut users = customer.named_users();
    let link = match what {
        Linkable::Customer => Some(&mut customer.links.manual),
        Linkable::Subscription(id) => customer.subscriptions.get_mut(id).map(|it| &mut it.link),
        Linkable::Purchase(id) => customer.purchases.get_mut(id).map(|it| &mut it.link),
    };
    let link = link.ok_or(LinkError::Unknown)?;
    if *link == user {
        return Err(LinkError::Unchanged);
    }
    users.extend(user.clone());
    *link = user;
    if users.iter().any(|user| !accounts.contains_key(user)) {
        return Err(LinkError::Load(users));
    }
    let ledger = LedgerEntry::for_act(SystemEvent::Linked, customer.id.as_str(), act, now);
    let ledger = ledger.ok_or(LinkError::Unknown)?;
    Ok(decide_again(customer, accounts, ledger, true, policy, now))
}

/// An act that changes no account: a commit that has only its ledger row.
#[must_use]
pub fn act_alone(kind: SystemEvent, subject: &str, act: Act, now: Timestamp) -> Option<Commit> {
    LedgerEntry::for_act(kind, subject, act, now).map(Commit::new)
}
