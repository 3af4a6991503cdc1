//! Actions on a subscription's status and owner.

use super::super::account::World;
use super::super::objects::{Node, Status};
use super::items::renew;
use super::shows_all;

impl World {
    pub(super) fn act_move_owner(&mut self) -> bool {
        let Some(id) = self.a_subscription(|_| true) else {
            return false;
        };
        let (key, user) = (self.a_key(), self.a_user());
        self.change(&id, |node| {
            node.metadata.insert(key.to_owned(), user);
        })
    }

    pub(super) fn act_cancel(&mut self) -> bool {
        self.a_subscription(|_| true).is_some_and(|id| self.cancel(&id))
    }

    fn a_subscription_in(&mut self, statuses: &[Status]) -> Option<String> {
        self.a_subscription(|node| statuses.contains(&node.status))
    }

    /// Ends a trial at its date, or earlier by hand.
    pub(super) fn act_end_trial(&mut self) -> bool {
        let fits = |node: &Node| node.status == Status::Trialing && shows_all(node);
        let Some(id) = self.a_subscription(fits) else {
            return false;
        };
        let Some(end) = self.node_of(&id).and_then(|node| node.trial_end) else {
            return false;
        };
        if self.rng.chance(70) {
            self.advance(end - self.now);
        }
        let now = self.now;
        let invoice = self.issue_invoice(&id, 900);
        let paid = self.rng.chance(75);
        self.change(&id, |node| {
            node.status = if paid { Status::Active } else { Status::PastDue };
            node.trial_end = Some(end.min(now));
            for item in &mut node.items {
                item.start = now;
                item.end = now + 30 * 86_400;
            }
            node.latest_invoice = Some(invoice.clone());
        });
        if paid {
            self.settle_invoice(&invoice, 1);
        }
        true
    }

    pub(super) fn act_pause_status(&mut self) -> bool {
        let Some(id) = self.a_subscription_in(&[Status::Trialing]) else {
            return false;
        };
        self.change(&id, |node| node.status = Status::Paused)
    }

    /// Fails the payment of the renewal, or of an invoice between renewals.
    pub(super) fn act_become_past_due(&mut self) -> bool {
        let Some(id) = self.a_subscription_in(&[Status::Active]) else {
            return false;
        };
        let at_renewal = self.rng.chance(50) && self.next_periods(&id);
        let invoice = self.issue_invoice(&id, 900);
        self.change(&id, |node| {
            node.status = Status::PastDue;
            if at_renewal {
                renew(node, &invoice);
            }
        })
    }

    pub(super) fn act_become_unpaid(&mut self) -> bool {
        let Some(id) = self.a_subscription_in(&[Status::PastDue]) else {
            return false;
        };
        self.change(&id, |node| node.status = Status::Unpaid)
    }

    /// Pays the latest open invoice.
    pub(super) fn act_recover(&mut self) -> bool {
        let owing = [Status::PastDue, Status::Unpaid];
        let Some(id) = self.a_subscription_in(&owing) else {
            return false;
        };
        let own = self.invoices.values().filter(|invoice| invoice.subscription == id);
        let open = own.filter(|invoice| invoice.paid_at.is_none()).map(|it| it.id.clone()).max();
        let Some(open) = open else { return false };
        self.change(&id, |node| node.status = Status::Active);
        self.tick_short();
        self.settle_invoice(&open, 1);
        true
    }

    pub(super) fn act_activate(&mut self) -> bool {
        let waiting = [Status::Incomplete, Status::Paused];
        let Some(id) = self.a_subscription_in(&waiting) else {
            return false;
        };
        self.change(&id, |node| node.status = Status::Active)
    }

    pub(super) fn act_expire_incomplete(&mut self) -> bool {
        let Some(id) = self.a_subscription_in(&[Status::Incomplete]) else {
            return false;
        };
        self.change(&id, |node| node.status = Status::IncompleteExpired)
    }
}
