//! Observations, from the answer of Stripe's API to the account, and what asks for one.

use super::*;
use crate::{
    observation::{Because, FetchDue, FetchReason, Observed, Window},
    ports::Message,
    stripe::observation,
};

/// The answer about an object, as of some seconds after the beginning.
fn answer(object: &Value, (from, to): (i64, i64)) -> Message {
    let window = Window { from_secs: START + from, to_secs: START + to };
    let observed = Observed { window, because: Because::Fetch };
    observation::message(&object.to_string(), observed, false, NOW).unwrap()
}

fn committed(store: &mut ReferenceModel, message: &Message) -> Outcome {
    match store.take(message, &policy(), NOW) {
        Delivered::Committed(outcome) => outcome,
        other @ (Delivered::Duplicate | Delivered::Parked(_) | Delivered::Ignored) => {
            panic!("{other:?}")
        }
    }
}

fn deliver_all(store: &mut ReferenceModel, stripe: &Stripe) {
    for body in &stripe.sent {
        store.deliver(body.as_bytes(), &policy(), NOW);
    }
}

/// What is due of the only customer, as seconds after the beginning and the reason.
fn due(store: &ReferenceModel) -> Option<(i64, FetchReason)> {
    let due = store.customers().find_map(|customer| customer.fetch_due);
    due.map(|FetchDue { not_before, because, .. }| (not_before.as_secs() - START, because))
}

#[test]
fn an_observation_alone_earns_a_role_and_stands_in_the_ledger() {
    let (_, mut store, _) = scene();
    let message = answer(&adas("sub_1", "active").object(), (10, 11));
    assert_eq!(committed(&mut store, &message), Outcome::Applied);
    assert_eq!(store.role("ada"), ("paid".to_owned(), 1));
    let row = &store.ledger[message.event.as_str()];
    assert_eq!(row.kind.as_str(), "tierlift.observation");
    assert_eq!(row.because, Some(Because::Fetch));
    assert_eq!(row.created, Timestamp::from_secs(START + 11));
    let settled = store.clone();
    assert_eq!(store.take(&message, &policy(), NOW), Delivered::Duplicate);
    assert_eq!(store, settled);
    // The same at another time is another observation, and changes nothing for anybody.
    let again = answer(&adas("sub_1", "active").object(), (20, 21));
    assert_eq!(committed(&mut store, &again), Outcome::Confirmed);
    assert_eq!(store.account(&user("ada")), settled.account(&user("ada")));
    let longer = Sub { ends: START + 60 * DAY, ..adas("sub_1", "active") };
    assert_eq!(committed(&mut store, &answer(&longer.object(), (30, 30))), Outcome::Applied);
}

#[test]
fn a_slow_answer_overwrites_no_newer_webhook() {
    let active = adas("sub_1", "active");
    for (window, role) in [
        // The webhook at 50 says that it is unpaid.
        ((10, 11), "free"),
        ((40, 60), "free"),
        ((51, 51), "paid"),
    ] {
        let (mut stripe, mut store, _) = scene();
        stripe.create(active.clone());
        stripe.later(50);
        stripe.update("sub_1", |sub| sub.status = "unpaid");
        deliver_all(&mut store, &stripe);
        let message = answer(&active.object(), window);
        store.take(&message, &policy(), NOW);
        assert_eq!(store.role("ada").0, role, "{window:?}");
    }
}

#[test]
fn nothing_that_an_answer_says_beats_a_webhook_of_its_window() {
    let (mut stripe, mut store, _) = scene();
    stripe.create(Sub::new("sub_1", "cus_1", "active"));
    stripe.later(50);
    stripe.customer("updated", "cus_1", Some("ada"));
    deliver_all(&mut store, &stripe);
    let named =
        |user: &str| json!({"id": "cus_1", "object": "customer", "metadata": {"user_id": user}});
    for (window, outcome, owner) in [
        ((50, 90), Outcome::Stale, "ada"),
        ((40, 40), Outcome::Stale, "ada"),
        ((52, 52), Outcome::Applied, "zoe"),
    ] {
        assert_eq!(committed(&mut store, &answer(&named("zoe"), window)), outcome, "{window:?}");
        assert_eq!(store.role(owner).0, "paid", "{window:?}");
    }
}

