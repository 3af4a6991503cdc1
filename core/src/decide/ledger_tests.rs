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
    // Its role changes if that of any of them does.
    let mut row = store.ledger["evt_1"].clone();
    row.owners[0].to_role = row.owners[0].from_role.clone();
    assert!(row.changes_role());
    row.owners.truncate(1);
    assert!(!row.changes_role());
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

#[test]
fn a_refund_that_concerns_nothing_now_restores_no_older_grant() {
    let (mut stripe, mut store, policy) = scene();
    stripe.create(adas("sub_1", "active"));
    for n in 1..=2 {
        let payment = format!("pi_{n}");
        let paid = json!({"subscription": "sub_1", "payment_intent": payment});
        stripe.invoice(&format!("in_{n}"), paid);
        stripe.later(60);
    }
    stripe.refund("pi_1", json!({}));
    stripe.end("sub_1");
    for event in 0..3 {
        store.deliver(stripe.sent[event].as_bytes(), &policy, NOW);
    }
    // Reads the customer before another commit, and the account after it.
    let customer = store.customer(&CustomerId::new("cus_1").unwrap());
    store.deliver(stripe.sent[4].as_bytes(), &policy, NOW);
    let id = EventId::new("evt_3").unwrap();
    let kind = crate::stripe::event::Type::ChargeRefunded;
    let event = Event::parse(id, kind, stripe.sent[3].as_bytes(), &policy.user_id_keys).unwrap();
    let mut keys = LoadKeys::new(&event);
    keys.invoices.insert(InvoiceId::new("in_1").unwrap());
    keys.users.insert(user("ada"));
    let loaded = Loaded { customer: Some(customer), ..store.load(&keys) };
    let Decision::Commit(commit) = decide(loaded, &event, &policy, NOW) else { panic!() };
    assert_eq!((commit.customer, commit.accounts), (None, Vec::new()));
    assert_eq!(commit.payments.len(), 1);
}

#[test]
fn a_row_names_the_owner_before_although_nothing_was_earned() {
    let (store, _) = tell(&policy(), |stripe| {
        stripe.create(Sub { price: "price_unknown", ..adas("sub_1", "unpaid") });
        stripe.later(1);
        stripe.update("sub_1", |sub| sub.user = "bob".into());
    });
    let users: Vec<_> = store.ledger["evt_1"].owners.iter().map(|it| it.user.as_str()).collect();
    assert_eq!(users, ["ada", "bob"]);
}

#[test]
fn an_event_reaches_everybody_whose_grant_it_changes() {
    // The subscription without a user is ada's as long as nobody else is named.
    for (status, role) in [("canceled", "free"), ("active", "paid")] {
        let happens = |stripe: &mut Stripe| {
            stripe.create(adas("sub_1", status));
            stripe.create(Sub { price: "pro_monthly", ..Sub::new("sub_2", "cus_1", "active") });
            stripe.create(Sub { user: "bob".into(), ..Sub::new("sub_3", "cus_1", "incomplete") });
        };
        check_orders(status, &policy(), happens, &format!("ada:{role} bob:free"));
    }
    // The features are ada's once bob's subscription has ended, although ada earned nothing before.
    let ignore = policy_with(|config| config.unmapped_price = UnmappedPrice::Ignore);
    let happens = |stripe: &mut Stripe| {
        stripe.create(Sub { price: "price_unknown", ..adas("sub_1", "active") });
        stripe.create(Sub { user: "bob".into(), ..Sub::new("sub_2", "cus_1", "active") });
        stripe.entitlements("cus_1", &["export"], false);
        stripe.later(1);
        stripe.end("sub_2");
    };
    check_orders("features", &ignore, happens, "ada:free bob:free");
    let ada = tell(&ignore, happens).0.account(&user("ada")).unwrap();
    assert_eq!(ada.standing.features.len(), 1);
}

#[test]
fn what_an_event_names_is_loaded_at_once() {
    let mut stripe = Stripe::default();
    stripe.create(adas("sub_1", "active"));
    stripe.sell("completed", json!({"client_reference_id": "ada", "payment_link": "plink_1"}));
    stripe.invoice("in_1", json!({"subscription": "sub_1", "payment_intent": "pi_1"}));
    stripe.invoice_payment("in_1", "pi_1");
    stripe.refund("pi_1", json!({"invoice": "in_1"}));
    let keys = |body: &String| {
        let head = crate::stripe::event::Head::parse(body.as_bytes(), &[]);
        let Ok(crate::stripe::event::Head::Wanted { id, kind, .. }) = head else { panic!() };
        let event = Event::parse(id, kind, body.as_bytes(), &policy().user_id_keys).unwrap();
        let LoadKeys { customer, payments, invoices, users, .. } = LoadKeys::new(&event);
        [customer.is_some().into(), payments.len(), invoices.len(), users.len()]
    };
    let expected = [[1, 0, 0, 1], [1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0]];
    assert_eq!(stripe.sent.iter().map(keys).collect::<Vec<[usize; 4]>>(), expected);
}

#[test]
fn the_row_of_a_customer_names_every_owner() {
    let (store, _) = tell(&policy(), |stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.create(Sub { user: "bob".into(), ..Sub::new("sub_2", "cus_1", "active") });
        stripe.customer("updated", "cus_1", Some("bob"));
    });
    let users: Vec<_> = store.ledger["evt_2"].owners.iter().map(|it| it.user.as_str()).collect();
    assert_eq!(users, ["ada", "bob"]);
}
