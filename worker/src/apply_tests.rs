use tierlift_core::{
    codes::Code,
    customer::Customer,
    id::{CustomerId, EventId, UserId},
    policy::PolicyConfig,
    ports::{Group, Receipt},
    stripe::event::Type,
    time::Timestamp,
};

use super::*;
use crate::memory::Scripted;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// An event of a subscription of `cus_1` that names a user.
fn message(event: &str, user: &str, at_secs: i64) -> Message {
    let event = EventId::new(event).unwrap();
    let customer = CustomerId::new("cus_1").unwrap();
    let body = format!(
        r#"{{"id":"{event}","type":"customer.subscription.updated","created":{at_secs},
            "livemode":false,"data":{{"object":{{"id":"sub_1","customer":"cus_1",
            "status":"incomplete","items":{{"data":[]}},"metadata":{{"user_id":"{user}"}}}}}}}}"#
    );
    Message {
        group: Group::new(&event, Some(&customer)),
        event,
        kind: Type::SubscriptionUpdated,
        received_at: NOW.plus_secs(-1),
        trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        body: body.into(),
    }
}

/// The first delivery of a message.
fn delivery(message: Message) -> Delivery {
    Delivery { receipt: Receipt("1".to_owned()), message, attempt: 1, deliveries: 1 }
}

/// The first attempt at an event that names ada.
async fn first_attempt(store: &Scripted) -> Verdict {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let delivery = delivery(message("evt_1", "ada", NOW.as_secs()));
    let trace = delivery.message.trace.clone();
    apply(store, &policy, &delivery, trace, &Clock::new(|| NOW)).await
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_decided_again_until_there_are_too_many() {
    let max = usize::try_from(CONFLICT_RETRIES_MAX).unwrap();
    for (conflicts, is_committed) in [(0, true), (1, true), (max, true), (max + 1, false)] {
        let refusals = (0..conflicts).map(|_| Some(StoreError::Conflict));
        let store = Scripted::refusing(refusals);
        match first_attempt(&store).await {
            Verdict::Done(Done::Committed(_)) => assert!(is_committed, "{conflicts}"),
            Verdict::Release { failure, .. } => {
                assert_eq!((failure.cause, is_committed), (Code::StoreConflict, false));
            }
            other @ (Verdict::Done(_)
            | Verdict::Retry { .. }
            | Verdict::Wait { .. }
            | Verdict::Park(_)) => {
                panic!("{other:?}")
            }
        }
        assert_eq!(store.loads.into_inner().unwrap().len(), conflicts + usize::from(is_committed));
        assert_eq!(store.commits.into_inner().unwrap().len(), usize::from(is_committed));
    }
}

#[tokio::test]
async fn a_live_event_from_the_future_is_parked_and_a_test_clocks_is_not() {
    let latest = NOW.plus_secs(CREATED_AHEAD_SECS_MAX - 1).as_secs();
    for (livemode, created, is_parked) in
        [(true, latest, false), (true, latest + 1, true), (false, latest + 1, false)]
    {
        let policy = Policy::new(PolicyConfig { livemode, ..PolicyConfig::default() }).unwrap();
        let mut message = message("evt_1", "ada", created);
        let body = String::from_utf8(message.body.to_vec()).unwrap();
        let live = body.replace("\"livemode\":false", &format!("\"livemode\":{livemode}"));
        message.body = live.into();
        let store = Scripted::refusing([]);
        // Decided long after: what counts is when it arrived.
        let clock = Clock::new(|| NOW.plus_secs(10 * CREATED_AHEAD_SECS_MAX));
        let verdict = apply(&store, &policy, &delivery(message), None, &clock).await;
        let cause = match verdict {
            Verdict::Park(failure) => Some(failure.cause),
            Verdict::Done(_)
            | Verdict::Retry { .. }
            | Verdict::Release { .. }
            | Verdict::Wait { .. } => None,
        };
        assert_eq!(cause, is_parked.then_some(Code::EventFuture), "{livemode} {created}");
    }
}

#[tokio::test]
async fn what_the_store_refuses_has_its_verdict() {
    for (refusal, expected) in [
        (StoreError::Duplicate, "duplicate"),
        (StoreError::TooLarge(Code::AccountTooLarge), "park account.too_large"),
        (StoreError::Corrupt("a damaged account".to_owned()), "park store.corrupt"),
        (StoreError::Unavailable("away".into()), "release store.unavailable"),
    ] {
        let store = Scripted::refusing([Some(refusal)]);
        let verdict = match first_attempt(&store).await {
            Verdict::Done(Done::Committed(_)) => "committed".to_owned(),
            Verdict::Done(Done::Duplicate) => "duplicate".to_owned(),
            Verdict::Retry { failure, .. } => format!("retry {}", failure.cause),
            Verdict::Release { failure, .. } => format!("release {}", failure.cause),
            Verdict::Wait { .. } => "wait".to_owned(),
            Verdict::Park(failure) => format!("park {}", failure.cause),
        };
        assert_eq!(verdict, expected);
        assert_eq!(store.loads.into_inner().unwrap().len(), 1, "{expected}");
    }
}

#[tokio::test]
async fn a_customer_that_changes_hands_is_decided_with_both_accounts() {
    let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
    let earlier = message("evt_0", "bob", NOW.as_secs() - 1);
    let earlier =
        Event::parse(earlier.event, earlier.kind, &earlier.body, &["user_id".to_owned()]).unwrap();
    customer.apply(&earlier).unwrap();
    let store = Scripted { customer: Some(customer), ..Scripted::default() };
    let verdict = first_attempt(&store).await;
    assert!(matches!(verdict, Verdict::Done(Done::Committed(_))), "{verdict:?}");
    let [ada, bob] = ["ada", "bob"].map(|user| UserId::new(user).unwrap());
    assert_eq!(store.loads.into_inner().unwrap(), [vec![ada.clone()], vec![ada, bob]]);
}

#[tokio::test]
async fn a_commit_carries_the_webhook_behind_it() {
    let store = Scripted::default();
    first_attempt(&store).await;
    let sent = message("evt_1", "ada", NOW.as_secs());
    let context = DeliveryContext { received_at: sent.received_at, trace: sent.trace };
    assert_eq!(store.commits.into_inner().unwrap()[0].context, Some(context));
}
