//! Changes without a webhook: access that expires, and roles by hand.

use super::*;
use crate::change::ChangeKind;

#[test]
fn a_role_expires_after_its_grace() {
    let (mut stripe, mut store, policy) = scene();
    stripe.create(adas("sub_1", "active"));
    store.deliver(stripe.sent[0].as_bytes(), &policy, NOW);
    let ada = UserId::new("ada").unwrap();
    let account = || store.account(&ada).unwrap();
    let over = Timestamp::from_secs(START + 33 * DAY);
    assert_eq!(account().next_expiry_at, Some(over));
    for (now, role) in [(NOW, "paid"), (over.plus_millis(-1), "paid"), (over, "free")] {
        assert_eq!(account().effective(&policy, now).role.as_str(), role);
    }
    let commit = expire(account(), &policy, over).unwrap();
    assert_eq!(commit.ledger.event.as_str(), "tierlift.access.expired.2.ada");
    assert_eq!(commit.ledger.kind.as_str(), "tierlift.access.expired");
    let users: Vec<_> = commit.ledger.owners.iter().map(|owner| owner.user.as_str()).collect();
    assert_eq!((&users[..], commit.ledger.outcome), (&["ada"][..], Outcome::Applied));
    assert_eq!(commit.changes.len(), 1);
    let change = &commit.changes[0];
    assert_eq!(change.kind, ChangeKind::Downgraded);
    assert!(!change.standing.subscription_active);
    assert_eq!(change.account_version, Version(2));
    assert_eq!((change.previous_role.as_str(), change.role.as_str()), ("paid", "free"));
    let mut store = store.clone();
    store.commit(commit, &policy, over);
    assert_eq!(store.role("ada"), ("free".to_owned(), 2));
    // A late renewal restores it.
    stripe.later(1);
    stripe.update("sub_1", |sub| sub.ends += 30 * DAY);
    store.deliver(stripe.sent[1].as_bytes(), &policy, over);
    assert_eq!(store.role("ada"), ("paid".to_owned(), 3));
}

#[test]
fn a_manual_role_outranks_every_webhook() {
    let (mut stripe, mut store, policy) = scene();
    let ada = UserId::new("ada").unwrap();
    let give = |store: &mut ReferenceModel, role: Option<&str>| {
        let account = store.account(&ada).unwrap_or_else(|| Account::new(ada.clone(), &policy));
        let commit = assign(account, role.map(Role::new), &policy, NOW)?;
        assert_eq!(commit.ledger.kind, crate::ledger::EntryKind::System(SystemEvent::RoleAssigned));
        store.commit(commit, &policy, NOW);
        Some(store.role("ada").0)
    };
    assert_eq!(give(&mut store, None), None, "nothing new");
    assert_eq!(give(&mut store, Some("operator")).as_deref(), Some("operator"));
    assert_eq!(give(&mut store, Some("operator")), None);
    stripe.create(Sub { price: "pro_monthly", ..adas("sub_1", "active") });
    stripe.later(1);
    stripe.end("sub_1");
    stripe.customer("deleted", "cus_1", None);
    for body in &stripe.sent {
        store.deliver(body.as_bytes(), &policy, NOW);
        assert_eq!(store.role("ada"), ("operator".to_owned(), 1));
    }
    assert_eq!(give(&mut store, Some("paid")).as_deref(), Some("paid"));
    assert_eq!(give(&mut store, None).as_deref(), Some("free"));
    assert_eq!(store.role("ada").1, 3);
    assert_eq!(store.ledger.len(), 3 + 3, "every assignment has its own id");
}

#[test]
fn a_manual_role_ends_at_its_time_and_leaves_what_is_paid_for() {
    let (mut stripe, mut store, policy) = scene();
    let ada = UserId::new("ada").unwrap();
    stripe.create(adas("sub_1", "active"));
    store.deliver(stripe.sent[0].as_bytes(), &policy, NOW);
    let until = NOW.plus_days(2);
    let operator = Some(Role::new("operator"));
    let account = store.account(&ada).unwrap();
    let commit = assign_until(account, operator.clone(), Some(until), &policy, NOW).unwrap();
    store.commit(commit, &policy, NOW);
    let account = || store.account(&ada).unwrap();
    assert_eq!(account().next_expiry_at, Some(until));
    for (now, role) in [(NOW, "operator"), (until.plus_millis(-1), "operator"), (until, "paid")] {
        assert_eq!(account().effective(&policy, now).role.as_str(), role);
    }
    assert!(assign_until(account(), operator.clone(), Some(until), &policy, NOW).is_none());
    assert!(assign_until(account(), operator, None, &policy, NOW).is_some(), "without an end");
    let removed = assign_until(account(), None, Some(until), &policy, NOW).unwrap();
    assert_eq!(removed.accounts[0].manual_until, None);
    let commit = expire(account(), &policy, until).unwrap();
    let mut store = store.clone();
    store.commit(commit, &policy, until);
    assert_eq!(store.role("ada"), ("paid".to_owned(), 3));
}
