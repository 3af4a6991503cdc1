//! A changed policy: customers and accounts follow it at once, without another event.

use super::*;

const fn pass(generation: u64) -> Redecision {
    Redecision { because: SystemEvent::PolicyChanged, generation }
}

/// Applies a policy to every customer, then to every account. Returns the users whose accounts changed.
fn adopt(store: &mut ReferenceModel, policy: &Policy, generation: u64) -> Vec<String> {
    let mut changed = Vec::new();
    let mut settled = BTreeSet::new();
    let mut take = |store: &mut ReferenceModel, change: PolicyChange| {
        if let PolicyChange::Commit(commit) = change {
            changed.extend(commit.changes.iter().map(|change| change.user.to_string()));
            store.commit(*commit, policy, NOW);
        }
    };
    for customer in store.customers().collect::<Vec<_>>() {
        let users = concerned(&customer);
        settled.extend(users.iter().cloned());
        let accounts = users.into_iter().map(|user| (user.clone(), store.account(&user))).collect();
        take(store, change_policy(customer, accounts, pass(generation), policy, NOW));
    }
    for account in
        store.accounts().filter(|account| !settled.contains(&account.user)).collect::<Vec<_>>()
    {
        take(store, settle_under(account, pass(generation), policy, NOW));
    }
    changed
}

/// Checks that a story under the usual policy, followed by the new policy, ends like the story under the new
/// policy.
fn check_adopted(what: &str, happens: impl Fn(&mut Stripe), policy: &Policy, changed: &[&str]) {
    let (mut store, _) = tell(&super::policy(), &happens);
    let (expected, _) = tell(policy, &happens);
    assert_eq!(adopt(&mut store, policy, 1), changed, "{what}");
    assert_eq!(end_of(&store, policy), end_of(&expected, policy), "{what}");
    let settled = store.clone();
    assert!(adopt(&mut store, policy, 2).is_empty(), "{what}: nothing is left to do");
    assert_eq!(store, settled, "{what}");
}

#[test]
fn every_customer_earns_at_once_what_the_new_policy_says() {
    let subscribed = |stripe: &mut Stripe| stripe.create(adas("sub_1", "active"));
    let promoted = policy_with(|config| config.plans[0].role = "pro".to_owned());
    check_adopted("a plan is promoted", subscribed, &promoted, &["ada"]);
    let dropped = policy_with(|config| {
        config.plans.remove(0);
        config.unmapped_price = UnmappedPrice::Ignore;
    });
    check_adopted("a plan is dropped", subscribed, &dropped, &["ada"]);
    check_adopted("nothing is new", subscribed, &policy(), &[]);
    let grace = policy_with(|config| config.grace_days = 9);
    check_adopted("more grace, which nobody sees", subscribed, &grace, &[]);
    let late = |stripe: &mut Stripe| stripe.create(adas("sub_1", "past_due"));
    let revoke = policy_with(|config| config.past_due = PastDue::Revoke);
    check_adopted("past due is revoked", late, &revoke, &["ada"]);
    let features = policy_with(|config| {
        config.features.push(("paid".to_owned(), vec!["export".to_owned()]));
    });
    check_adopted("a feature of the role", subscribed, &features, &["ada"]);
    let two = |stripe: &mut Stripe| {
        subscribed(stripe);
        stripe.create(Sub { user: "bob".into(), ..Sub::new("sub_2", "cus_1", "active") });
    };
    check_adopted("two users of one customer", two, &promoted, &["ada", "bob"]);
}

#[test]
fn a_refund_counts_once_the_policy_says_so() {
    let refunded = |stripe: &mut Stripe| {
        stripe.create(adas("sub_1", "active"));
        stripe.invoice("in_1", json!({"subscription": "sub_1", "payment_intent": "pi_1"}));
        stripe.refund("pi_1", json!({}));
    };
    let revoke = policy_with(|config| config.subscription_reversal.refund = Access::Revoke);
    check_adopted("a refunded subscription", refunded, &revoke, &["ada"]);
    let bought = |stripe: &mut Stripe| {
        let session = json!({"client_reference_id": "ada", "metadata": {"plan": "price_paid"}});
        stripe.sell("completed", session);
        stripe.refund("pi_1", json!({}));
    };
    let keep = policy_with(|config| config.purchase_reversal.refund = Access::Keep);
    check_adopted("a refunded purchase", bought, &keep, &["ada"]);
}