#[test]
fn an_end_that_was_observed_is_final() {
    let (mut stripe, mut store, _) = scene();
    let canceled = with(adas("sub_1", "canceled").object(), json!({"ended_at": START + 30}));
    committed(&mut store, &answer(&canceled, (60, 60)));
    stripe.later(99);
    stripe.create(adas("sub_1", "active"));
    deliver_all(&mut store, &stripe);
    assert_eq!(store.role("ada").0, "free");
    let again = answer(&canceled, (70, 70));
    assert_eq!(committed(&mut store, &again), Outcome::Stale, "it says nothing new");
    let deleted = json!({"id": "cus_1", "object": "customer", "deleted": true});
    committed(&mut store, &answer(&deleted, (80, 80)));
    assert!(store.customers().next().unwrap().deleted);
}

#[test]
fn a_plan_that_is_not_mapped_parks_an_observation_like_an_event() {
    let (_, mut store, policy) = scene();
    let other = Sub { price: "price_other", ..adas("sub_1", "active") };
    let message = answer(&other.object(), (1, 1));
    assert_eq!(store.take(&message, &policy, NOW), Delivered::Parked(Code::PlanUnmapped));
    let live = policy_with(|config| config.livemode = true);
    let message = answer(&adas("sub_1", "active").object(), (1, 1));
    assert_eq!(store.take(&message, &live, NOW), Delivered::Parked(Code::LivemodeMismatch));
}

#[test]
fn an_ambiguous_second_is_due_until_it_is_observed_or_mended() {
    let (mut stripe, mut store, _) = scene();
    stripe.create(adas("sub_1", "active"));
    stripe.later(5);
    for (from, to) in [("active", "past_due"), ("unpaid", "trialing")] {
        stripe.subs.get_mut("sub_1").unwrap().status = from;
        stripe.update("sub_1", |sub| sub.status = to);
    }
    deliver_all(&mut store, &stripe);
    assert_eq!(due(&store), Some((7, FetchReason::Ambiguous)));

    let mut mended = store.clone();
    let mut missing = Stripe { at: 5, ..Stripe::default() };
    missing.subs.insert("sub_1".to_owned(), adas("sub_1", "past_due"));
    missing.update("sub_1", |sub| sub.status = "unpaid");
    let body = missing.sent[0].replace("evt_0", "evt_missing");
    mended.deliver(body.as_bytes(), &policy(), NOW);
    assert_eq!(due(&mended), None);

    // An answer of the same second may be older than its events.
    let inconclusive = answer(&adas("sub_1", "paused").object(), (5, 6));
    committed(&mut store, &inconclusive);
    assert_eq!(due(&store), Some((8, FetchReason::Inconclusive)));
    committed(&mut store, &answer(&adas("sub_1", "active").object(), (8, 8)));
    assert_eq!((due(&store), store.role("ada").0.as_str()), (None, "paid"));
}

#[test]
fn truncated_items_are_due_until_an_answer_shows_them_and_no_longer() {
    let (mut stripe, mut store, _) = scene();
    let more = |mut object: Value| {
        object["items"]["has_more"] = json!(true);
        object
    };
    stripe.create(adas("sub_1", "active"));
    stripe.later(5);
    let object = more(adas("sub_1", "active").object());
    stripe.send("customer.subscription.updated", &object, &json!({}));
    deliver_all(&mut store, &stripe);
    assert_eq!(due(&store), Some((7, FetchReason::ItemsTruncated)));
    // Asking again would not show more than this.
    let mut asked = store.clone();
    committed(&mut asked, &answer(&object, (8, 8)));
    assert_eq!(due(&asked), None);
    committed(&mut store, &answer(&adas("sub_1", "active").object(), (8, 8)));
    assert_eq!(due(&store), None);
}

