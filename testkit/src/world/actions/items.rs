//! Actions on a subscription's items, periods and planned end.

use super::super::account::World;
use super::super::objects::{Behavior, Node};
use super::super::shape::ApiShape;
use super::shows_all;

const DAY: i64 = 86_400;

impl World {
    /// A price that the subscription does not have yet: one of those that are mapped now, or one
    /// that is not mapped.
    pub(super) fn a_price(&mut self, taken: &Node) -> Option<String> {
        let key = self.prices.iter().find(|(_, price)| price.lookup_key.is_some());
        let key = key.map_or("price_key", |(id, _)| id.as_str()).to_owned();
        let mapped = ["price_pro", "price_max", "price_team", "price_misc_01"].map(String::from);
        let all = mapped.into_iter().chain([key]);
        let free = all.filter(|id| taken.items.iter().all(|item| item.price != *id));
        let free = free.collect::<Vec<_>>();
        self.rng.pick(&free)
    }

    /// Advances the clock to the end of the earliest period, up to 40 days ahead. Returns whether
    /// a renewal can follow.
    pub(super) fn next_periods(&mut self, id: &str) -> bool {
        let Some(node) = self.node_of(id) else {
            return false;
        };
        let Some(due) = node.items.iter().map(|item| item.end).min() else {
            return false;
        };
        let ending = node.cancel_at.is_some() || node.cancel_at_period_end;
        if ending || !shows_all(&node) || due > self.now + 40 * DAY {
            return false;
        }
        self.advance(due - self.now);
        true
    }

    pub(super) fn act_renew(&mut self) -> bool {
        use super::super::objects::Status::Active;
        let Some(id) = self.a_subscription(|node| node.status == Active) else {
            return false;
        };
        if !self.next_periods(&id) {
            return false;
        }
        let parts = if self.rng.chance(20) { 2 } else { 1 };
        let invoice = self.issue_invoice(&id, 900);
        let renewed = self.change(&id, |node| renew(node, &invoice));
        self.tick_short();
        self.settle_invoice(&invoice, parts);
        renewed
    }

    pub(super) fn tick_short(&mut self) {
        let seconds = self.rng.pick_or(&[0, 0, 1, 2], 0);
        self.advance(seconds);
    }

    pub(super) fn act_change_price(&mut self) -> bool {
        let Some(id) = self.a_subscription(shows_all) else {
            return false;
        };
        let Some(node) = self.node_of(&id) else {
            return false;
        };
        let Some(price) = self.a_price(&node) else {
            return false;
        };
        let place = self.rng.below(node.items.len());
        let quantity = Some(1);
        self.change(&id, |node| {
            node.items[place].price = price;
            node.items[place].quantity = quantity;
        })
    }

    pub(super) fn act_add_item(&mut self) -> bool {
        let Some(id) = self.a_subscription(|node| node.items.len() < 3) else {
            return false;
        };
        let Some(node) = self.node_of(&id) else {
            return false;
        };
        let Some(price) = self.a_price(&node) else {
            return false;
        };
        let Some(first) = node.items.first() else {
            return false;
        };
        // Only newer shapes have periods on items, and a first payment is judged by the periods.
        let own = self.shape == ApiShape::Basil
            && !node.cancel_at_period_end
            && node.trial_end.is_none()
            && !self.first_payment_open(&id);
        let end = if own && self.rng.chance(60) {
            self.now + self.rng.between(1, 60) * DAY
        } else {
            first.end
        };
        let quantity = if self.rng.chance(15) { None } else { Some(1) };
        let start = first.start;
        let item = self.item(&price, quantity, start, end);
        self.change(&id, |node| node.items.push(item))
    }

    pub(super) fn act_remove_item(&mut self) -> bool {
        let several = |node: &Node| node.items.len() > 1 && shows_all(node);
        let Some(id) = self.a_subscription(several) else {
            return false;
        };
        let Some(node) = self.node_of(&id) else {
            return false;
        };
        let place = self.rng.below(node.items.len());
        self.change(&id, |node| {
            node.items.remove(place);
        })
    }

    pub(super) fn act_change_quantity(&mut self) -> bool {
        let Some(id) = self.a_subscription(shows_all) else {
            return false;
        };
        let Some(node) = self.node_of(&id) else {
            return false;
        };
        let place = self.rng.below(node.items.len());
        let quantity = self.rng.pick_or(&[Some(0), Some(0), Some(1), Some(5)], Some(1));
        self.change(&id, |node| node.items[place].quantity = quantity)
    }

