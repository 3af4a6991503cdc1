//! What happens to a demo user's subscriptions: each action as the events that Stripe would send.
//!
//! A user's actions come one after another, each an edge from where the last one ended. What was
//! sent is remembered here, for the store lags behind the queue by a moment; what is not remembered
//! (after a restart, or of another sender) is read from the store.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tierlift_core::{
    customer::Customer,
    fold::State,
    id::{CustomerId, SubscriptionId, UserId},
    ports::{Store, StoreError},
    subscription::Status,
};
use tierlift_embedded::Db;
use tierlift_session::Access;
use tokio::sync::Semaphore;

use crate::simulate::{now_millis, send::Target};
use tierlift_testkit::{
    lifecycle::{self, Event, PERIOD_SECS, Step, Subscription},
    random::{self, Random},
    storm,
};

/// Events of a storm, and repeats among them: enough to see, quick to be over.
const STORM_EVENTS: usize = 120;
const STORM_REPEATS: usize = 30;
/// Users whose subscriptions are remembered; beyond that all are read from the store again.
const PLAYERS_MAX: usize = 10_000;

/// Slow upgrades that wait at a time.
pub(super) const SLOW_MAX: usize = 100;

/// What can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Upgrade,
    Downgrade,
    PastDue,
    Storm,
}

/// Why an action did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// There is nothing to downgrade or to fail.
    #[error("{0} has no live subscription; upgrade first")]
    NoSubscription(UserId),
    /// The customer cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A webhook was not taken.
    #[error("the webhook endpoint did not take an event: {0:#}")]
    Refused(anyhow::Error),
}

/// Live subscriptions of one user, as last sent.
type Live = Vec<Subscription>;
/// One user's place: `None` until the store was asked.
type Player = Arc<tokio::sync::Mutex<Option<Live>>>;

/// Where everything is played.
pub(super) struct Stage {
    pub(super) access: Arc<Access<Db>>,
    /// A place for each slow upgrade that waits.
    pub(super) waiting: Arc<Semaphore>,
    target: Target,
    price: String,
    players: Mutex<HashMap<UserId, Player>>,
    /// How many actions were played: with the clock, the seed of each.
    played: AtomicU64,
}

impl Stage {
    pub(super) fn new(access: Arc<Access<Db>>, target: Target, price: String) -> Arc<Self> {
        let (players, played) = (Mutex::default(), AtomicU64::default());
        let waiting = Arc::new(Semaphore::new(SLOW_MAX));
        Arc::new(Self { access, waiting, target, price, players, played })
    }

    /// Plays an action; says how many webhooks were acknowledged.
    pub(super) async fn play(&self, user: &UserId, action: Action) -> Result<usize, Error> {
        let player = self.player(user);
        let mut place = player.lock().await;
        let stored = self.stored(user).await?;
        let mut live = stored.merge(place.take());
        let now = now_millis();
        let count = self.played.fetch_add(1, Ordering::Relaxed);
        let seed = u64::try_from(now).unwrap_or(0).wrapping_mul(1_000_003).wrapping_add(count);
        let at_secs = now.div_euclid(1_000);
        let scene = Scene { user, price: &self.price, at_secs, seed };
        let events = scene.events(action, &mut live);
        live.retain(Subscription::is_live);
        // Remembered before it is known to be sent: an edge from a state that nobody heard of is
        // mended by the next, one that is sent twice from the same state is not.
        *place = Some(live);
        if events.is_empty() {
            return Err(Error::NoSubscription(user.clone()));
        }
        self.send(events).await
    }

    /// How many webhooks an upgrade would be now.
    pub(super) async fn upgrade_size(&self, user: &UserId) -> Result<usize, Error> {
        let player = self.player(user);
        let mut place = player.lock().await;
        let live = self.stored(user).await?.merge(place.take());
        let size = if live.is_empty() { 3 } else { 1 };
        *place = Some(live);
        Ok(size)
    }

    async fn send(&self, events: Vec<Event>) -> Result<usize, Error> {
        let target = self.target.clone();
        let sent = tokio::task::spawn_blocking(move || target.deliver(&events)).await;
        match sent {
            Ok(Ok(summary)) => Ok(summary.sent),
            Ok(Err(error)) => Err(Error::Refused(error)),
            Err(error) => Err(Error::Refused(error.into())),
        }
    }

    fn player(&self, user: &UserId) -> Player {
        let mut players = lock(&self.players);
        if players.len() >= PLAYERS_MAX && !players.contains_key(user) {
            players.clear();
        }
        Arc::clone(players.entry(user.clone()).or_default())
    }

