//! What a subscription or a purchase earns, independent of its owner.

use crate::{
    customer::Subscription,
    fold::State,
    policy::{PastDue, Plan, Policy, Role},
    purchase::{Offer, Purchase},
    subscription::{Item, Node, Status},
};

/// Whether a status gives access under the policy.
#[must_use]
pub const fn gives_access(status: &Status, policy: &Policy) -> bool {
    match status {
        Status::Active | Status::Trialing => true,
        Status::PastDue => matches!(policy.past_due, PastDue::Keep),
        Status::Unpaid
        | Status::Canceled
        | Status::Incomplete
        | Status::IncompleteExpired
        | Status::Paused
        | Status::Other(_) => false,
    }
}

/// Whether a subscription gives access now: by its status, collection, first payment, refunds and
/// disputes.
#[must_use]
pub fn is_earning(subscription: &Subscription, state: &State<'_>, policy: &Policy) -> bool {
    let is_paused = state
        .node
        .pause_collection
        .is_some_and(|behavior| policy.pause_collection.revokes(behavior));
    gives_access(&state.node.status, policy)
        && !is_paused
        && !subscription.is_unpaid(state)
        && !policy.subscription_reversal.revokes(subscription.given_back())
}

/// The roles that the sold items of a subscription map to, each with the end of what is paid for, in
/// seconds since the epoch.
#[must_use]
pub fn items<'p>(
    subscription: &Subscription,
    state: &State<'_>,
    policy: &'p Policy,
) -> Vec<(&'p Role, Option<i64>)> {
    let past_due_since = match state.node.status {
        // The period advances even if a renewal fails, and what was paid for ends at that moment.
        Status::PastDue => Some(state.since_secs),
        Status::Active
        | Status::Trialing
        | Status::Unpaid
        | Status::Canceled
        | Status::Incomplete
        | Status::IncompleteExpired
        | Status::Paused
        | Status::Other(_) => None,
    };
    let bounds = [state.node.cancel_at_secs, past_due_since];
    let sold = state.items().filter(|(item, _)| item.is_sold());
    sold.filter_map(|(item, ends_at_secs)| {
        let role = role(Some(subscription), item, policy)?;
        Some((role, bounds.into_iter().chain([ends_at_secs]).flatten().min()))
    })
    .collect()
}

/// The role that an item earns: by its price, its product, its lookup key, or one that its price had.
fn role<'p>(
    subscription: Option<&Subscription>,
    item: &Item,
    policy: &'p Policy,
) -> Option<&'p Role> {
    policy.role_for_item(item).or_else(|| {
        let mut keys = subscription.into_iter().flat_map(|known| known.known_lookup_keys(item));
        keys.find_map(|key| policy.plan(key)).map(|plan| &plan.role)
    })
}

/// Whether some item of a subscription maps to a role, sold or not.
#[must_use]
pub fn is_mapped(subscription: &Subscription, state: &State<'_>, policy: &Policy) -> bool {
    state.items().any(|(item, _)| role(Some(subscription), item, policy).is_some())
}

/// Whether a subscription that gives access has an item that the policy neither maps nor ignores, and none
/// that it maps.
#[must_use]
pub fn is_unmapped(subscription: Option<&Subscription>, node: &Node, policy: &Policy) -> bool {
    let is_mapped = |item: &Item| role(subscription, item, policy).is_some();
    gives_access(&node.status, policy)
        && !node.items.iter().any(is_mapped)
        && (node.items.is_empty() || !node.items.iter().all(|item| policy.is_ignored(item)))
}

/// The plan of a purchase that is paid and not given back, and the second in which it was paid.
#[must_use]
pub fn purchase<'p>(purchase: &Purchase, policy: &'p Policy) -> Option<(&'p Plan, i64)> {
    if policy.purchase_reversal.revokes(purchase.given_back) {
        return None;
    }
    Some((plan(&purchase.offer, policy)?, purchase.paid_at_secs()?))
}

/// The plan of an offer: the one that the session's metadata names, else that of its payment link, else
/// that of the line item with the highest role.
#[must_use]
pub fn plan<'p>(offer: &Offer, policy: &'p Policy) -> Option<&'p Plan> {
    let named = [&offer.plan, &offer.payment_link];
    let named = named.into_iter().flatten().find_map(|key| policy.plan(key));
    named.or_else(|| {
        let sold = offer.items.iter().filter(|item| item.is_sold());
        let plans = sold.filter_map(|item| policy.plan_for_item(item));
        plans.max_by(|a, b| policy.compare(&a.role, &b.role).then(a.cmp_days(b)))
    })
}
