//! A server that is killed in the middle of its work loses nothing that it acknowledged, and does
//! nothing twice.
//!
//! Each client owns a customer, whose events it sends in turn, and sends again what was not
//! acknowledged. What the last server leaves behind is held to a model: `decide` over a map, in the
//! order in which things happened. `TIERLIFT_SEED` chooses another run.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::json;
use tierlift_core::{
    ports::{DeadLetters as _, Depth, Store as _},
    subscription::Status,
};
use tierlift_testkit::{
    facts::user_id,
    harness::{client::Client, now},
    lifecycle::{self, Step},
    random::Random,
};
use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

use crate::{
    stories::{CONFIG, PATIENCE, Story, check, connect},
    tierlift::Home,
};

const KILLS: usize = 40;
/// Users with one customer each: what happens to them has one order.
const USERS: usize = 20;
/// Users with two customers, whose events race.
const PAIRS: usize = 4;
/// Acknowledgements after which a server is killed, at most.
const ACKS_MAX: usize = 200;
/// And so much later, in microseconds.
const KILL_DELAY_MAX_MICROS: usize = 4_000;

/// Sends a story until told to stop.
struct Sender {
    story: Story,
    /// Where the server is, while there is one.
    place: watch::Receiver<Option<SocketAddr>>,
    stop: watch::Receiver<bool>,
    acknowledged: Arc<watch::Sender<usize>>,
    client: Option<Client>,
    sent: Vec<lifecycle::Event>,
}

impl Sender {
    async fn run(mut self) -> (String, Vec<lifecycle::Event>) {
        while !*self.stop.borrow() {
            let event = self.story.next();
            while !self.try_send(&event).await {}
            self.acknowledged.send_modify(|count| *count += 1);
            self.sent.push(event);
            if self.story.random.below(10) == 0 {
                let again = self.story.random.pick(&self.sent).unwrap().clone();
                self.try_send(&again).await;
            }
        }
        (self.story.user, self.sent)
    }

    /// Whether it was acknowledged; if not, the server died.
    async fn try_send(&mut self, event: &lifecycle::Event) -> bool {
        let client = match &mut self.client {
            Some(client) => client,
            none => none.insert(connect(&mut self.place).await),
        };
        let Ok(answer) = client.webhook(&event.body).await else {
            self.client = None;
            return false;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_acknowledged_and_does_nothing_twice() {
    let seed = match std::env::var("TIERLIFT_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::try_from(now().as_micros()).unwrap(),
    };
    eprintln!("TIERLIFT_SEED={seed}");
    let home = Arc::new(Home::new(CONFIG));
    let (at, place) = watch::channel(None);
    let (stop, stopping) = watch::channel(false);
    let acknowledged = Arc::new(watch::channel(0).0);
    let mut senders = JoinSet::new();
    for story in stories(seed) {
        let (place, stop) = (place.clone(), stopping.clone());
        let (acknowledged, client, sent) = (acknowledged.clone(), None, Vec::new());
        senders.spawn(Sender { story, place, stop, acknowledged, client, sent }.run());
    }
    let mut random = Random::named(seed, "kills");
    for number in 1..=KILLS + 1 {
        let house = home.clone();
        let server = spawn_blocking(move || house.serve()).await.unwrap();
        at.send_replace(Some(server.address()));
        let enough = *acknowledged.borrow() + 1 + random.below(ACKS_MAX);
        let mut count = acknowledged.subscribe();
        timeout(PATIENCE, count.wait_for(|count| *count >= enough)).await.unwrap().unwrap();
        if number > KILLS {
            stop.send_replace(true);
            let sent = senders.join_all().await;
            server.finish().await;
            let db = home.db();
            assert_eq!(db.depth().await.unwrap(), Depth::default(), "nothing waits or is parked");
            check(&db, &sent).await;
            let events: usize = sent.iter().map(|(_, events)| events.len()).sum();
            eprintln!("{events} events, {KILLS} kills");
            return;
        }
        // Not in step with anything: this is what makes the instant a random one.
        sleep(Duration::from_micros(random.below(KILL_DELAY_MAX_MICROS) as u64)).await;
        at.send_replace(None);
        spawn_blocking(move || server.kill()).await.unwrap();
    }
}

fn stories(seed: u64) -> Vec<Story> {
    let alone = (0..USERS).map(|n| (format!("user_{n}"), format!("cus_{n}")));
    let pairs = (0..2 * PAIRS).map(|n| (format!("pair_{}", n / 2), format!("cus_pair_{n}")));
    alone.chain(pairs).map(|(user, customer)| Story::new(seed, &user, &customer)).collect()
}

#[tokio::test]
async fn a_client_that_comes_back_after_a_kill_is_shown_where_it_is() {
    let home = Home::new(CONFIG);
    let mut story = Random::new(1);
    let at_secs = now().as_secs();
    let (mut sub, events) = lifecycle::purchase(&mut story, "cus_1", "ada", "price_pro", at_secs);
    let server = home.serve();
    let (mut socket, snapshot) = server.socket("ada").await;
    assert_eq!((&snapshot["role"], &snapshot["revocationId"]), (&json!("free"), &json!(0)));
    for event in &events {
        assert_eq!(server.client().await.webhook(&event.body).await.unwrap().status, 200);
    }
    assert_eq!(socket.hear_of_role().await["revocationId"], 1);
    server.kill();
    assert!(socket.closed().await.is_none(), "a killed server says no good-bye");

    // The role changes while nobody listens.
    let server = home.serve();
    let unpaid = sub.step(&mut story, Step::Status(Status::Unpaid), at_secs + 1);
    assert_eq!(server.client().await.webhook(&unpaid.body).await.unwrap().status, 200);
    server.finish().await;

    // And once more between the acknowledgement and whatever comes after it.
    let server = home.serve();
    let paid = sub.step(&mut story, Step::Status(Status::Active), at_secs + 2);
    assert_eq!(server.client().await.webhook(&paid.body).await.unwrap().status, 200);
    server.kill();
    let server = home.serve();
    let (mut socket, mut snapshot) = server.socket("ada").await;
    if snapshot["revocationId"] == 2 {
        snapshot = socket.hear_of_role().await;
    }
    assert_eq!((&snapshot["role"], &snapshot["revocationId"]), (&json!("paid"), &json!(3)));
    drop(socket);
    server.finish().await;
    assert_eq!(home.db().account(&user_id("ada")).await.unwrap().unwrap().revocation_id.0, 3);
}
