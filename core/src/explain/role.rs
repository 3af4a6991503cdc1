//! Why a user has their role: each thing that earns one and until when, the role that was granted by hand, what
//! was paid for and does not count, and why.

use serde::Serialize;

use crate::{
    account::Account,
    customer::{Customer, Ownable, Subscription},
    earned,
    fold::State,
    id::{CustomerId, EventId, RevocationId, ServiceGrantId, UserId},
    owners::Owners,
    policy::{Policy, Role},
    time::{Timestamp, rfc3339_option},
};

/// Why a user has their role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleExplanation {
    /// The user.
    pub user: UserId,
    /// The role now.
    pub role: Role,
    /// The role at the last commit, which an expiry may have overtaken.
    pub committed_role: Role,
    /// The number of role changes so far.
    pub revocation_id: RevocationId,
    /// The event that changed the role last.
    pub assigned_by: Option<EventId>,
    /// Time of the latest role change.
    #[serde(serialize_with = "rfc3339_option")]
    pub assigned_at: Option<Timestamp>,
    /// The role that an operator granted by hand.
    pub manual_role: Option<Role>,
    /// Time until which that role holds; `None` if it has no end.
    #[serde(serialize_with = "rfc3339_option")]
    pub manual_until: Option<Timestamp>,
    /// What services of the host granted, and what still holds of it.
    pub granted: Vec<GrantedRole>,
    /// What earns a role.
    pub counts: Vec<Source>,
    /// What was paid for and earns nothing, each with the reason.
    pub does_not_count: Vec<NotCounting>,
    /// What changes the role next if no event comes.
    pub next: Option<Ending>,
}

/// A role that a service granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantedRole {
    /// The service, a colon, and what it calls the grant.
    pub id: ServiceGrantId,
    /// The role.
    pub role: Role,
    /// Time until which it holds; `None` if it has no end.
    #[serde(serialize_with = "rfc3339_option")]
    pub until: Option<Timestamp>,
}

/// Something that earns a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The customer.
    pub customer: CustomerId,
    /// The id of the subscription or purchase.
    pub id: String,
    /// The role.
    pub role: Role,
    /// The price or plan that maps to it.
    pub by: String,
    /// Time until which it gives access, grace included; `None` if there is no end.
    #[serde(serialize_with = "rfc3339_option")]
    pub until: Option<Timestamp>,
}

/// Something that was paid for and earns nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotCounting {
    /// The customer.
    pub customer: CustomerId,
    /// The id of the subscription or purchase.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// The next end of access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// The role from then on.
    pub role: Role,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn rfc3339<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    rfc3339_option(&Some(*at), to)
}

/// Explains a user's role at a time, from their account and every customer that names them.
#[must_use]
pub fn explain_role(
    account: &Account,
    customers: &[Customer],
    policy: &Policy,
    now: Timestamp,
) -> RoleExplanation {
    let mut explanation = RoleExplanation {
        user: account.user.clone(),
        role: account.effective(policy, now).role,
        committed_role: account.role.clone(),
        revocation_id: account.revocation_id,
        assigned_by: account.role_assigned_by.clone(),
        assigned_at: account.role_assigned_at,
        manual_role: account.manual_role_at(now).cloned(),
        manual_until: account.manual_until.filter(|until| *until > now),
        granted: granted(account, now),
        counts: Vec::new(),
        does_not_count: Vec::new(),
        next: next(account, policy, now),
    };
    for customer in customers {
        explanation.add_customer(customer, policy, now);
    }
    explanation
}

fn granted(account: &Account, now: Timestamp) -> Vec<GrantedRole> {
    let active = account.service_grants.active(now);
    let granted = active.map(|(id, grant)| GrantedRole {
        id: id.clone(),
        role: grant.role.clone(),
        until: grant.until,
    });
    granted.collect()
}

/// The next moment at which the role becomes another one by itself.
fn next(account: &Account, policy: &Policy, now: Timestamp) -> Option<Ending> {
    let role = account.effective(policy, now).role;
    let mut at = now;
    // Each step ends one entitlement, and an account has few.
    while let Some(end) = account.next_expiry(policy, at) {
        let then = account.effective(policy, end).role;
        if then != role {
            return Some(Ending { at: end, role: then });
        }
        at = end;
    }
    None
}

