//! What is shown: which subscription, and which of its fields.

use std::collections::BTreeSet;

use super::super::objects::{Node, Status};
use super::subscription::Earned;
use super::{Oracle, Shown, Thing};

impl Oracle<'_> {
    /// What may be shown to a user who earns `running` now.
    pub(super) fn shown(&self, user: &str, running: &[Earned]) -> BTreeSet<Shown> {
        if running.is_empty() { self.shown_idle(user) } else { self.shown_best(running) }
    }

    /// The best entitlement: the highest role, then the longest access, with or without grace.
    fn shown_best(&self, running: &[Earned]) -> BTreeSet<Shown> {
        let key = |end: Option<i64>| end.unwrap_or(i64::MAX);
        let with_grace = running.iter().map(|it| (it.rank, key(it.until))).max();
        let without = running.iter().map(|it| (it.rank, key(it.end))).max();
        let best = running.iter().filter(|it| {
            Some((it.rank, key(it.until))) == with_grace || Some((it.rank, key(it.end))) == without
        });
        best.map(|it| self.face(&it.by, it.end)).collect()
    }

    /// Without an entitlement: a subscription that is not over, or nothing.
    fn shown_idle(&self, user: &str) -> BTreeSet<Shown> {
        let mut shown = BTreeSet::new();
        let mut certain = false;
        for thing in self.things() {
            let Thing::Subscription(id) = &thing else {
                continue;
            };
            let not_over = self.owner(&thing).as_deref() == Some(user) && !self.is_over(id);
            let Some(node) = self.node(id).filter(|_| not_over) else {
                continue;
            };
            // The documents leave open whether one that ran out, or has no plan, is not over.
            let ran_out = !self.earned_by_subscription(id).is_empty();
            certain |= self.is_mapped(id) && !ran_out;
            shown.insert(self.face(&thing, None));
            for item in &node.items {
                let bounds = [Some(item.end), node.cancel_at, self.past_due_since(id)];
                shown.insert(self.face(&thing, bounds.into_iter().flatten().min()));
                shown.insert(self.face(&thing, Some(item.end)));
            }
        }
        if !certain {
            shown.insert(Shown::default());
        }
        shown
    }

    fn face(&self, thing: &Thing, expires_at: Option<i64>) -> Shown {
        let Thing::Subscription(id) = thing else {
            return Shown { expires_at, ..Shown::default() };
        };
        let Some(node) = self.node(id) else {
            return Shown::default();
        };
        Shown {
            status: Some(node.status.word().to_owned()),
            expires_at,
            trial_ends_at: node.trial_end.filter(|_| node.status == Status::Trialing),
            cancel_at: node.cancel_at.or_else(|| ends_with_period(node)),
            past_due_since: self.past_due_since(id),
        }
    }
}

fn ends_with_period(node: &Node) -> Option<i64> {
    let ends = node.items.iter().map(|item| item.end);
    ends.max().filter(|_| node.cancel_at_period_end)
}
