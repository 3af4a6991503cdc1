//! Links by hand: what is linked earns for its user at once, and no longer when the link is removed.

use super::*;
use crate::{explain::explain_role, ledger::Act};

fn act() -> Act {
    Act::new("eve", "she paid by invoice").unwrap()
}

fn ada() -> UserId {
    UserId::new("ada").unwrap()
}

fn linked(customer: &Customer, what: &Linkable, user: Option<UserId>) -> Result<Commit, LinkError> {
    let accounts = BTreeMap::from([(ada(), None)]);
    link(customer.clone(), what, user, accounts, act(), &policy(), NOW)
}

#[test]
fn a_link_by_hand_gives_what_waits_to_its_user_and_its_removal_takes_it_back() {
    let (store, _) = tell(&policy(), |stripe: &mut Stripe| {
        stripe.create(Sub::new("sub_1", "cus_1", "active"));
    });
    let customer = store.customers().next().unwrap().clone();
    let subscription = Linkable::Subscription(SubscriptionId::new("sub_1").unwrap());
    for what in [Linkable::Customer, subscription] {
        assert!(customer.waiting_since.is_some());
        let commit = linked(&customer, &what, Some(ada())).unwrap();
        assert_eq!(commit.changes[0].role.as_str(), "paid");
        assert_eq!(commit.ledger.act.as_ref().map(Act::actor), Some("eve"));
        let (customer, account) = (commit.customer.unwrap(), commit.accounts[0].clone());
        assert_eq!(customer.waiting_since, None);
        let explained = explain_role(&account, std::slice::from_ref(&customer), &policy(), NOW);
        assert_eq!(explained.counts[0].id, "sub_1");
        assert_eq!(linked(&customer, &what, Some(ada())), Err(LinkError::Unchanged));

        let accounts = BTreeMap::from([(ada(), Some(account))]);
        let removed = link(customer, &what, None, accounts, act(), &policy(), NOW).unwrap();
        assert_eq!(removed.changes[0].role.as_str(), "free");
        let customer = removed.customer.unwrap();
        let explained = explain_role(&removed.accounts[0], &[customer], &policy(), NOW);
        assert_eq!(explained.counts, []);
        assert_eq!(explained.does_not_count[0].reason, "nobody knows whose it is");
    }
}

#[test]
fn nothing_is_linked_that_is_not_there() {
    let customer = Customer::new(CustomerId::new("cus_1").unwrap());
    let unknown = Linkable::Subscription(SubscriptionId::new("sub_9").unwrap());
    assert_eq!(linked(&customer, &unknown, Some(ada())), Err(LinkError::Unknown));
    let missing = UserId::new("bob").unwrap();
    let more = Err(LinkError::Load(BTreeSet::from([missing.clone()])));
    assert_eq!(linked(&customer, &Linkable::Customer, Some(missing)), more);
}