impl RoleExplanation {
    fn add_customer(&mut self, customer: &Customer, policy: &Policy, now: Timestamp) {
        let owners = Owners::new(customer, policy);
        for (id, subscription, state) in customer.states() {
            let what = Ownable::Subscription(id);
            match self.standing_in_the_way(&owners, what) {
                Some(reason) => self.add_not_counting(customer, id.as_str(), reason),
                None if customer.deleted => {
                    self.add_not_counting(customer, id.as_str(), "its customer was deleted".into());
                }
                None => {
                    self.add_subscription(customer, id.as_str(), subscription, &state, policy, now);
                }
            }
        }
        for (id, purchase) in &customer.purchases {
            let what = Ownable::Purchase(id);
            if let Some(reason) = self.standing_in_the_way(&owners, what) {
                self.add_not_counting(customer, id.as_str(), reason);
                continue;
            }
            match earned::purchase(purchase, policy) {
                None => {
                    let reason = if earned::plan(&purchase.offer, policy).is_none() {
                        "it is no plan of the policy"
                    } else if purchase.paid_at_secs().is_none() {
                        "it is not paid"
                    } else {
                        "it was refunded or disputed"
                    };
                    self.add_not_counting(customer, id.as_str(), reason.to_owned());
                }
                Some((plan, paid_at_secs)) => {
                    let paid_at = Timestamp::from_secs(paid_at_secs);
                    let until = plan.days.map(|days| paid_at.plus_days(i64::from(days)));
                    self.add(customer, id.as_str(), &plan.role, "its plan".to_owned(), until, now);
                }
            }
        }
    }

    /// Why something does not count for this user, as far as its owner is concerned.
    fn standing_in_the_way(&self, owners: &Owners<'_>, what: Ownable<'_>) -> Option<String> {
        match owners.of(what) {
            Some(owner) if *owner == self.user => None,
            Some(owner) => Some(format!("it belongs to {owner}")),
            None => Some("nobody knows whose it is".to_owned()),
        }
    }

    fn add_subscription(
        &mut self,
        customer: &Customer,
        id: &str,
        subscription: &Subscription,
        state: &State<'_>,
        policy: &Policy,
        now: Timestamp,
    ) {
        let items = earned::items(subscription, state, policy);
        if let Some(reason) = not_earning(subscription, state, items.is_empty(), policy) {
            self.add_not_counting(customer, id, reason);
            return;
        }
        for (role, ends_at_secs) in items {
            let expires_at = ends_at_secs.map(Timestamp::from_secs);
            let until = expires_at.map(|at| at.plus_days(i64::from(policy.grace_days)));
            let status = format!("its status {}", state.node.status.as_str());
            self.add(customer, id, role, status, until, now);
        }
    }

    fn add(
        &mut self,
        customer: &Customer,
        id: &str,
        role: &Role,
        by: String,
        until: Option<Timestamp>,
        now: Timestamp,
    ) {
        if let Some(ended) = until.filter(|until| *until <= now) {
            self.add_not_counting(customer, id, format!("it ended at {ended}"));
            return;
        }
        let (customer, id, role) = (customer.id.clone(), id.to_owned(), role.clone());
        self.counts.push(Source { customer, id, role, by, until });
    }

    fn add_not_counting(&mut self, customer: &Customer, id: &str, reason: String) {
        let (customer, id) = (customer.id.clone(), id.to_owned());
        self.does_not_count.push(NotCounting { customer, id, reason });
    }
}

/// Why a subscription earns nothing, if it does.
fn not_earning(
    subscription: &Subscription,
    state: &State<'_>,
    is_unmapped: bool,
    policy: &Policy,
) -> Option<String> {
    let status = &state.node.status;
    if !earned::gives_access(status, policy) {
        return Some(format!("its status is {}", status.as_str()));
    }
    if subscription.is_unpaid(state) {
        return Some("its first payment is pending or failed".to_owned());
    }
    if policy.subscription_reversal.revokes(subscription.given_back()) {
        return Some("its invoice was refunded or disputed".to_owned());
    }
    if !earned::is_earning(subscription, state, policy) {
        return Some("its collection is paused".to_owned());
    }
    is_unmapped.then(|| "none of its prices is in the plan map".to_owned())
}
