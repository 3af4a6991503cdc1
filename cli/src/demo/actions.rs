//! The demo's actions: each as the events that Stripe would send for it.
//!
//! The actions of one user run one after another, each an edge from where the last one ended. The
//! store lags behind the queue by a moment, so what was sent is remembered here; what is not (after a
//! restart, or from another sender) is read from the store.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tierlift_core::{
    id::{CustomerId, UserId},
    ports::{Store, StoreError},
    subscription::Status,
};
use tierlift_embedded::Db;
use tierlift_session::Access;
use tierlift_testkit::{
    lifecycle::{self, Event, Step, Subscription},
    random::{self, Random},
    storm,
};
use tokio::sync::Semaphore;

use super::stored::StoredSubscriptions;
use crate::{
    limits::{DEMO_DELAYED_MAX, DEMO_STORM_DUPLICATES, DEMO_STORM_EVENTS, DEMO_USERS_MAX},
    webhooks::{SendError, WebhookSender},
};

/// What can happen to a user's subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Upgrade,
    Downgrade,
    PastDue,
    Storm,
}

/// The reason why an action did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is no subscription to act on.
    #[error("{0} has no live subscription; upgrade first")]
    NoSubscription(UserId),
    /// The customer cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A webhook was not accepted.
    #[error("the webhook endpoint did not accept an event: {0}")]
    Send(#[from] SendError),
    /// The sending task failed.
    #[error("the sending task failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// The live subscriptions of one user as last sent; `None` until the store is read.
type SentSubscriptions = Arc<tokio::sync::Mutex<Option<Vec<Subscription>>>>;

/// Simulates Stripe for the demo's users.
pub(super) struct DemoSimulator {
    pub(super) access: Arc<Access<Db>>,
    /// One permit for each delayed upgrade that waits.
    pub(super) delayed: Arc<Semaphore>,
    sender: WebhookSender,
    price: String,
    users: Mutex<HashMap<UserId, SentSubscriptions>>,
    /// Number of actions so far: with the time, the seed of the next.
    actions: AtomicU64,
}

impl DemoSimulator {
    pub(super) fn new(access: Arc<Access<Db>>, sender: WebhookSender, price: String) -> Arc<Self> {
        let (users, actions) = (Mutex::default(), AtomicU64::default());
        let delayed = Arc::new(Semaphore::new(DEMO_DELAYED_MAX));
        Arc::new(Self { access, delayed, sender, price, users, actions })
    }

    /// Runs an action; returns the number of webhooks that were acknowledged.
    pub(super) async fn run(&self, user: &UserId, action: Action) -> Result<usize, Error> {
        let entry = self.entry(user);
        let mut sent = entry.lock().await;
        let stored = self.stored(user).await?;
        let mut live = stored.merge(sent.take());
        let (at_secs, seed) = self.next_seed();
        let context = ActionContext { user, price: &self.price, at_secs, seed };
        let events = context.events(action, &mut live);
        live.retain(Subscription::is_live);
        // Remembered before the events are known to be accepted: an edge that starts at a state nobody
        // has received is repaired by the next event, but two edges from the same state are not.
        *sent = Some(live);
        if events.is_empty() {
            return Err(Error::NoSubscription(user.clone()));
        }
        self.send(events).await
    }

    /// The number of webhooks that an upgrade would take now.
    pub(super) async fn upgrade_size(&self, user: &UserId) -> Result<usize, Error> {
        let entry = self.entry(user);
        let mut sent = entry.lock().await;
        let live = self.stored(user).await?.merge(sent.take());
        let size = if live.is_empty() { 3 } else { 1 };
        *sent = Some(live);
        Ok(size)
    }

    async fn send(&self, events: Vec<Event>) -> Result<usize, Error> {
        let sender = self.sender.clone();
        let summary = tokio::task::spawn_blocking(move || sender.deliver(&events)).await??;
        Ok(summary.sent)
    }

    fn next_seed(&self) -> (i64, u64) {
        let now = self.access.clock.now();
        let count = self.actions.fetch_add(1, Ordering::Relaxed);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        (now.as_secs(), millis.wrapping_mul(1_000_003).wrapping_add(count))
    }

    fn entry(&self, user: &UserId) -> SentSubscriptions {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.len() >= DEMO_USERS_MAX && !users.contains_key(user) {
            users.clear();
        }
        Arc::clone(users.entry(user.clone()).or_default())
    }

    /// The subscriptions of the user's customers in the store.
    async fn stored(&self, user: &UserId) -> Result<StoredSubscriptions, StoreError> {
        let store = &self.access.store;
        let mut customers: BTreeSet<CustomerId> =
            CustomerId::new(&customer_of(user)).into_iter().collect();
        if let Some(account) = store.account(user).await? {
            customers.extend(account.grants.into_keys());
        }
        let mut stored = StoredSubscriptions::default();
        for id in customers {
            if let Some(customer) = store.customer(&id).await? {
                stored.add(user, &customer);
            }
        }
        Ok(stored)
    }
}

fn customer_of(user: &UserId) -> String {
    random::customer_of("cus_demo_", user.as_str())
}

/// One action of one user at one moment. Pure.
struct ActionContext<'a> {
    user: &'a UserId,
    price: &'a str,
    at_secs: i64,
    seed: u64,
}

