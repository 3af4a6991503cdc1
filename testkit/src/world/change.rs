//! How subscriptions begin, change and end. A change that would make a second ambiguous gets a
//! second of its own.

use serde_json::Value;

use super::account::World;
use super::objects::{Dated, Item, Metadata, Node, Status, Subject, Subscription};
use super::render;

/// A subscription to create.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    pub status: Status,
    /// Prices, quantities and the lengths of the first periods, in seconds.
    pub items: Vec<(String, Option<u32>, i64)>,
    pub metadata: Metadata,
    /// Length of its trial, in seconds.
    pub trial: Option<i64>,
}

impl World {
    /// Creates a subscription.
    pub fn add_subscription(&mut self, customer: &str, new: NewSubscription) -> String {
        let id = self.new_id("sub");
        let start = self.now;
        let items = new.items.into_iter().map(|(price, quantity, length)| {
            let length = new.trial.unwrap_or(length);
            self.item(&price, quantity, start, start + length)
        });
        let node = Node {
            status: new.status,
            items: items.collect(),
            shown: 10,
            cancel_at: None,
            cancel_at_period_end: false,
            pause: None,
            trial_end: new.trial.map(|length| start + length),
            metadata: new.metadata,
            latest_invoice: None,
        };
        let history = vec![Dated { at: start, value: node }];
        let customer = customer.to_owned();
        let subscription = Subscription { id: id.clone(), customer, created: start, history };
        self.subscriptions.insert(id.clone(), subscription);
        self.tell_subscription("customer.subscription.created", &id, None);
        id
    }

    /// A new item, with the lookup key that its price has now.
    pub fn item(&mut self, price: &str, quantity: Option<u32>, start: i64, end: i64) -> Item {
        let id = self.new_id("si");
        let lookup_key = self.prices.get(price).and_then(|price| price.lookup_key.clone());
        Item { id, price: price.to_owned(), lookup_key, quantity, start, end }
    }

    /// Changes a subscription and emits an event. Returns whether anything changed. A subscription
    /// that has ended does not change.
    pub fn change(&mut self, id: &str, edit: impl FnOnce(&mut Node)) -> bool {
        let Some(subscription) = self.subscriptions.get(id) else {
            return false;
        };
        let mut old = subscription.node().clone();
        if old.status.is_terminal() {
            return false;
        }
        self.refresh_lookup_keys(&mut old);
        let mut new = old.clone();
        edit(&mut new);
        self.refresh_lookup_keys(&mut new);
        if new == old {
            return false;
        }
        if !self.fits_second(id, &old, &new) {
            self.advance(1);
        }
        let before = self.rendered(id, &old);
        let at = self.now;
        let ends = new.status == Status::Canceled;
        if let Some(subscription) = self.subscriptions.get_mut(id) {
            subscription.history.push(Dated { at, value: new.clone() });
        }
        if ends {
            self.tell_subscription("customer.subscription.deleted", id, None);
        } else {
            let previous = render::difference(&before, &self.rendered(id, &new));
            self.tell_subscription("customer.subscription.updated", id, Some(previous));
        }
        true
    }

    /// Ends a subscription at once.
    pub fn cancel(&mut self, id: &str) -> bool {
        self.change(id, |node| node.status = Status::Canceled)
    }

    fn rendered(&self, id: &str, node: &Node) -> Value {
        self.subscriptions
            .get(id)
            .map(|subscription| render::subscription(self, subscription, node))
            .unwrap_or_default()
    }

    fn tell_subscription(&mut self, kind: &str, id: &str, previous: Option<Value>) {
        let Some(subscription) = self.subscriptions.get(id) else {
            return;
        };
        let object = render::subscription(self, subscription, subscription.node());
        let account = self.account_of(Some(&subscription.customer));
        self.emit(kind, Subject::Subscription(id.to_owned()), account, object, previous);
    }

    fn refresh_lookup_keys(&self, node: &mut Node) {
        for item in &mut node.items {
            item.lookup_key = self.prices.get(&item.price).and_then(|p| p.lookup_key.clone());
        }
    }

    /// Whether a subscription may become `new` within the current second: no field returns to a
    /// value that it had in this second, and no name is replaced by a smaller one.
    fn fits_second(&self, id: &str, old: &Node, new: &Node) -> bool {
        let Some(subscription) = self.subscriptions.get(id) else {
            return false;
        };
        let history = &subscription.history;
        let first = history.iter().position(|state| state.at == self.now);
        let Some(first) = first else { return true };
        // The state before the second counts as one of its states.
        let had = history[first.saturating_sub(1)..].iter().map(|state| &state.value);
        let had = had.collect::<Vec<_>>();
        let said = history[first..].iter().map(|state| &state.value.metadata).collect::<Vec<_>>();
        no_return(&had, old, new, |node| node.status)
            && no_return(&had, old, new, |node| node.cancel_at)
            && no_return(&had, old, new, |node| node.cancel_at_period_end)
            && no_return(&had, old, new, |node| node.pause)
            && no_return(&had, old, new, |node| node.trial_end)
            && no_return(&had, old, new, |node| node.items.len())
            && items_fit(&had, old, new)
            && self.may_rename(&said, &old.metadata, &new.metadata)
            && !self.hides_proof(id, &had, old, new)
    }
}

impl World {
    /// Whether an `active` that could prove a first payment would begin and end within the current
    /// second.
    fn hides_proof(&self, id: &str, had: &[&Node], old: &Node, new: &Node) -> bool {
        let leaves = old.status == Status::Active && new.status != Status::Active;
        leaves && had[0].status != Status::Active && self.first_payment_open(id)
    }
}

fn no_return<T: PartialEq>(
    had: &[&Node],
    old: &Node,
    new: &Node,
    field: impl Fn(&Node) -> T,
) -> bool {
    field(old) == field(new) || had.iter().all(|node| field(node) != field(new))
}

fn items_fit(had: &[&Node], old: &Node, new: &Node) -> bool {
    let ids = old.items.iter().chain(&new.items).map(|item| item.id.clone());
    ids.collect::<Vec<_>>().iter().all(|id| {
        let item = |node: &Node| node.items.iter().find(|item| item.id == *id).cloned();
        no_return(had, old, new, |node| item(node).map(|item| item.price))
            && no_return(had, old, new, |node| item(node).map(|item| item.quantity))
            && no_return(had, old, new, |node| item(node).map(|item| item.end))
    })
}
