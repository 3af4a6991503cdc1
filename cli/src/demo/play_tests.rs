use super::*;
use tierlift_testkit::model::{ReferenceModel, policy};

const NOW: i64 = 1_800_000_000;

/// Plays actions one after another, all of one second or one a second, and tells the role after
/// each. With `forgetful`, the generator remembers nothing and reads the store each time.
fn check(actions: &[(Action, &str)], seconds: i64, forgetful: bool) {
    let user = UserId::new("ada").unwrap();
    let mut world = ReferenceModel::new(policy(), NOW + 100);
    let mut live = Live::new();
    for (place, (action, role)) in actions.iter().enumerate() {
        if forgetful {
            let mut stored = Stored::default();
            world.stored.customers().for_each(|customer| stored.add(&user, &customer));
            live = stored.merge(None);
        }
        let place = i64::try_from(place).unwrap();
        let at_secs = NOW + place * seconds;
        let seed = u64::try_from(place).unwrap();
        let scene = Scene { user: &user, price: "price_pro", at_secs, seed };
        for event in scene.events(*action, &mut live) {
            world.deliver(&event);
        }
        live.retain(Subscription::is_live);
        assert_eq!(world.role("ada"), *role, "{action:?}, number {place}");
    }
}

#[test]
fn actions_of_one_second_end_as_those_of_many() {
    use Action::{Downgrade, PastDue, Storm, Upgrade};
    let actions = [
        (Upgrade, "paid"),
        (Downgrade, "free"),
        (Upgrade, "paid"),
        (PastDue, "paid"),
        (Upgrade, "paid"),
        (Upgrade, "paid"),
        (PastDue, "paid"),
        (PastDue, "paid"),
        (Downgrade, "free"),
        (Storm, "paid"),
        (Downgrade, "free"),
        (Storm, "paid"),
        (Storm, "paid"),
        (Upgrade, "paid"),
        (PastDue, "paid"),
        (Downgrade, "free"),
        (Upgrade, "paid"),
    ];
    for seconds in [0, 1] {
        for forgetful in [false, true] {
            check(&actions, seconds, forgetful);
        }
    }
}

#[test]
fn nothing_can_be_taken_from_somebody_who_has_nothing() {
    let user = UserId::new("ada").unwrap();
    let scene = Scene { user: &user, price: "price_pro", at_secs: NOW, seed: 1 };
    assert_eq!(scene.events(Action::Downgrade, &mut Live::new()), []);
    assert_eq!(scene.events(Action::PastDue, &mut Live::new()), []);
}

#[test]
fn what_is_remembered_is_ahead_of_the_store_but_for_ends() {
    let mut random = Random::new(1);
    let mut begin =
        |user: &str| lifecycle::purchase(&mut random, "cus_1", user, "price_pro", NOW).0;
    let (ours, ended, theirs) = (begin("ada"), begin("ada"), begin("ada"));
    let mut late = ours.clone();
    late.status = Status::Incomplete;
    let stored = Stored { live: vec![late, theirs.clone()], ended: vec![ended.id.clone()] };
    assert_eq!(stored.merge(Some(vec![ours.clone(), ended])), [ours, theirs]);
}
