use tierlift_core::{
    fold::{Before, Record},
    id::EventId,
    stripe::event::{Event as Read, Fact, Head},
};

use super::*;

fn read(event: &Event) -> Read {
    let Head::Wanted { id, kind, customer } = Head::parse(&event.body, &[]).unwrap() else {
        panic!("{} is ignored", event.kind)
    };
    assert_eq!((id.as_str(), kind), (event.id.as_str(), event.kind));
    assert_eq!(customer.unwrap().as_str(), event.customer);
    let keys = ["user_id".to_owned()];
    let read = Read::parse(EventId::new(&event.id).unwrap(), kind, &event.body, &keys).unwrap();
    assert_eq!(read.created.as_secs(), event.created_secs);
    read
}

#[test]
fn a_purchase_is_a_checkout_and_a_subscription_that_becomes_active() {
    let mut random = Random::new(1);
    let (sub, events) = purchase(&mut random, "cus_1", "ada", "price_pro", 1_800_000_000);
    assert_eq!(sub.status, Status::Active);
    assert!(sub.id.starts_with("sub_1") && sub.id.len() == 28, "{}", sub.id);
    assert!(events[0].id.starts_with("evt_1") && events[0].id.len() == 28, "{}", events[0].id);
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [Type::SubscriptionCreated, Type::SubscriptionUpdated, Type::CheckoutCompleted]
    );
    let Fact::Checkout { id, user, .. } = read(&events[2]).fact else { panic!("a checkout") };
    assert_eq!(user.unwrap().as_str(), "ada");
    assert_eq!(id.as_str(), sub.id);
}

#[test]
fn each_step_is_an_edge_from_the_state_before_it() {
    let mut random = Random::new(2);
    let mut sub = Subscription::begin(&mut random, "cus_1", "ada", "price_pro", 1_800_000_000);
    let steps = [
        Step::Status(Status::Active),
        Step::Renew,
        Step::CancelAtPeriodEnd(true),
        Step::PauseCollection(true),
        Step::Quantity(3),
        Step::Note(9),
        Step::PauseCollection(false),
        Step::Status(Status::PastDue),
        Step::CancelAtPeriodEnd(false),
        Step::Status(Status::Active),
    ];
    let mut events = vec![sub.created(&mut random)];
    for (place, step) in steps.into_iter().enumerate() {
        events.push(sub.step(&mut random, step, 1_800_000_000 + i64::try_from(place / 3).unwrap()));
    }
    let mut record = Record::default();
    let mut before = None;
    for event in &events {
        let Fact::Subscription { edge, .. } = read(event).fact else { panic!("a subscription") };
        match &edge.before {
            Before::Created => assert_eq!(before, None),
            Before::Node(node) => assert_eq!(Some(node), before.as_ref()),
            Before::Unknown => panic!("an edge says where it began"),
        }
        before = Some(edge.to.clone());
        record.insert(edge);
        let state = record.state().unwrap();
        assert_eq!(before.as_deref(), Some(state.node));
        assert!(!state.ambiguous);
    }
}

#[test]
fn an_end_is_deleted_and_is_the_end() {
    let mut random = Random::new(3);
    let (mut sub, _) = purchase(&mut random, "cus_1", "ada", "price_pro", 1_800_000_000);
    let end = sub.end(&mut random, 1_700_000_000);
    assert!(!sub.is_live());
    assert_eq!(end.kind, Type::SubscriptionDeleted);
    assert_eq!(end.created_secs, 1_800_000_000, "time does not go backwards");
    let Fact::Subscription { edge, .. } = read(&end).fact else { panic!("a subscription") };
    assert_eq!((&edge.before, &edge.to.status), (&Before::Unknown, &Status::Canceled));
}
