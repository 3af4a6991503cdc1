//! Backups that are made while webhooks flow, and what becomes of a deployment that is restored from one.
//!
//! A backup is one moment of the server: everything that was acknowledged before it began, each event applied once or
//! not at all, and the states that follow from exactly those that were. With what Stripe sends again, it ends where
//! the lost server was. `TIERLIFT_SEED` chooses another run.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use tierlift_core::ports::{DeadLetters as _, Depth};
use tierlift_embedded::{Db, system_clock};
use tierlift_testkit::{
    harness::{client::Client, now},
    lifecycle::Event,
};
use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    chaos::number,
    stories::{CONFIG, PATIENCE, Story, check},
    tierlift::Home,
};

/// Webhooks a second, as far as the machine has time for them.
const RATE: u32 = 1_000;
/// Connections that they come over.
const CONNECTIONS: u32 = 32;
/// Customers of each connection.
const CUSTOMERS: u32 = 8;
const BACKUPS: usize = 3;
/// Webhooks that are acknowledged before each backup.
const BETWEEN: usize = 700;

/// What was acknowledged, in that order.
type Acknowledged = Arc<Mutex<Vec<Event>>>;

/// Sends the stories of its customers in turn until told to stop.
struct Sender {
    stories: Vec<Story>,
    address: SocketAddr,
    acknowledged: Acknowledged,
    count: Arc<watch::Sender<usize>>,
    stop: watch::Receiver<bool>,
}

impl Sender {
    async fn run(mut self) {
        let mut ticks = interval(Duration::from_secs(1) * CONNECTIONS / RATE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut client = Client::connect(self.address).await.unwrap();
        for turn in 0.. {
            if *self.stop.borrow() {
                return;
            }
            ticks.tick().await;
            let place = turn % self.stories.len();
            let event = self.stories[place].next();
            let answer = client.webhook(&event.body).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            self.acknowledged.lock().unwrap().push(event);
            self.count.send_modify(|count| *count += 1);
        }
    }
}

/// Webhooks that flow.
struct Load {
    senders: JoinSet<()>,
    acknowledged: Acknowledged,
    count: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
}

impl Load {
    fn start(seed: u64, address: SocketAddr) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (counted, count) = watch::channel(0);
        let (counted, acknowledged) = (Arc::new(counted), Acknowledged::default());
        let mut senders = JoinSet::new();
        for connection in 0..CONNECTIONS {
            let names = (0..CUSTOMERS).map(|number| number * CONNECTIONS + connection);
            let story = |name| Story::new(seed, &format!("user_{name}"), &format!("cus_{name}"));
            let sender = Sender {
                stories: names.map(story).collect(),
                address,
                acknowledged: acknowledged.clone(),
                count: counted.clone(),
                stop: stopping.clone(),
            };
            senders.spawn(sender.run());
        }
        Self { senders, acknowledged, count, stop }
    }

    /// Waits until that many more are acknowledged.
    async fn flows(&mut self, more: usize) {
        let enough = *self.count.borrow() + more;
        let counted = self.count.wait_for(|count| *count >= enough);
        timeout(4 * PATIENCE, counted).await.expect("webhooks do not flow").unwrap();
    }

    fn acknowledged(&self) -> Vec<Event> {
        self.acknowledged.lock().unwrap().clone()
    }

    async fn finish(self) -> Vec<Event> {
        self.stop.send_replace(true);
        self.senders.join_all().await;
        let acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.clone()
    }
}

/// A column of a data file that nobody writes.
fn column(file: &Path, sql: &str) -> Vec<String> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn ledger(file: &Path) -> Vec<String> {
    column(file, "SELECT event FROM ledger ORDER BY rowid")
}

/// The events of each user, in their order. The id of a user follows from that of the one customer.
fn by_user<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<String, Vec<Event>> {
    let mut users: BTreeMap<String, Vec<Event>> = BTreeMap::new();
    for event in events {
        let user = event.customer.replace("cus_", "user_");
        users.entry(user).or_default().push(event.clone());
    }
    users
}

