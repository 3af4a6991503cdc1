//! The first start of a server with a key, at Stripe's limits: it imports everybody who pays already, is killed again and
//! again meanwhile, and webhooks come all the time.
//!
//! `IMPORT_SUBSCRIPTIONS`, `IMPORT_KILLS` and `TIERLIFT_SEED` choose another run; `make test-import` runs a long one.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tierlift_core::{
    id::UserId,
    observation::Because,
    ports::{DeadLetters as _, ReconciliationRecord as _, Store as _},
};
use tierlift_embedded::{Db, system_clock};
use tierlift_testkit::{
    harness::{client::Client, eventually_within, now},
    random::Random,
    stripe_api::StripeApi,
    webhook,
};
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    chaos::{number, process},
    tierlift::{Home, Tierlift},
};

const KEY: &str = "rk_test_1234567";
/// What Stripe allows a sandbox, and a list of any account.
const REQUESTS_PER_SEC: u32 = 25;
const PER_PAGE: u64 = 100;
const MEMORY_KIB_MAX: u64 = 200 * 1024;
/// One of this number of users has something happen to their subscription while everybody is imported.
const LIVELY_EACH: u64 = 7;

/// The subscription of a user, as it was yesterday.
fn subscription(number: u64) -> Value {
    let at = now().plus_days(-1);
    let status = if number.is_multiple_of(3) { "canceled" } else { "active" };
    let user = format!("user{number}");
    let event = webhook::subscription("evt_0", &user, status, at);
    let mut object = event["data"]["object"].clone();
    object["object"] = "subscription".into();
    object["livemode"] = false.into();
    object["created"] = at.as_secs().into();
    object["ended_at"] = json!((status == "canceled").then_some(at.as_secs() + 60));
    object
}

/// What happens to a lively one: it is renewed, or not paid any more.
fn change(object: &Value, number: u64) -> (Value, Value) {
    let mut changed = object.clone();
    if number.is_multiple_of(2) {
        let end = &mut changed["items"]["data"][0]["current_period_end"];
        *end = now().plus_days(60).as_secs().into();
        (changed, json!({ "items": { "data": object["items"]["data"] } }))
    } else {
        changed["status"] = "unpaid".into();
        (changed, json!({ "status": "active" }))
    }
}

fn is_lively(number: u64) -> bool {
    number % LIVELY_EACH == 1 && !number.is_multiple_of(3)
}

