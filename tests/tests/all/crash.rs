//! A server that is killed in the middle of its work loses nothing that it acknowledged, and does
//! nothing twice.
//!
//! Each client owns a customer, whose events it sends in turn, and sends again what was not
//! acknowledged. What the last server leaves behind is held to a model: `decide` over a map, in the
//! order in which things happened. `TIERLIFT_SEED` chooses another run.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::json;
use tierlift_core::{
    account::Account,
    ledger::LedgerEntry,
    ports::{DeadLetters as _, Depth, Store as _},
    subscription::Status,
};
use tierlift_embedded::Db;
use tierlift_testkit::{
    facts::{customer_id, policy, user_id},
    harness::{client::Client, now},
    lifecycle::{self, Step, Subscription},
    model::ReferenceModel,
    random::Random,
};
use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
    time::{sleep, timeout},
};

use crate::tierlift::Home;

const CONFIG: &str = "[plans]\nprice_pro = \"paid\"\n";
const KILLS: usize = 40;
/// Users with one customer each: what happens to them has one order.
const USERS: usize = 20;
/// Users with two customers, whose events race.
const PAIRS: usize = 4;
/// Acknowledgements after which a server is killed, at most.
const ACKS_MAX: usize = 200;
/// And so much later, in microseconds.
const KILL_DELAY_MAX_MICROS: usize = 4_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// What happens at Stripe to one customer.
struct Story {
    random: Random,
    user: String,
    customer: String,
    at_secs: i64,
    live: Option<Subscription>,
    next: VecDeque<lifecycle::Event>,
}

impl Story {
    fn new(seed: u64, user: &str, customer: &str) -> Self {
        Self {
            random: Random::named(seed, customer),
            user: user.to_owned(),
            customer: customer.to_owned(),
            at_secs: now().as_secs() - 3_600,
            live: None,
            next: VecDeque::new(),
        }
    }

    fn next(&mut self) -> lifecycle::Event {
        loop {
            if let Some(event) = self.next.pop_front() {
                return event;
            }
            self.go_on();
        }
    }

    fn go_on(&mut self) {
        self.at_secs += i64::from(self.random.below(3) > 0);
        let Some(sub) = &mut self.live else {
            let (random, at_secs) = (&mut self.random, self.at_secs);
            let (sub, events) =
                lifecycle::purchase(random, &self.customer, &self.user, "price_pro", at_secs);
            self.next.extend(events);
            self.live = Some(sub);
            return;
        };
        let step = match (self.random.below(12), &sub.status) {
            (0, _) => {
                self.next.push_back(sub.end(&mut self.random, self.at_secs));
                self.live = None;
                return;
            }
            (1, _) => Step::Renew,
            (2, _) => Step::Note(sub.note + 1),
            (3, _) => Step::CancelAtPeriodEnd(!sub.cancel_at_period_end),
            (_, Status::Active) => {
                let worse = [Status::Unpaid, Status::PastDue, Status::Paused];
                Step::Status(self.random.pick(&worse).unwrap().clone())
            }
            _ => Step::Status(Status::Active),
        };
        self.next.push_back(sub.step(&mut self.random, step, self.at_secs));
    }
}

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

/// A connection to the server that runs now, or to the next.
async fn connect(place: &mut watch::Receiver<Option<SocketAddr>>) -> Client {
    loop {
        let known = timeout(PATIENCE, place.wait_for(Option::is_some)).await;
        let address = known.expect("no server in time").unwrap().unwrap();
        if let Ok(client) = Client::connect(address).await {
            return client;
        }
        tokio::task::yield_now().await;
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
            check(&home.db(), &sent).await;
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

async fn check(db: &Db, sent: &[(String, Vec<lifecycle::Event>)]) {
    assert_eq!(db.depth().await.unwrap(), Depth::default(), "nothing waits, nothing is parked");
    let mut changes: BTreeMap<&str, Vec<LedgerEntry>> = BTreeMap::new();
    let mut model = ReferenceModel::new(policy(), now().as_secs());
    for (user, events) in sent {
        for event in events {
            model.deliver(event);
        }
        let rows = events.iter().map(|event| &model.stored.ledger[event.id.as_str()]);
        let expected: Vec<&LedgerEntry> = rows.collect();
        let rows = join_all(expected.iter().map(|row| db.ledger(&row.event))).await;
        for (row, expected) in rows.into_iter().zip(expected) {
            let row = row.unwrap().unwrap_or_else(|| panic!("lost: {expected:?}"));
            if user.starts_with("user") {
                let (processed_at, expires_at) = (row.processed_at, row.expires_at);
                assert_eq!(row, LedgerEntry { processed_at, expires_at, ..(*expected).clone() });
            }
            if row.changes_role() {
                changes.entry(user).or_default().push(row);
            }
        }
        // A customer is written once for each event that is applied.
        let customer = db.customer(&customer_id(&events[0].customer)).await.unwrap().unwrap();
        assert_eq!(customer, model.stored.customer(&customer.id), "{user}");
    }
    for expected in model.stored.accounts() {
        let account = db.account(&expected.user).await.unwrap().unwrap();
        check_account(&account, &expected);
        check_changes(&account, changes.remove(account.user.as_str()).unwrap_or_default());
    }
    let events: usize = sent.iter().map(|(_, events)| events.len()).sum();
    eprintln!("{events} events, {KILLS} kills");
}

fn check_account(account: &Account, expected: &Account) {
    let Account { role_assigned_at, changed_at, .. } = *account;
    let mut expected = Account { role_assigned_at, changed_at, ..expected.clone() };
    if account.user.as_str().starts_with("pair") {
        // Two customers have no order between them: how often the role changed is up to the race.
        expected.revocation_id = account.revocation_id;
        expected.role_assigned_by.clone_from(&account.role_assigned_by);
        expected.version = account.version;
    }
    assert_eq!(*account, expected);
}

/// The revocation id counts the changes that the ledger shows, and they follow from each other.
fn check_changes(account: &Account, mut changes: Vec<LedgerEntry>) {
    changes.sort_by_key(|row| row.owners[0].revocation_id);
    let mut role = policy().lowest().clone();
    for (number, row) in (1..).zip(&changes) {
        let [owner] = &row.owners[..] else { panic!("{row:?}") };
        assert_eq!((owner.revocation_id.0, &owner.from_role), (number, &role), "{row:?}");
        role = owner.to_role.clone();
    }
    assert_eq!(account.revocation_id.0, changes.len() as u64, "{account:?}");
    assert_eq!(account.role, role);
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
