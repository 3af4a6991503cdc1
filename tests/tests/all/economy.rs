//! What asking Stripe costs under `when_needed`: requests for each thousand events of ordinary traffic. Some come late,
//! some twice, some never.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tierlift_core::{
    ports::{DeadLetters as _, Enqueue as _, FetchList as _, Group, Message, Store as _},
    subscription::Status,
    time::Timestamp,
};
use tierlift_testkit::{
    clock::ManualClock,
    facts::{customer_id, event_id, policy, user_id},
    lifecycle::{Event, Step, Subscription, purchase},
    random::Random,
    stripe_api::StripeApi,
};
use tierlift_worker::fetch::Fetcher;

use crate::asking::Asking;

const START_SECS: i64 = 1_795_000_000;
const CUSTOMERS: usize = 120;
const SEED: u64 = 12;
const MONTH_SECS: i64 = 30 * 86_400;

/// A customer's half year: a purchase, renewals, now and then a payment that fails first, and perhaps an end.
fn life(number: usize, random: &mut Random) -> Vec<Event> {
    let (customer, user) = (format!("cus_{number}"), format!("user{number}"));
    let begins = START_SECS + i64::try_from(random.below(30 * 86_400)).unwrap();
    let (mut sub, mut events) = purchase(random, &customer, &user, "price_pro", begins);
    for month in 1..=6 {
        let at = begins + month * MONTH_SECS + i64::try_from(random.below(3_600)).unwrap();
        events.push(sub.step(random, Step::Renew, at));
        if random.below(10) == 0 {
            events.push(step(&mut sub, random, Status::PastDue, at + 3_600));
            events.push(step(&mut sub, random, Status::Active, at + 2 * 86_400));
        }
    }
    if random.below(4) == 0 {
        events.push(sub.end(random, begins + 7 * MONTH_SECS));
    }
    events
}

fn step(sub: &mut Subscription, random: &mut Random, status: Status, at: i64) -> Event {
    sub.step(random, Step::Status(status), at)
}

/// When an event arrives: most within a second, some after a retry, one in five hundred never, some twice.
fn arrivals(event: &Event, random: &mut Random) -> Vec<i64> {
    let delay = match random.below(1_000) {
        0..2 => return Vec::new(),
        2..20 => 60 + i64::try_from(random.below(3_600)).unwrap(),
        _ => i64::try_from(random.below(2)).unwrap(),
    };
    let at = event.created_secs + delay;
    if random.below(100) == 0 { vec![at, at + 30] } else { vec![at] }
}

fn message(event: &Event, at: i64) -> Message {
    let id = event_id(&event.id);
    Message {
        group: Group::new(&id, Some(&customer_id(&event.customer))),
        event: id,
        kind: event.kind,
        received_at: Timestamp::from_secs(at),
        trace: None,
        body: event.body.clone().into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_traffic_costs_at_most_one_request_for_a_thousand_events() {
    let mut random = Random::named(SEED, "economy");
    let lives: Vec<Event> = (0..CUSTOMERS).flat_map(|it| life(it, &mut random)).collect();
    let mut coming: Vec<(i64, &Event)> = Vec::new();
    for event in &lives {
        coming.extend(arrivals(event, &mut random).into_iter().map(|at| (at, event)));
    }
    coming.sort_by_key(|(at, event)| (*at, &event.id));
    let mut happening: Vec<&Event> = lives.iter().collect();
    happening.sort_by_key(|event| event.created_secs);
    let mut happening = happening.into_iter().peekable();

    let Asking { api, clock, client, offline, folder: _folder } =
        Asking::open(policy(), Timestamp::from_secs(START_SECS)).await;
    let (db, mut fetcher) = (offline.db(), Fetcher::default());
    let mut coming = coming.into_iter().peekable();
    let mut truth = BTreeMap::new();
    while let Some((at, event)) = coming.next() {
        advance_to(&clock, at);
        db.enqueue(message(event, at)).await.unwrap();
        let next = coming.peek().map_or(i64::MAX, |(next, _)| *next);
        if next - at < 5 {
            continue;
        }
        assert_eq!(offline.drain().await.unwrap(), 0);
        while let Some(event) = happening.next_if(|event| event.created_secs <= at + 5) {
            show(&api, event, &mut truth);
        }
        advance_to(&clock, at + 5);
        if !db.due(clock.now(), 1).await.unwrap().is_empty() {
            fetcher.fetch_due(&client, db, db, &clock.clock()).await.unwrap();
            assert_eq!(offline.drain().await.unwrap(), 0);
        }
    }
    assert_eq!(db.depth().await.unwrap().dead, 0);
    let (asked, events) = (api.targets().len(), lives.len());
    eprintln!("{events} events, {asked} requests: at most one for a thousand is allowed");
    assert!(asked * 1_000 <= events, "{asked} requests for {events} events");
    let wrong = wrong(db, &truth).await;
    eprintln!("{wrong} of {CUSTOMERS} differ until the next reconciliation");
}

fn advance_to(clock: &ManualClock, at: i64) {
    let left = at - clock.now().as_secs();
    clock.advance(Duration::from_secs(u64::try_from(left).unwrap_or(0)));
}

/// What Stripe's API shows from now on.
fn show(api: &StripeApi, event: &Event, truth: &mut BTreeMap<String, bool>) {
    let body: Value = serde_json::from_slice(&event.body).unwrap();
    let object = body["data"]["object"].clone();
    if object["object"] == "subscription" {
        let user = event.customer.replace("cus_", "user");
        truth.insert(user, object["status"] == "active" || object["status"] == "past_due");
        api.put(object);
    }
}

async fn wrong(db: &tierlift_embedded::Db, truth: &BTreeMap<String, bool>) -> usize {
    let mut wrong = 0;
    for (user, pays) in truth {
        let account = db.account(&user_id(user)).await.unwrap();
        wrong += usize::from(account.is_some_and(|it| it.role.as_str() == "paid") != *pays);
    }
    wrong
}
