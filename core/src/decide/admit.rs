//! Whether an event may be applied, and what its ledger row notes about it.

use crate::{
    codes::Code,
    customer::{Customer, Subscription},
    earned::{is_mapped, is_unmapped, plan},
    failure::Failure,
    fold::Before,
    payment::PaymentState,
    policy::{Policy, UnmappedPrice},
    purchase::Order,
    stripe::event::{Event, Fact},
    subscription::Node,
};

/// An event that may be applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Admitted {
    /// The code of why it earns less than it could.
    pub(super) cause: Option<Code>,
    /// Whether it is not about access. It may still name what a payment paid for.
    pub(super) is_unrelated: bool,
}

pub(super) fn admit(
    event: &Event,
    customer: Option<&Customer>,
    policy: &Policy,
) -> Result<Admitted, Failure> {
    if event.livemode != policy.livemode {
        let (is, here) = (mode(event.livemode), mode(policy.livemode));
        let error = format!("a {is} event at a {here} deployment");
        return Err(Failure::new(Code::LivemodeMismatch, &error));
    }
    match &event.fact {
        Fact::Subscription { id, edge } => {
            let known = customer.and_then(|customer| customer.subscriptions.get(id));
            let before = match &edge.before {
                Before::Node(before) => Some(&**before),
                Before::Created | Before::Unknown => None,
            };
            admit_subscription(&edge.to, before, known, policy)
        }
        Fact::SubscriptionObserved { id, observation } => {
            let known = customer.and_then(|customer| customer.subscriptions.get(id));
            admit_subscription(&observation.node, None, known, policy)
        }
        Fact::Purchase(order) => admit_purchase(order, policy),
        Fact::Invoice { paid, .. } => {
            Ok(Admitted { cause: None, is_unrelated: paid.subscription.is_none() })
        }
        Fact::Unrelated => Ok(Admitted { cause: None, is_unrelated: true }),
        Fact::Checkout { .. }
        | Fact::Customer { .. }
        | Fact::CustomerDeleted
        | Fact::Features(_)
        | Fact::InvoicePayment { .. }
        | Fact::Reversal { .. } => Ok(Admitted::default()),
    }
}

fn admit_subscription(
    node: &Node,
    before: Option<&Node>,
    known: Option<&Subscription>,
    policy: &Policy,
) -> Result<Admitted, Failure> {
    if !is_unmapped(known, node, policy) {
        return Ok(Admitted::default());
    }
    // A lookup key that its price had before the event counts, too.
    let mut noted = known.cloned().unwrap_or_default();
    for node in before.into_iter().chain([node]) {
        noted.note(node);
    }
    if !is_unmapped(Some(&noted), node, policy) {
        return Ok(Admitted::default());
    }
    let prices = prices(node);
    if !node.truncated {
        return unmapped(Code::PlanUnmapped, &format!("no role for {prices} in [plans]"), policy);
    }
    // An item that was known and is not shown stays.
    let state = known.and_then(|known| known.record.state());
    let was_mapped = state.is_some_and(|state| is_mapped(&noted, &state, policy))
        || before.is_some_and(|before| !is_unmapped(Some(&noted), before, policy));
    if was_mapped {
        return Ok(Admitted::default());
    }
    let error = format!("only some items are shown (has_more): no role for {prices}");
    unmapped(Code::ItemsTruncated, &error, policy)
}

/// A purchase that is no plan is unrelated, unless the session's metadata names it as a plan.
fn admit_purchase(order: &Order, policy: &Policy) -> Result<Admitted, Failure> {
    if plan(&order.offer, policy).is_some() {
        return Ok(Admitted::default());
    }
    match &order.offer.plan {
        Some(plan) if order.report.state == PaymentState::Paid => {
            unmapped(Code::PlanUnmapped, &format!("no role for plan {plan} in [plans]"), policy)
        }
        _ => Ok(Admitted { cause: None, is_unrelated: true }),
    }
}

fn unmapped(cause: Code, error: &str, policy: &Policy) -> Result<Admitted, Failure> {
    match policy.unmapped_price {
        UnmappedPrice::Ignore => Ok(Admitted { cause: Some(cause), is_unrelated: false }),
        UnmappedPrice::Park => Err(Failure::new(cause, &error)),
    }
}

/// The prices that a subscription has, for the error message.
fn prices(node: &Node) -> String {
    let prices: Vec<&str> = node.items.iter().filter_map(|item| item.price.as_deref()).collect();
    match prices.as_slice() {
        [] => "a subscription without prices".to_owned(),
        prices => format!("price {}", prices.join(", ")),
    }
}

const fn mode(live: bool) -> &'static str {
    if live { "live" } else { "test" }
}
