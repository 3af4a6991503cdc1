//! Stories of customers, sent to a server that is treated badly, and the model that says how they must end.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use futures_util::future::join_all;
use tierlift_core::{
    account::Account, ledger::LedgerEntry, ports::Store as _, subscription::Status,
};
use tierlift_embedded::Db;
use tierlift_testkit::{
    facts::{customer_id, policy},
    harness::{client::Client, now},
    lifecycle::{self, Step, Subscription},
    model::ReferenceModel,
    random::Random,
};
use tokio::{sync::watch, time::timeout};

/// The configuration of the servers.
pub(crate) const CONFIG: &str = "[plans]\nprice_pro = \"paid\"\n";
/// How long there may be no server.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What happens at Stripe to one customer. Told again from its beginning it is the same.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) random: Random,
    pub(crate) user: String,
    customer: String,
    at_secs: i64,
    live: Option<Subscription>,
    next: VecDeque<lifecycle::Event>,
}

impl Story {
    pub(crate) fn new(seed: u64, user: &str, customer: &str) -> Self {
        Self {
            random: Random::named(seed, customer),
            user: user.to_owned(),
            customer: customer.to_owned(),
            at_secs: now().as_secs() - 3_600,
            live: None,
            next: VecDeque::new(),
        }
    }

    pub(crate) fn next(&mut self) -> lifecycle::Event {
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

/// A connection to the server that runs now, or to the next.
pub(crate) async fn connect(place: &mut watch::Receiver<Option<SocketAddr>>) -> Client {
    loop {
        let known = timeout(PATIENCE, place.wait_for(Option::is_some)).await;
        let address = known.expect("no server in time").unwrap().unwrap();
        if let Ok(client) = Client::connect(address).await {
            return client;
        }
        tokio::task::yield_now().await;
    }
}

/// Checks that each event that was sent was applied once, and that customers and accounts are what the model
/// says. The events of a user whose name begins with `user` have one order.
pub(crate) async fn check(db: &Db, sent: &[(String, Vec<lifecycle::Event>)]) {
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