    /// What the store knows of the user's customers.
    async fn stored(&self, user: &UserId) -> Result<Stored, StoreError> {
        let store = &self.access.store;
        let mut customers: BTreeSet<CustomerId> =
            CustomerId::new(&customer_of(user)).into_iter().collect();
        if let Some(account) = store.account(user).await? {
            customers.extend(account.grants.into_keys());
        }
        let mut stored = Stored::default();
        for id in customers {
            if let Some(customer) = store.customer(&id).await? {
                stored.add(user, &customer);
            }
        }
        Ok(stored)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn customer_of(user: &UserId) -> String {
    random::customer_of("cus_demo_", user.as_str())
}

/// A user's subscriptions in the store.
#[derive(Default)]
struct Stored {
    live: Live,
    ended: Vec<String>,
}

impl Stored {
    fn add(&mut self, user: &UserId, customer: &Customer) {
        for (id, known, state) in customer.states() {
            if known.record.is_ended() {
                self.ended.push(id.to_string());
            } else {
                let latest_secs = known.record.latest_secs().unwrap_or_default();
                self.live.push(subscription(user, customer, id, &state, latest_secs));
            }
        }
    }

    /// What is remembered is ahead of the store, but for what has ended elsewhere; the store adds
    /// what somebody else began.
    fn merge(self, remembered: Option<Live>) -> Live {
        let mut live = remembered.unwrap_or_default();
        live.retain(|sub| !self.ended.contains(&sub.id));
        for sub in self.live {
            if !live.iter().any(|known| known.id == sub.id) {
                live.push(sub);
            }
        }
        live
    }
}

/// A stored subscription as the generator knows one.
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
        collection_paused: node.collection_paused,
        quantity: item.and_then(|item| item.quantity).unwrap_or(1),
        note: 0,
    }
}

/// One action of one user at one moment. Pure.
struct Scene<'a> {
    user: &'a UserId,
    price: &'a str,
    at_secs: i64,
    seed: u64,
}

impl Scene<'_> {
    fn events(&self, action: Action, live: &mut Live) -> Vec<Event> {
        let mut random = Random::named(self.seed, self.user.as_str());
        match action {
            Action::Upgrade => self.upgrade(&mut random, live),
            Action::Downgrade => self.end_all(&mut random, live),
            Action::PastDue => self.past_due(&mut random, live),
            Action::Storm => self.storm(&mut random, live),
        }
    }

    /// The first live subscription is paid (again); where there is none, one is bought.
    fn upgrade(&self, random: &mut Random, live: &mut Live) -> Vec<Event> {
        let Some(sub) = live.iter_mut().max_by_key(|sub| sub.status == Status::Active) else {
            let (customer, user) = (customer_of(self.user), self.user.as_str());
            let (sub, events) =
                lifecycle::purchase(random, &customer, user, self.price, self.at_secs);
            live.push(sub);
            return events;
        };
        let active = sub.status == Status::Active;
        let step = if active { Step::Renew } else { Step::Status(Status::Active) };
        vec![sub.step(random, step, self.at_secs)]
    }

    fn end_all(&self, random: &mut Random, live: &mut Live) -> Vec<Event> {
        live.iter_mut().map(|sub| sub.end(random, self.at_secs)).collect()
    }

    /// Each live subscription fails its payment; one that has failed already is edited only.
    fn past_due(&self, random: &mut Random, live: &mut Live) -> Vec<Event> {
        live.iter_mut()
            .map(|sub| {
                let failed = sub.status == Status::PastDue;
                let step =
                    if failed { Step::Note(sub.note + 1) } else { Step::Status(Status::PastDue) };
                sub.step(random, step, self.at_secs)
            })
            .collect()
    }

    /// What lived before ends, and the storm leaves one subscription.
    fn storm(&self, random: &mut Random, live: &mut Live) -> Vec<Event> {
        let mut events = self.end_all(random, live);
        let plan = storm::Plan {
            user: self.user.to_string(),
            customer: customer_of(self.user),
            price: self.price.to_owned(),
            count: STORM_EVENTS,
            duplicates: STORM_REPEATS,
            shuffle: true,
            seed: self.seed,
            at_secs: self.at_secs,
        };
        let storm = plan.storm();
        events.extend(storm.deliveries);
        live.extend(storm.users);
        events
    }
}

#[cfg(test)]
#[path = "play_tests.rs"]
mod tests;
