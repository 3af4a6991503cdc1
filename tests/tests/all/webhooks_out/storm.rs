//! Many changes, by webhook and by following them, while server, receiver and follower are killed at will.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use futures_util::future::join_all;
use tierlift_core::ports::{ChangeLog as _, Store as _};
use tierlift_testkit::{
    facts::user_id,
    harness::{eventually, eventually_within},
    random::Random,
};

use super::{Deployment, Running, follower::Follower, host::Host, received::Received};

const USERS: usize = 25;
/// Changes between two decisions of what is killed.
const ROUND_CHANGES: usize = 2_000;

/// How many changes there are: more with `TIERLIFT_CHANGES`.
fn changes() -> usize {
    let number = std::env::var("TIERLIFT_CHANGES").ok();
    number.map_or(10_000, |number| number.parse().unwrap())
}

/// The host that takes webhooks, and what it has worked on.
struct Receiver {
    host: Host,
    received: Received,
    sequences: Vec<u64>,
    tries: usize,
}

impl Receiver {
    /// Some are refused, and some are worked on and fail after that.
    fn start(random: Random) -> Self {
        let random = Mutex::new(random);
        let host = Host::start(move |_| match random.lock().unwrap().below(40) {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            1 => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::OK,
        });
        Self { host, received: Received::default(), sequences: Vec::new(), tries: 0 }
    }

    /// How many changes it has worked on.
    fn count(&mut self) -> usize {
        for arrival in self.host.take_arrived() {
            self.tries += 1;
            let revocation_id = arrival.number("/data/revocationId");
            if arrival.is_worked_on()
                && self.received.take(arrival.id.clone(), arrival.user(), revocation_id)
            {
                self.sequences.push(arrival.number("/sequence"));
            }
        }
        self.received.count()
    }

    /// No number is left out, over all users.
    fn check_sequences(mut self) {
        self.sequences.sort_unstable();
        assert!(self.sequences.iter().copied().eq(1..=self.received.count() as u64), "a gap");
    }
}

/// One server after another; returns the last one, which is running.
async fn storm(
    deployment: &Deployment,
    (receiver, follower): (&mut Receiver, &Follower),
    users: &[String],
    random: &mut Random,
) -> Running {
    let (rounds, each) = (changes() / ROUND_CHANGES, ROUND_CHANGES / USERS);
    for _ in 0..rounds {
        let running = deployment.start(Some(receiver.host.address)).await;
        follower.follow(running.address);
        let turn = random.below(4);
        if !receiver.host.is_up() {
            receiver.host.restart();
        } else if turn == 0 {
            receiver.host.kill();
        }
        let now = deployment.clock.now();
        join_all(users.iter().map(|user| running.toggle(user, each, now))).await;
        let wanted = receiver.count() + random.below(ROUND_CHANGES);
        if receiver.host.is_up() {
            eventually_within(Duration::from_mins(2), "some arrive", async || {
                deployment.clock.advance_secs(1);
                receiver.count() >= wanted || running.has_sent_all().await
            })
            .await;
        }
        if turn < 3 { running.kill().await } else { running.stop().await }
    }
    if !receiver.host.is_up() {
        receiver.host.restart();
    }
    let running = deployment.start(Some(receiver.host.address)).await;
    follower.follow(running.address);
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_arrives_once_and_in_order_whatever_is_killed() {
    let seed = 0x7121;
    println!("seed {seed}");
    let begun = Instant::now();
    let mut random = Random::new(seed);
    let mut receiver = Receiver::start(Random::new(seed + 1));
    let follower = Follower::start(Random::new(seed + 2));
    let deployment = Deployment::new();
    let first = deployment.start(Some(receiver.host.address)).await;
    eventually("it has begun", async || first.has_sent_all().await).await;
    first.stop().await;
    let users: Vec<String> = (0..USERS).map(|n| format!("user_{n}")).collect();
    let running = storm(&deployment, (&mut receiver, &follower), &users, &mut random).await;
    let latest = running.db.latest_change().await.unwrap();
    eventually_within(Duration::from_hours(1), "both are at the end", async || {
        deployment.clock.advance_secs(1);
        receiver.count();
        follower.is_at(latest) && running.has_sent_all().await
    })
    .await;
    receiver.count();
    let mut expected = BTreeMap::new();
    for user in &users {
        let account = running.db.account(&user_id(user)).await.unwrap().unwrap();
        expected.insert(account.user, account.revocation_id.0);
    }
    running.stop().await;
    assert_eq!(expected.values().sum::<u64>(), changes() as u64);
    receiver.received.check(&expected).unwrap();
    let (by_cursor, lives) = follower.end();
    by_cursor.check(&expected).unwrap();
    println!(
        "{} changes in {:.0?}: {} tries of webhooks; the follower was killed {lives} times and received {} twice",
        changes(),
        begun.elapsed(),
        receiver.tries,
        by_cursor.repeats,
    );
    receiver.check_sequences();
}