/// Sends the webhooks of the lively users: each changes at Stripe first, and its event is sent until it is accepted.
async fn send_webhooks(
    api: Arc<StripeApi>,
    count: u64,
    mut place: watch::Receiver<Option<std::net::SocketAddr>>,
    may_go: impl Fn() -> u64,
) -> u64 {
    let mut sent = 0;
    for number in (0..count).filter(|number| is_lively(*number)) {
        // They are spread over the import.
        while may_go() * PER_PAGE < number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let user = format!("sub_user{number}");
        let (object, previous) = change(&api.object("subscription", &user).unwrap(), number);
        api.change("subscription", &user, |stored| *stored = object.clone());
        let event = webhook::event(
            &format!("evt_{number}"),
            "customer.subscription.updated",
            now(),
            &object,
        );
        let event = webhook::updated(event, Some(previous)).to_string();
        loop {
            let address = *place.wait_for(Option::is_some).await.unwrap();
            let posted = async {
                let mut client = Client::connect(address.unwrap()).await.ok()?;
                client.webhook(event.as_bytes()).await.ok()
            };
            if posted.await.is_some_and(|answer| answer.status == 200) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sent += 1;
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_again_and_again_ends_right() {
    let (count, kills) = (number("IMPORT_SUBSCRIPTIONS", 3_000), number("IMPORT_KILLS", 3));
    let seed = number("TIERLIFT_SEED", u64::try_from(now().as_micros()).unwrap());
    eprintln!("TIERLIFT_SEED={seed} IMPORT_SUBSCRIPTIONS={count} IMPORT_KILLS={kills}");
    let api = Arc::new(StripeApi::start(KEY, system_clock()));
    api.limit(REQUESTS_PER_SEC);
    for number in 0..count {
        api.put(subscription(number));
    }
    let config = format!(
        "[plans]\nprice_pro = \"paid\"\n[stripe]\napi_base = \"{}\"\nshare_percent = 100\n",
        api.base()
    );
    let home = Arc::new(Home::new(&config));
    let (place, places) = watch::channel(None);
    let asked = Arc::clone(&api);
    let webhooks =
        tokio::spawn(send_webhooks(Arc::clone(&api), count, places, move || pages(&asked)));

    // Of each list one page at least.
    let least = count.div_ceil(PER_PAGE) + 4;
    let mut random = Random::named(seed, "kills");
    let mut at = BTreeSet::new();
    while (at.len() as u64) < kills {
        at.insert(1 + random.below(usize::try_from(least).unwrap() - 1) as u64);
    }
    let begun_at = Instant::now();
    let mut memory_kib = 0;
    for page in &at {
        let server = serve(&home).await;
        place.send_replace(Some(server.address()));
        wait(&server, &mut memory_kib, || pages(&api) >= *page).await;
        place.send_replace(None);
        spawn_blocking(move || server.kill()).await.unwrap();
    }
    let server = serve(&home).await;
    place.send_replace(Some(server.address()));
    let is_listed = || api.targets().last().is_some_and(|it| it.starts_with("/v1/disputes"));
    wait(&server, &mut memory_kib, is_listed).await;
    let listed = begun_at.elapsed();
    let sent = webhooks.await.unwrap();
    wait(&server, &mut memory_kib, || has_ended(&home)).await;
    wait_until_applied(&server, &mut memory_kib).await;
    let applied = begun_at.elapsed();
    let read = pages(&api);
    spawn_blocking(move || server.terminate()).await.unwrap();

    let db = home.db();
    check(&api, &db, count).await;
    eprintln!(
        "{count} subscriptions, {kills} kills, {sent} webhooks: {read} pages of {least} in {listed:.1?}, \
         applied after {applied:.1?}, memory at most {} MiB",
        memory_kib / 1024
    );
    // Of a short list, the pages that are read again after each kill are more than a tenth.
    let most = (least * 11 / 10).max(least + 2 * kills);
    assert!(read <= most, "{read} pages of {least}");
    assert!(memory_kib <= MEMORY_KIB_MAX, "{memory_kib} KiB");
}

/// Pages of objects that were asked for, without the objects that a webhook of the same second made necessary.
fn pages(api: &StripeApi) -> u64 {
    let is_page = |target: &&String| {
        let path = target.split('?').next().unwrap();
        !path.starts_with("/v1/events") && !path.rsplit('/').next().unwrap().contains('_')
    };
    api.targets().iter().filter(is_page).count() as u64
}

async fn serve(home: &Arc<Home>) -> Tierlift {
    let home = Arc::clone(home);
    let with_key = |command: &mut std::process::Command| {
        command.env("STRIPE_API_KEY", KEY);
    };
    spawn_blocking(move || home.serve_with(with_key)).await.unwrap()
}

/// Waits, and notes the most memory that the server has meanwhile.
async fn wait(server: &Tierlift, memory_kib: &mut u64, holds: impl Fn() -> bool) {
    eventually_within(Duration::from_mins(30), "the import comes so far", async || {
        *memory_kib = (*memory_kib).max(process::memory_kib(server.id()));
        holds()
    })
    .await;
}

/// Whether the import has noted its end: its last list is asked for a moment before.
fn has_ended(home: &Home) -> bool {
    let file = Connection::open_with_flags(home.data(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    file.busy_timeout(Duration::from_secs(5)).unwrap();
    let state: String =
        file.query_row("SELECT state FROM reconciliation", (), |row| row.get(0)).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    !state["ended_at"].is_null()
}

async fn wait_until_applied(server: &Tierlift, memory_kib: &mut u64) {
    let mut client = server.client().await;
    eventually_within(Duration::from_mins(10), "everything is applied", async || {
        *memory_kib = (*memory_kib).max(process::memory_kib(server.id()));
        let health = client.get("/healthz", &[]).await.unwrap().json();
        health["queue"]["queued"] == 0
    })
    .await;
}

/// Everybody has the role that Stripe's object says, and got it once.
async fn check(api: &StripeApi, db: &Db, count: u64) {
    let done = db.reconciliation().await.unwrap().unwrap();
    assert!(done.because == Because::Import && done.ended_at.is_some(), "{done:?}");
    assert_eq!(db.depth().await.unwrap().dead, 0);
    let mut wrong = Vec::new();
    for number in 0..count {
        let user = UserId::new(&format!("user{number}")).unwrap();
        let account = db.account(&user).await.unwrap();
        let (role, revocation) =
            account.map_or(("free".to_owned(), 0), |it| (it.role.to_string(), it.revocation_id.0));
        let shown = api.object("subscription", &format!("sub_user{number}")).unwrap();
        let (wanted, moves): (_, &[u64]) = match shown["status"].as_str().unwrap() {
            "active" => ("paid", &[1]),
            // It was imported before it was not paid any more, or not.
            "unpaid" => ("free", &[0, 2]),
            _ => ("free", &[0]),
        };
        if role != wanted || !moves.contains(&revocation) {
            wrong.push(format!("user{number}: {role} {revocation}, {}", shown["status"]));
        }
    }
    assert!(wrong.is_empty(), "{} wrong: {:?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
