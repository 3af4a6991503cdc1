//! An hour without the store, the sockets, the secrets or the issuer, as a deployment on AWS lives through it: nothing
//! is parked that would have passed, the order stays, and everything is made up for soon after.
//!
//! The stages are the real ones; Stripe, the queue, the stream and the browsers are models on a clock that the test
//! moves.

mod parts;
mod queue;
mod world;

use std::collections::BTreeMap;

use tierlift_core::{
    id::EventId,
    limits::{JWKS_RETRY_SECS, RETRY_DELAY_MS_MAX, SQS_RECEIVES_MAX},
    ports::Group,
};
use tierlift_testkit::facts::user_id;

use self::world::{LOOK_SECS, Refused, START, World};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
/// The longest pause before another attempt, and a second.
const CATCH_UP_SECS: i64 = (RETRY_DELAY_MS_MAX / 1_000).cast_signed() + 1;

/// What is unavailable for an hour.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is unavailable or not, in any combination")]
struct Outage {
    store: bool,
    stream: bool,
    secrets: bool,
    issuer: bool,
}

impl Outage {
    fn set(self, world: &World, is_away: bool) {
        world.store.away.set(is_away && self.store);
        world.tabs.away.set(is_away && self.stream);
        world.secrets.set(is_away && self.secrets);
        world.issuer.set(is_away && self.issuer);
    }

    /// Ten minutes as always, an hour of the outage, and the time that it takes to catch up.
    async fn happens(self) -> World {
        let mut world = World::new();
        world.live(10 * MINUTE, true).await;
        assert_eq!(world.refused, Refused::default());
        self.set(&world, true);
        world.live(HOUR, true).await;
        self.bites(&world);
        self.set(&world, false);
        world.live(CATCH_UP_SECS, true).await;
        Self::is_over(&world);
        // What Stripe could not deliver comes within its own time.
        world.live(HOUR, false).await;
        self.is_made_up_for(&world);
        world
    }

    /// Without this the rest would prove nothing.
    fn bites(self, world: &World) {
        let events = usize::try_from(HOUR / 5).unwrap();
        let waiting = world.queue.waiting_since().len();
        assert_eq!(waiting >= events, self.store && !self.secrets, "{waiting} wait");
        let held = world.store.stream.lock().unwrap().len();
        assert_eq!(held >= events, self.stream && !self.secrets && !self.store, "{held} notices");
        assert_eq!(world.refused.webhooks > 0, self.secrets);
        assert_eq!(world.refused.sessions_of_new_functions > 0, self.issuer);
    }

    /// Everything is as if there had been no outage, but for what Stripe still has to send again.
    fn is_over(world: &World) {
        let recent = world.clock.now().plus_secs(-CATCH_UP_SECS);
        let waiting = world.queue.waiting_since();
        assert!(waiting.iter().all(|since| *since >= recent), "{waiting:?}");
        assert_eq!(world.store.stream.lock().unwrap().len(), 0);
        assert_eq!(world.refused.sessions, 0, "a page of a signed-in user was refused");
        let cold = world.refused.sessions_of_new_functions;
        let longest = (HOUR + JWKS_RETRY_SECS.cast_signed()) / LOOK_SECS;
        assert!(cold <= usize::try_from(longest).unwrap(), "{cold} sessions");
    }

    fn is_made_up_for(self, world: &World) {
        assert_eq!(world.queue.dead(), []);
        assert_eq!(world.refused.notices_given_up, 0);
        assert_eq!(world.events().1, 0, "events that Stripe has not delivered");
        assert_eq!(world.queue.waiting_since(), []);
        let receives = world.queue.receives_max();
        assert!(receives < SQS_RECEIVES_MAX / 5, "{receives} receives of one message");
        assert_eq!(in_groups(&world.queue.enqueued()), committed(world), "the order of each group");
        let model = world.store.model.lock().unwrap();
        let shown = world.tabs.shown.lock().unwrap();
        for (user, role, changes) in world.paid_for() {
            let (stored, revocation_id) = model.role(&user);
            assert_eq!(stored, role, "{user}");
            assert_eq!(shown[&user_id(&user)].role, role, "{user}'s tab");
            // Events that came late, and out of order, change a role less often.
            assert!(revocation_id == changes || self.secrets && revocation_id < changes);
        }
    }
}

fn in_groups(events: &[(Group, EventId)]) -> BTreeMap<Group, Vec<EventId>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (group, event) in events {
        groups.entry(group.clone()).or_default().push(event.clone());
    }
    groups
}

/// The events of each group in the order of their commits.
fn committed(world: &World) -> BTreeMap<Group, Vec<EventId>> {
    let of: BTreeMap<_, _> =
        world.queue.enqueued().into_iter().map(|(group, event)| (event, group)).collect();
    let committed = world.store.committed.lock().unwrap();
    let committed: Vec<_> =
        committed.iter().map(|event| (of[event].clone(), event.clone())).collect();
    in_groups(&committed)
}

#[tokio::test(start_paused = true)]
async fn without_an_outage_nothing_is_late() {
    let world = Outage::default().happens().await;
    assert_eq!(world.refused, Refused::default());
    assert_eq!(world.queue.receives_max(), 1);
    assert!(world.events().0 > 800 && world.clock.now() > START);
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_store_is_waited_for() {
    Outage { store: true, ..Outage::default() }.happens().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_sockets_is_waited_for() {
    Outage { stream: true, ..Outage::default() }.happens().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_secrets_is_made_up_for_by_stripe() {
    Outage { secrets: true, ..Outage::default() }.happens().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_the_issuer_is_noticed_by_nobody_who_is_there() {
    Outage { issuer: true, ..Outage::default() }.happens().await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_any_of_them_is_survived() {
    Outage { store: true, stream: true, secrets: true, issuer: true }.happens().await;
}
