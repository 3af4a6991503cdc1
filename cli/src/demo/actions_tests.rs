use super::*;
use tierlift_testkit::model::{ReferenceModel, policy};

const NOW: i64 = 1_800_000_000;

/// Runs actions one after another, all within one second or one a second, and checks the role after
/// each. With `from_store`, the subscriptions are read from the store each time.
fn check(actions: &[(Action, &str)], seconds: i64, from_store: bool) {
    let user = UserId::new("ada").unwrap();
    let mut model = ReferenceModel::new(policy(), NOW + 100);
    let mut live = Vec::new();
    for (index, (action, role)) in actions.iter().enumerate() {
        if from_store {
            let mut stored = StoredSubscriptions::default();
            model.stored.customers().for_each(|customer| stored.add(&user, &customer));
            live = stored.merge(None);
        }
        let index = i64::try_from(index).unwrap();
        let at_secs = NOW + index * seconds;
        let seed = u64::try_from(index).unwrap();
        let context = ActionContext { user: &user, price: "price_pro", at_secs, seed };
        for event in context.events(*action, &mut live) {
            model.deliver(&event);
        }
        live.retain(Subscription::is_live);
        assert_eq!(model.role("ada"), *role, "{action:?}, number {index}");
    }
}

#[test]
fn actions_within_one_second_end_as_those_of_many() {
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
        for from_store in [false, true] {
            check(&actions, seconds, from_store);
        }
    }
}

#[test]
fn without_a_subscription_there_is_nothing_to_downgrade_or_fail() {
    let user = UserId::new("ada").unwrap();
    let context = ActionContext { user: &user, price: "price_pro", at_secs: NOW, seed: 1 };
    assert_eq!(context.events(Action::Downgrade, &mut Vec::new()), []);
    assert_eq!(context.events(Action::PastDue, &mut Vec::new()), []);
}
