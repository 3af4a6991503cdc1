//! The subscriptions of a user in the store, as the generator of events knows subscriptions.

use tierlift_core::{
    customer::Customer,
    fold::State,
    id::{SubscriptionId, UserId},
};
use tierlift_testkit::lifecycle::{PERIOD_SECS, Subscription};

/// A user's subscriptions in the store.
#[derive(Default)]
pub(super) struct StoredSubscriptions {
    pub(super) live: Vec<Subscription>,
    pub(super) ended: Vec<String>,
}

impl StoredSubscriptions {
    pub(super) fn add(&mut self, user: &UserId, customer: &Customer) {
        for (id, known, state) in customer.states() {
            if known.record.is_ended() {
                self.ended.push(id.to_string());
            } else {
                let latest_secs = known.record.latest_secs().unwrap_or_default();
                self.live.push(subscription(user, customer, id, &state, latest_secs));
            }
        }
    }

    /// Merges what the demo has sent into what the store holds. What was sent is ahead of the store,
    /// except for subscriptions that ended; the store adds those that other senders began.
    pub(super) fn merge(self, sent: Option<Vec<Subscription>>) -> Vec<Subscription> {
        let mut live = sent.unwrap_or_default();
        live.retain(|sub| !self.ended.contains(&sub.id));
        for sub in self.live {
            if !live.iter().any(|known| known.id == sub.id) {
                live.push(sub);
            }
        }
        live
    }
}

fn subscription(
    user: &UserId,
    customer: &Customer,
    id: &SubscriptionId,
    state: &State,
    latest_secs: i64,
) -> Subscription {
    let node = &state.node;
    let item = node.items.first();
    let ends_at_secs = item.and_then(|item| item.ends_at_secs);
    Subscription {
        id: id.to_string(),
        customer: customer.id.to_string(),
        user: node.user.as_ref().unwrap_or(user).to_string(),
        price: item.and_then(|item| item.price.as_deref()).unwrap_or_default().to_owned(),
        status: node.status.clone(),
        started_secs: state.since_secs,
        changed_secs: latest_secs,
        period_end_secs: ends_at_secs.unwrap_or(latest_secs + PERIOD_SECS),
        period: 0,
        cancel_at_period_end: node.cancel_at_period_end,
        collection_paused: node.pause_collection.is_some(),
        quantity: item.and_then(|item| item.quantity).unwrap_or(1),
        note: 0,
    }
}

#[cfg(test)]
mod tests {
    use tierlift_core::subscription::Status;
    use tierlift_testkit::{lifecycle, random::Random};

    use super::*;

    #[test]
    fn what_was_sent_is_ahead_of_the_store_except_for_ends() {
        let mut random = Random::new(1);
        let mut begin = || lifecycle::purchase(&mut random, "cus_1", "ada", "price_pro", 1).0;
        let (sent, ended, other) = (begin(), begin(), begin());
        let mut behind = sent.clone();
        behind.status = Status::Incomplete;
        let stored = StoredSubscriptions {
            live: vec![behind, other.clone()],
            ended: vec![ended.id.clone()],
        };
        assert_eq!(stored.merge(Some(vec![sent.clone(), ended])), [sent, other]);
    }
}
