//! Order does not matter: the webhooks of generated stories, in any order with any repeats, always lead to
//! what is true, and every step keeps the invariants of `check_step`.
//!
//! [`Truth`] derives what is true by reading the story in its own order.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    truth::{CUSTOMERS, PURCHASES, SUBS, Truth, USERS},
    *,
};

/// One turn of a story: seconds until it, whom it concerns, what happens, and how.
pub(super) type Turn = (i64, usize, u8, usize);

fn story() -> impl Strategy<Value = Vec<Turn>> {
    let pause = prop_oneof![4 => Just(0_i64), 2 => Just(1), 1 => Just(60), 1 => Just(3_600)];
    vec((pause, 0..SUBS.len(), 0..32_u8, 0..12_usize), 1..36)
}

/// A link by hand, from before the story.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ByHand {
    Nothing,
    Subscription,
    Customer,
    Purchase,
}

impl ByHand {
    /// The user that it names.
    pub(super) const USER: &str = USERS[1];

    /// The first customer, with its link.
    fn link(self) -> Customer {
        let mut customer = Customer::new(CustomerId::new(CUSTOMERS[0]).unwrap());
        let linked = Some(user(Self::USER));
        match self {
            Self::Nothing => {}
            Self::Customer => customer.links.manual = linked,
            Self::Subscription => {
                let id = crate::id::SubscriptionId::new(SUBS[0]).unwrap();
                customer.subscriptions.entry(id).or_default().link = linked;
            }
            Self::Purchase => {
                let id = crate::id::PurchaseId::new(PURCHASES[0].0).unwrap();
                customer.purchases.entry(id).or_default().link = linked;
            }
        }
        customer
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    let reversal = || {
        let on = |refund, dispute| Just(OnReversal { refund, dispute });
        prop_oneof![
            on(Access::Keep, OnDispute::Keep),
            on(Access::Revoke, OnDispute::RevokeWhenLost),
            on(Access::Revoke, OnDispute::Revoke),
        ]
    };
    let access = prop_oneof![Just(Access::Keep), Just(Access::Revoke)];
    (any::<bool>(), access, reversal(), reversal()).prop_map(|(strict, pause, ours, theirs)| {
        policy_with(|config| {
            config.past_due = if strict { PastDue::Revoke } else { PastDue::Keep };
            config.pause_collection = PauseCollection::all(pause);
            (config.subscription_reversal, config.purchase_reversal) = (ours, theirs);
            config.plans.push(PlanConfig { days: Some(40), ..PlanConfig::new("pass", "paid") });
            config.features = [("paid", "share"), ("pro", "cad")]
                .map(|(role, feature)| (role.to_owned(), vec![feature.to_owned()]))
                .to_vec();
        })
    })
}

/// A store in which bob may be an operator, with a link by hand.
fn start(operator: bool, by_hand: ByHand, policy: &Policy, now: Timestamp) -> ReferenceModel {
    let mut store = ReferenceModel::default();
    if operator {
        let bob = Account::new(user("bob"), policy);
        let commit = assign(bob, policy.role("operator").cloned(), policy, now).unwrap();
        store.commit(commit, policy, now);
    }
    if by_hand != ByHand::Nothing {
        let kind = SystemEvent::RoleAssigned;
        let row = LedgerEntry::for_system_event(kind, "by.hand", 0, now).unwrap();
        let customer = Some(by_hand.link());
        store.commit(Commit { customer, ..Commit::new(row) }, policy, now);
    }
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_order_with_any_repeats_ends_in_the_truth(
        story in story(),
        keys in vec(any::<u64>(), 160),
        repeats in vec((any::<Index>(), any::<Index>()), 0..6),
        policy in policies(),
        (late, operator) in (any::<bool>(), any::<bool>()),
        by_hand in proptest::sample::select(vec![
            ByHand::Nothing, ByHand::Subscription, ByHand::Customer, ByHand::Purchase,
        ]),
    ) {
        // A late decision is after the grace of what is past due, and before every period's end.
        let now = Timestamp::from_secs(START + if late { 10 * DAY } else { 2 * DAY });
        let truth = Truth::of(&story, by_hand, &policy, now);
        let sent = &truth.stripe.sent;
        prop_assert!(sent.len() <= keys.len());

        let start = start(operator, by_hand, &policy, now);
        let mut in_order = start.clone();
        for body in sent {
            let delivered = in_order.deliver(body.as_bytes(), &policy, now);
            prop_assert!(matches!(delivered, Delivered::Committed(_)), "{:?} {}", delivered, body);
        }

        let mut order: Vec<_> = sent.iter().zip(&keys).collect();
        order.sort_by_key(|(_, key)| **key);
        let mut order: Vec<_> = order.into_iter().map(|(body, _)| body).collect();
        if !order.is_empty() {
            for (which, place) in &repeats {
                let repeated = order[which.index(order.len())];
                order.insert(place.index(order.len() + 1), repeated);
            }
        }
        let mut shuffled = start;
        for body in order {
            let first = !shuffled.ledger.contains_key(
                serde_json::from_str::<Value>(body).unwrap()["id"].as_str().unwrap()
            );
            let came = shuffled.deliver(body.as_bytes(), &policy, now);
            prop_assert_eq!(came == Delivered::Duplicate, !first, "{:?}", came);
        }

        prop_assert_eq!(end_of(&shuffled, &policy), end_of(&in_order, &policy));
        for name in USERS {
            let manual = operator && name == "bob";
            let role = if manual { "operator" } else { truth.role(name) };
            prop_assert_eq!(&shuffled.role(name).0, role, "{} {}", name, sent.join("\n"));
            let account = shuffled.account(&user(name));
            let features = account.map(|account| account.standing.features).unwrap_or_default();
            prop_assert_eq!(features, truth.features(name, role), "{} {}", name, sent.join("\n"));
        }
        if operator {
            prop_assert_eq!(shuffled.role("bob").1, 1);
        }
        prop_assert_eq!(shuffled.ledger.len(), in_order.ledger.len());
    }
}
