//! The ledger rows and commits of events, stale ones included.

use super::*;

#[test]
fn a_relink_moves_the_grant_and_names_both_users() {
    let (mut stripe, mut store, policy) = scene();
    stripe.create(adas("sub_1", "active"));
    stripe.later(1);
    stripe.update("sub_1", |sub| sub.user = "bob".into());
    for body in &stripe.sent {
        assert_eq!(
            store.deliver(body.as_bytes(), &policy, NOW),
            Delivered::Committed(Outcome::Applied)
        );
    }
    assert_eq!(store.role("ada"), ("free".to_owned(), 2));
    assert_eq!(store.role("bob"), ("paid".to_owned(), 1));
    let ada = store.account(&user("ada")).unwrap();
    assert!(ada.grants.is_empty());
    // The ledger row has both owners and their roles.
    let owner = |name, from: &str, to: &str, id| Owner {
        user: user(name),
        from_role: Role::new(from),
        to_role: Role::new(to),
        revocation_id: crate::id::RevocationId(id),
    };
    let both = [owner("ada", "paid", "free", 2), owner("bob", "free", "paid", 1)];
    assert_eq!(store.ledger["evt_1"].owners, both);
}

#[test]
fn a_ledger_row_has_the_outcome_of_its_event() {
    let (mut stripe, mut store, policy) = scene();
    stripe.create(Sub::new("sub_1", "cus_1", "active"));
    stripe.customer("updated", "cus_1", Some("ada"));
    stripe.later(-5);
    stripe.customer("updated", "cus_1", Some("bob"));
    stripe.later(6);
    // The edge between these two is missing.
    for (from, to) in [("active", "past_due"), ("unpaid", "trialing")] {
        stripe.subs.get_mut("sub_1").unwrap().status = from;
        stripe.update("sub_1", |sub| sub.status = to);
    }
    for (event, came, owners, ambiguous) in [
        (0, Outcome::Waiting, "", false),
        (1, Outcome::Applied, "ada free paid 1", false),
        (2, Outcome::Stale, "ada paid paid 1", false),
        (3, Outcome::Applied, "ada paid paid 1", false),
        (4, Outcome::Applied, "ada paid paid 1", true),
    ] {
        assert_eq!(
            store.deliver(stripe.sent[event].as_bytes(), &policy, NOW),
            Delivered::Committed(came)
        );
        let row = &store.ledger[format!("evt_{event}").as_str()];
        assert_eq!(row.outcome, came);
        let show = |owner: &Owner| {
            let Owner { user, from_role, to_role, revocation_id } = owner;
            format!("{user} {from_role} {to_role} {revocation_id}")
        };
        let shown: Vec<_> = row.owners.iter().map(show).collect();
        assert_eq!(shown.join(", "), owners, "{row:?}");
        assert_eq!(row.ambiguous, ambiguous, "{row:?}");
        assert_eq!(row.customer.as_ref().map(CustomerId::as_str), Some("cus_1"));
        assert!(row.created < NOW && row.cause.is_none());
    }
}

#[test]
fn a_stale_event_restores_no_older_grant() {
    let (mut stripe, mut store, policy) = scene();
    stripe.later(5);
    stripe.create(adas("sub_1", "active"));
    stripe.later(1);
    stripe.customer("updated", "cus_1", Some("ada"));
    stripe.later(-3);
    stripe.customer("updated", "cus_1", Some("ada"));
    store.deliver(stripe.sent[0].as_bytes(), &policy, NOW);
    store.deliver(stripe.sent[1].as_bytes(), &policy, NOW);
    // Reads the customer before another commit, and the account after it.
    let customer = store.customer(&CustomerId::new("cus_1").unwrap());
    stripe.later(10);
    stripe.end("sub_1");
    store.deliver(stripe.sent[3].as_bytes(), &policy, NOW);
    let (body, ada) = (stripe.sent[2].as_bytes(), UserId::new("ada").unwrap());
    let event = Event::parse(
        EventId::new("evt_2").unwrap(),
        crate::stripe::event::Type::CustomerUpdated,
        body,
        &policy.user_id_keys,
    )
    .unwrap();
    let accounts = [(ada.clone(), store.account(&ada))].into();
    let loaded = Loaded { customer: Some(customer), accounts, ..Loaded::default() };
    let Decision::Commit(commit) = decide(loaded, &event, &policy, NOW) else { panic!() };
    assert_eq!((commit.customer, commit.accounts), (None, Vec::new()));
}