    /// Adds items without a plan, so that events no longer show some of the known items.
    pub(super) fn act_grow(&mut self) -> bool {
        let fits = |node: &Node| shows_all(node) && node.trial_end.is_none();
        let Some(id) = self.a_subscription(fits) else {
            return false;
        };
        let Some(node) = self.node_of(&id) else {
            return false;
        };
        let front = self.rng.below(2);
        let taken = |price: &String| node.items.iter().any(|item| item.price == *price);
        let misc = self.prices.keys().filter(|id| id.starts_with("price_misc"));
        let misc = misc.filter(|id| !taken(id)).take(10 - front).cloned().collect::<Vec<_>>();
        // The new items end with the first one.
        let outlasts = node.items.iter().any(|item| item.end < node.items[0].end);
        if misc.len() < 10 - front || node.items.len() <= front || outlasts {
            return false;
        }
        let last = self.subscriptions.get(&id).and_then(|it| it.history.last());
        let taken = last.is_some_and(|state| state.at == self.now);
        self.advance(i64::from(taken));
        let (start, end) = (node.items[0].start, node.items[0].end);
        let new =
            misc.iter().map(|price| self.item(price, Some(1), start, end)).collect::<Vec<_>>();
        self.change(&id, |node| {
            let rest = node.items.split_off(front);
            node.items.extend(new);
            node.items.extend(rest);
        })
    }

    pub(super) fn act_shrink(&mut self) -> bool {
        let Some(id) = self.a_subscription(|node| !shows_all(node)) else {
            return false;
        };
        self.change(&id, |node| {
            let plain = |price: &str| !price.starts_with("price_misc");
            if node.items.iter().any(|item| plain(&item.price)) {
                node.items.retain(|item| plain(&item.price));
            }
        })
    }

    pub(super) fn act_transfer_lookup_key(&mut self) -> bool {
        let there = self.prices.get("price_key").is_some_and(|price| price.lookup_key.is_some());
        if there {
            self.transfer_lookup_key();
        }
        there
    }

    pub(super) fn act_cancel_at(&mut self) -> bool {
        let Some(id) = self.a_subscription(|node| node.trial_end.is_none()) else {
            return false;
        };
        let at = self.now + self.rng.between(60, 40 * DAY);
        self.change(&id, |node| node.cancel_at = Some(at))
    }

    pub(super) fn act_cancel_at_period_end(&mut self) -> bool {
        let one_end = |node: &Node| {
            let mut ends = node.items.iter().map(|item| item.end);
            ends.next().is_some_and(|first| ends.all(|end| end == first))
        };
        let fits = move |node: &Node| one_end(node) && node.cancel_at.is_none();
        let Some(id) = self.a_subscription(fits) else {
            return false;
        };
        let with_date = self.rng.chance(75);
        self.change(&id, |node| {
            node.cancel_at_period_end = true;
            node.cancel_at = node.items.first().map(|item| item.end).filter(|_| with_date);
        })
    }

    pub(super) fn act_undo_cancel(&mut self) -> bool {
        let ending = |node: &Node| node.cancel_at.is_some() || node.cancel_at_period_end;
        let Some(id) = self.a_subscription(ending) else {
            return false;
        };
        self.change(&id, |node| {
            node.cancel_at = None;
            node.cancel_at_period_end = false;
        })
    }

    pub(super) fn act_pause_collection(&mut self) -> bool {
        let Some(id) = self.a_subscription(|node| node.status.is_live()) else {
            return false;
        };
        let all = [Behavior::KeepAsDraft, Behavior::MarkUncollectible, Behavior::Void];
        let behavior = self.rng.pick(&all);
        self.change(&id, |node| node.pause = behavior)
    }

    pub(super) fn act_resume_collection(&mut self) -> bool {
        let Some(id) = self.a_subscription(|node| node.pause.is_some()) else {
            return false;
        };
        self.change(&id, |node| node.pause = None)
    }
}

/// Renews the items whose period ends first, for 30 days.
pub(super) fn renew(node: &mut Node, invoice: &str) {
    let due = node.items.iter().map(|item| item.end).min();
    for item in node.items.iter_mut().filter(|item| Some(item.end) == due) {
        item.start = item.end;
        item.end += 30 * DAY;
    }
    node.latest_invoice = Some(invoice.to_owned());
}