#[test]
fn a_purchase_without_a_plan_is_due_until_its_line_items_are_known() {
    let session = json!({"id": "cs_1", "object": "checkout.session", "mode": "payment",
        "status": "complete", "created": START, "customer": "cus_1", "payment_intent": "pi_1",
        "payment_status": "paid", "client_reference_id": "ada"});
    let sold = |price: &str| {
        let items = json!({"data": [{"id": "li_1", "quantity": 1, "price": {"id": price}}]});
        answer(&with(session.clone(), json!({"line_items": items})), (9, 9))
    };
    let (mut stripe, mut store, _) = scene();
    stripe.later(3);
    stripe.sell("completed", json!({"client_reference_id": "ada"}));
    deliver_all(&mut store, &stripe);
    assert_eq!(store.ledger["evt_0"].outcome, Outcome::Unrelated);
    assert_eq!(due(&store), Some((3, FetchReason::LineItems)));
    let mut other = store.clone();
    assert_eq!(committed(&mut other, &sold("price_book")), Outcome::Unrelated);
    assert_eq!((due(&other), other.role("ada").0.as_str()), (None, "free"));
    assert_eq!(committed(&mut store, &sold("price_paid")), Outcome::Applied);
    assert_eq!((due(&store), store.role("ada").0.as_str()), (None, "paid"));

    for patch in [json!({"payment_status": "unpaid"}), json!({"metadata": {"plan": "price_paid"}})]
    {
        let (store, _) = tell(&policy(), |stripe| stripe.sell("completed", patch));
        assert_eq!(due(&store), None);
    }
}

#[test]
fn a_changed_policy_ends_what_was_due() {
    let (mut stripe, mut store, _) = scene();
    stripe.sell("completed", json!({"payment_link": "plink_new"}));
    deliver_all(&mut store, &stripe);
    let customer = store.customers().next().unwrap();
    assert!(customer.fetch_due.is_some());
    let policy = policy_with(|config| config.plans.push(PlanConfig::new("plink_new", "paid")));
    let pass = Redecision { because: SystemEvent::PolicyChanged, generation: 1 };
    let changed = change_policy(customer, BTreeMap::new(), pass, &policy, NOW);
    let PolicyChange::Commit(commit) = changed else { panic!("nothing changes") };
    assert_eq!(commit.customer.unwrap().fetch_due, None);
}

#[test]
fn a_status_that_was_observed_is_no_newer_each_time_it_is_asked_for() {
    let (_, mut store, policy) = scene();
    let item = json!({"id": "si_1", "quantity": 1, "price": {"id": "price_paid"},
        "current_period_start": START + 5, "current_period_end": START + 30 * DAY});
    let late = adas("sub_1", "past_due").object();
    let late = with(late, json!({"items": {"data": [item]}}));
    for at in [60, 3_600, DAY] {
        committed(&mut store, &answer(&late, (at, at)));
        let account = store.account(&user("ada")).unwrap();
        let shown = account.effective(&policy, NOW).standing.shown;
        assert_eq!(shown.past_due_since, Some(Timestamp::from_secs(START + 5)), "{at}");
    }
}

#[test]
fn an_observed_end_of_what_may_be_forgotten_changes_nothing_and_a_live_one_is_none_of_those() {
    let event = |status, window| {
        let object = with(adas("sub_1", status).object(), json!({"ended_at": START + 30}));
        let message = answer(&object, window);
        Event::parse(message.event, message.kind, &message.body, &[]).unwrap()
    };
    let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
    let until = json!({"until_secs": START + 50});
    customer.forgotten = serde_json::from_value(until).unwrap();
    assert_eq!(customer.apply(&event("canceled", (60, 60))), Ok(Arrival::Stale));
    assert!(customer.apply(&event("active", (40, 40))).is_err());
    assert!(customer.subscriptions.is_empty());
    assert_eq!(customer.apply(&event("active", (60, 60))), Ok(Arrival::Remembered));
}