#[test]
fn a_payment_link_that_becomes_a_plan_gives_its_buyers_what_they_bought() {
    let bought = |stripe: &mut Stripe| {
        let session = json!({"client_reference_id": "ada", "payment_link": "plink_1"});
        stripe.sell("completed", session);
    };
    let mapped = policy_with(|config| config.plans.push(PlanConfig::new("plink_1", "pro")));
    check_adopted("a payment link", bought, &mapped, &["ada"]);
    let nobodys = |stripe: &mut Stripe| {
        stripe.sell("completed", json!({"customer": null, "payment_link": "plink_1"}));
    };
    check_adopted("nobody's", nobodys, &mapped, &[]);
    let (mut store, _) = tell(&policy(), nobodys);
    let waiting = |store: &ReferenceModel| {
        store.customers().find_map(|customer| customer.waiting_since).map(Timestamp::as_secs)
    };
    assert_eq!(waiting(&store), None);
    adopt(&mut store, &mapped, 1);
    assert_eq!(waiting(&store), Some(START), "somebody paid for it");
    adopt(&mut store, &policy(), 2);
    assert_eq!(waiting(&store), None, "it is no plan any more");
}

#[test]
fn each_change_of_the_policy_has_a_ledger_row_of_its_own() {
    let (mut store, _) = tell(&policy(), |stripe| stripe.create(adas("sub_1", "active")));
    let promoted = policy_with(|config| config.plans[0].role = "pro".to_owned());
    adopt(&mut store, &promoted, 7);
    let row = &store.ledger["tierlift.policy.changed.7.customer.cus_1"];
    assert_eq!(row.kind.as_str(), "tierlift.policy.changed");
    assert_eq!(row.customer.as_ref().map(CustomerId::as_str), Some("cus_1"));
    assert_eq!(row.owners.len(), 1);
    assert_eq!(store.role("ada"), ("pro".to_owned(), 2));
    adopt(&mut store, &policy(), 8);
    assert_eq!(store.role("ada"), ("paid".to_owned(), 3));
    assert!(store.ledger.contains_key("tierlift.policy.changed.8.customer.cus_1"));
}

#[test]
fn an_account_without_customers_is_settled_too() {
    let ada = Account::new(user("ada"), &policy());
    let mut store = ReferenceModel::default();
    let plus = policy_with(|config| config.roles.insert(2, "plus".to_owned()));
    let commit = assign(ada, plus.role("plus").cloned(), &plus, NOW).unwrap();
    store.commit(commit, &plus, NOW);
    assert_eq!(store.role("ada").0, "plus");
    // A role that the policy no longer has ranks lowest.
    assert_eq!(adopt(&mut store, &policy(), 3), ["ada"]);
    assert_eq!(store.role("ada").0, "free");
    assert!(store.ledger.contains_key("tierlift.policy.changed.3.user.ada"));
    let account = store.account(&user("ada")).unwrap();
    assert_eq!(settle_under(account, pass(4), &policy(), NOW), PolicyChange::Nothing);
}

#[test]
fn an_account_that_earns_nothing_is_not_created() {
    let (store, _) = tell(&policy(), |stripe| stripe.create(adas("sub_1", "incomplete")));
    let customer = store.customers().next().unwrap();
    let accounts = BTreeMap::from([(user("eve"), None)]);
    let change = change_policy(customer, accounts, pass(1), &policy(), NOW);
    assert_eq!(change, PolicyChange::Nothing);
}

#[test]
fn a_full_account_is_settled_under_the_new_policy_and_keeps_its_grants() {
    let ignore = policy_with(|config| config.unmapped_price = UnmappedPrice::Ignore);
    let (store, _) = tell(&ignore, |stripe| {
        for n in 0..CUSTOMERS_PER_USER_MAX {
            let customer = format!("cus_{n}");
            stripe.create(Sub { customer, ..adas(&format!("sub_{n}"), "active") });
        }
        stripe.create(Sub {
            customer: "cus_more".to_owned(),
            price: "price_unknown",
            ..adas("sub_more", "active")
        });
    });
    let mapped = policy_with(|config| {
        config.plans.push(PlanConfig::new("price_unknown", "pro"));
        config.features.push(("paid".to_owned(), vec!["export".to_owned()]));
    });
    let customer = store.customer(&CustomerId::new("cus_more").unwrap());
    let accounts = BTreeMap::from([(user("ada"), store.account(&user("ada")))]);
    let change = change_policy(customer, accounts, pass(1), &mapped, NOW);
    let PolicyChange::Commit(commit) = change else { panic!("{change:?}") };
    let [account] = commit.accounts.as_slice() else { panic!("{commit:?}") };
    assert_eq!((account.role.as_str(), account.grants.len()), ("paid", CUSTOMERS_PER_USER_MAX));
    assert_eq!(account.standing.features.len(), 1);
}
