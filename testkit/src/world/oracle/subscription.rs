//! What a subscription earns.

use super::super::objects::{Behavior, Dated, Item, Mode, Node, Report, Status};
use super::super::rules::Keep;
use super::{Oracle, Thing};

/// A role that something earns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Earned {
    pub(crate) rank: usize,
    /// When it ends; `None` if it never does.
    pub(crate) end: Option<i64>,
    /// When access ends: the end plus the days of grace.
    pub(crate) until: Option<i64>,
    pub(crate) by: Thing,
}

impl<'w> Oracle<'w> {
    fn states(&self, id: &str) -> Vec<&'w Dated<Node>> {
        let states = self.world.subscriptions.get(id).into_iter().flat_map(|it| &it.history);
        states.filter(|state| state.at <= self.at).collect()
    }

    /// The current state.
    pub(super) fn node(&self, id: &str) -> Option<&'w Node> {
        self.states(id).last().map(|state| &state.value)
    }

    pub(super) fn is_over(&self, id: &str) -> bool {
        self.node(id).is_none_or(|node| node.status.is_terminal())
    }

    /// Whether a subscription is active, trialing or past due.
    pub(super) fn is_live(&self, id: &str) -> bool {
        self.node(id).is_some_and(|node| node.status.is_live()) && !self.is_customer_deleted(id)
    }

    fn is_customer_deleted(&self, id: &str) -> bool {
        let customer = self.world.subscriptions.get(id).map(|it| &it.customer);
        let customer = customer.and_then(|id| self.world.customers.get(id));
        customer.and_then(|it| it.deleted_at).is_some_and(|at| at <= self.at)
    }

    /// Whether any of its items has a plan, at any quantity.
    pub(super) fn is_mapped(&self, id: &str) -> bool {
        let items = self.node(id).into_iter().flat_map(|node| &node.items);
        items.into_iter().any(|item| self.rank_of_item(id, item).is_some())
    }

    /// Everything that it earns, item by item, including what is over.
    pub(super) fn earned_by_subscription(&self, id: &str) -> Vec<Earned> {
        let Some(node) = self.node(id) else {
            return vec![];
        };
        let nothing = !self.status_earns(node.status)
            || self.is_pause_revoking(node)
            || self.is_customer_deleted(id)
            || !self.is_first_payment_fine(id)
            || self.is_subscription_reversed(id);
        if nothing {
            return vec![];
        }
        let grace = i64::from(self.world.rules.grace_days) * 86_400;
        let items = node.items.iter().filter(|item| item.quantity != Some(0));
        let earned = items.filter_map(|item| {
            let mut end = item.end;
            if let Some(cancel_at) = node.cancel_at {
                end = end.min(cancel_at);
            }
            if let Some(since) = self.past_due_since(id) {
                end = end.min(since);
            }
            Some(Earned {
                rank: self.rank_of_item(id, item)?,
                end: Some(end),
                until: Some(end + grace),
                by: Thing::Subscription(id.to_owned()),
            })
        });
        earned.collect()
    }

    fn status_earns(&self, status: Status) -> bool {
        match status {
            Status::Active | Status::Trialing => true,
            Status::PastDue => self.world.rules.past_due == Keep::Keep,
            Status::Incomplete
            | Status::IncompleteExpired
            | Status::Unpaid
            | Status::Paused
            | Status::Canceled => false,
        }
    }

    fn is_pause_revoking(&self, node: &Node) -> bool {
        let policy = &self.world.rules.pause_collection;
        let keep = match node.pause {
            None => Keep::Keep,
            Some(Behavior::KeepAsDraft) => policy.keep_as_draft,
            Some(Behavior::MarkUncollectible) => policy.mark_uncollectible,
            Some(Behavior::Void) => policy.void,
        };
        keep == Keep::Revoke
    }

    /// The second in which it became past due, while it is.
    pub(super) fn past_due_since(&self, id: &str) -> Option<i64> {
        let began = self.began(id);
        began.last().filter(|(_, status)| *status == Status::PastDue).map(|(at, _)| *at)
    }

    /// Each status that it entered, with its second.
    fn began(&self, id: &str) -> Vec<(i64, Status)> {
        let mut began: Vec<(i64, Status)> = vec![];
        for state in self.states(id) {
            if began.last().is_none_or(|(_, status)| *status != state.value.status) {
                began.push((state.at, state.value.status));
            }
        }
        began
    }

    /// Whether its first payment succeeded, is not reported, or is proven by later events.
    fn is_first_payment_fine(&self, id: &str) -> bool {
        match self.first_payment_report(id) {
            None => true,
            Some(report) if report.value.is_paid() => true,
            Some(report) => {
                let active_later = self
                    .began(id)
                    .iter()
                    .any(|(at, status)| *status == Status::Active && *at > report.at);
                active_later || self.has_later_period(id) || self.has_paid_later(id, report.at)
            }
        }
    }

    /// The report that counts: a final one over a pending one, and the later of two final ones.
    fn first_payment_report(&self, id: &str) -> Option<Dated<Report>> {
        let sessions = self.world.sessions.values().filter(|session| {
            session.mode == Mode::Subscription && session.subscription.as_deref() == Some(id)
        });
        let known = sessions.flat_map(|it| &it.reports).filter(|report| report.at <= self.at);
        known.max_by_key(|report| (report.value != Report::Unpaid, report.at)).cloned()
    }

    /// Whether it was ever active in a period after its first. A first debit that failed is past due in the
    /// next period as well.
    fn has_later_period(&self, id: &str) -> bool {
        let end = |node: &Node| node.items.iter().map(|item| item.end).max();
        let states = self.states(id);
        let first = states.first().and_then(|state| end(&state.value));
        states.iter().any(|it| it.value.status == Status::Active && end(&it.value) > first)
    }

    fn has_paid_later(&self, id: &str, report: i64) -> bool {
        let mut invoices = self.world.invoices.values().filter(|it| it.subscription == id);
        invoices
            .any(|it| it.amount > 0 && it.paid_at.is_some_and(|at| at > report && at <= self.at))
    }

    /// The rank of an item's role: by its price, its product, its lookup key, or a lookup key that
    /// the price had on this subscription before.
    fn rank_of_item(&self, id: &str, item: &Item) -> Option<usize> {
        let product = self.world.prices.get(&item.price).map(|price| price.product.clone());
        let states = self.states(id).into_iter().rev();
        let items = states.flat_map(|state| &state.value.items);
        let ever = items.filter(|it| it.price == item.price).filter_map(|it| it.lookup_key.clone());
        let keys =
            [Some(item.price.clone()), product, item.lookup_key.clone()].into_iter().flatten();
        let plan = keys.chain(ever).find_map(|key| self.world.rules.plans.get(&key))?;
        Some(self.world.rules.rank(&plan.role))
    }
}