/// What a backup has: what was acknowledged before it, and the states that follow from what it has applied.
async fn check_backup(file: &Path, before: &[Event], all: &[Event], whole_ledger: &[String]) {
    let applied = ledger(file);
    assert_eq!(applied, whole_ledger[..applied.len()], "a prefix of what was applied");
    let applied: BTreeSet<String> = applied.into_iter().collect();
    let queued: BTreeSet<String> =
        column(file, "SELECT event FROM queue ORDER BY seq").into_iter().collect();
    for event in before {
        let is_there = applied.contains(&event.id) || queued.contains(&event.id);
        assert!(is_there, "acknowledged before the backup, and not in it: {event:?}");
    }
    let users = by_user(all);
    let sent: Vec<(String, Vec<Event>)> = users
        .into_iter()
        .map(|(user, events)| {
            let prefix: Vec<Event> =
                events.iter().take_while(|event| applied.contains(&event.id)).cloned().collect();
            let count = events.iter().filter(|event| applied.contains(&event.id)).count();
            assert_eq!(prefix.len(), count, "{user}: an event was applied before an earlier one");
            (user, prefix)
        })
        .filter(|(_, events)| !events.is_empty())
        .collect();
    let accounts = column(file, "SELECT user FROM accounts ORDER BY user");
    let users: BTreeSet<&String> = sent.iter().map(|(user, _)| user).collect();
    assert!(accounts.iter().all(|user| users.contains(user)), "{accounts:?} {users:?}");
    check(&Db::open(file, system_clock()).unwrap(), &sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_one_moment_and_leads_to_the_exact_state() {
    let seed = number("TIERLIFT_SEED", u64::try_from(now().as_micros()).unwrap());
    eprintln!("TIERLIFT_SEED={seed}");
    let home = Arc::new(Home::new(CONFIG));
    let house = home.clone();
    let server = spawn_blocking(move || house.serve()).await.unwrap();
    let mut load = Load::start(seed, server.address());
    let mut backups = Vec::new();
    for number in 0..BACKUPS {
        load.flows(BETWEEN).await;
        let (house, file) = (home.clone(), format!("backup-{number}.db"));
        let before = load.acknowledged();
        let name = file.clone();
        let printed = spawn_blocking(move || house.run(&["backup", &name])).await.unwrap();
        assert!(printed.contains("no damage"), "{printed}");
        let meanwhile = load.acknowledged().len() - before.len();
        assert!(meanwhile > 0, "nothing was acknowledged while the backup was made");
        eprintln!("{file}: {} before it, {meanwhile} meanwhile", before.len());
        backups.push((home.file(&file), before));
    }
    let all = load.finish().await;
    server.finish().await;
    let whole_ledger = ledger(&home.data());
    assert_eq!(whole_ledger.len(), all.len());

    for (file, before) in &backups {
        // A copy, since whoever opens a file may write to it.
        let copy = file.with_extension("copy");
        std::fs::copy(file, &copy).unwrap();
        check_backup(&copy, before, &all, &whole_ledger).await;
    }

    // The machine is lost. Stripe sends again what it has: all of it, to be sure, in its order.
    let (backup, _) = &backups[1];
    let restored = Arc::new(Home::new(CONFIG));
    let (house, file) = (restored.clone(), backup.to_str().unwrap().to_owned());
    spawn_blocking(move || house.run(&["restore", &file])).await.unwrap();
    let house = restored.clone();
    let server = spawn_blocking(move || house.serve()).await.unwrap();
    let mut client = server.client().await;
    for event in &all {
        assert_eq!(client.webhook(&event.body).await.unwrap().status, 200);
    }
    drop(client);
    server.finish().await;
    assert_eq!(ledger(&restored.data()).len(), all.len(), "each was applied once");
    let db = restored.db();
    assert_eq!(db.depth().await.unwrap(), Depth::default(), "nothing waits or is parked");
    let sent: Vec<(String, Vec<Event>)> = by_user(&all).into_iter().collect();
    check(&db, &sent).await;
}