impl ActionContext<'_> {
    fn events(&self, action: Action, live: &mut Vec<Subscription>) -> Vec<Event> {
        let mut random = Random::named(self.seed, self.user.as_str());
        match action {
            Action::Upgrade => self.upgrade(&mut random, live),
            Action::Downgrade => self.end_all(&mut random, live),
            Action::PastDue => self.past_due(&mut random, live),
            Action::Storm => self.storm(&mut random, live),
        }
    }

    /// Pays the first live subscription, or buys one.
    fn upgrade(&self, random: &mut Random, live: &mut Vec<Subscription>) -> Vec<Event> {
        let Some(sub) = live.iter_mut().max_by_key(|sub| sub.status == Status::Active) else {
            let (customer, user) = (customer_of(self.user), self.user.as_str());
            let (sub, events) =
                lifecycle::purchase(random, &customer, user, self.price, self.at_secs);
            live.push(sub);
            return events;
        };
        let is_active = sub.status == Status::Active;
        let step = if is_active { Step::Renew } else { Step::Status(Status::Active) };
        vec![sub.step(random, step, self.at_secs)]
    }

    fn end_all(&self, random: &mut Random, live: &mut [Subscription]) -> Vec<Event> {
        live.iter_mut().map(|sub| sub.end(random, self.at_secs)).collect()
    }

    /// Fails the payment of each live subscription; one that is past due already is only edited.
    fn past_due(&self, random: &mut Random, live: &mut [Subscription]) -> Vec<Event> {
        let mut fail = |sub: &mut Subscription| {
            let is_past_due = sub.status == Status::PastDue;
            let edit = Step::Note(sub.note + 1);
            let step = if is_past_due { edit } else { Step::Status(Status::PastDue) };
            sub.step(random, step, self.at_secs)
        };
        live.iter_mut().map(&mut fail).collect()
    }

    /// Ends all live subscriptions; the storm leaves one.
    fn storm(&self, random: &mut Random, live: &mut Vec<Subscription>) -> Vec<Event> {
        let mut events = self.end_all(random, live);
        let storm = storm::Plan {
            user: self.user.to_string(),
            customer: customer_of(self.user),
            price: self.price.to_owned(),
            count: DEMO_STORM_EVENTS,
            duplicates: DEMO_STORM_DUPLICATES,
            shuffle: true,
            seed: self.seed,
            at_secs: self.at_secs,
        }
        .storm();
        events.extend(storm.deliveries);
        live.extend(storm.users);
        events
    }
}

#[cfg(test)]
#[path = "actions_tests.rs"]
mod tests;
