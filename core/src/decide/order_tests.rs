//! Order does not matter: whole lives of customers at Stripe, told in any order with any repeats,
//! always end in what is true, and every step on the way keeps the invariants of `check_step`.
//!
//! The truth comes from a second, naive reading of the story in its own order ([`Truth`]).

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;
use crate::payment::PaymentState;

const CUSTOMERS: [&str; 2] = ["cus_a", "cus_b"];
const USERS: [&str; 2] = ["ada", "bob"];
/// Two subscriptions for each customer.
const SUBS: [&str; 4] = ["sub_0", "sub_1", "sub_2", "sub_3"];
const PRICES: [&str; 2] = ["price_paid", "pro_monthly"];
/// A subscription remembers 16 events; within that any order is right.
const EVENTS_OF_ONE_SUB_MAX: usize = 12;

/// One turn of the story: seconds until it, whom it concerns, what happens, and how.
type Turn = (i64, usize, u8, usize);

fn story() -> impl Strategy<Value = Vec<Turn>> {
    let pause = prop_oneof![4 => Just(0_i64), 2 => Just(1), 1 => Just(60), 1 => Just(3_600)];
    vec((pause, 0..SUBS.len(), 0..20_u8, 0..12_usize), 1..30)
}

/// What is true of a subscription that a naive reader remembers besides Stripe's object.
#[derive(Clone, Default)]
struct Known {
    /// Status at the end of each second in which anything was said.
    statuses: BTreeMap<i64, &'static str>,
    payment: Option<(bool, i64, PaymentState)>,
    events: usize,
    ended_at: Option<i64>,
}

#[derive(Default)]
struct Truth {
    stripe: Stripe,
    known: BTreeMap<&'static str, Known>,
    checkouts: BTreeMap<&'static str, &'static str>,
    metadata: BTreeMap<&'static str, Option<&'static str>>,
    deleted: Vec<&'static str>,
    /// When somebody last named a user of a customer, elsewhere than on a subscription.
    linked_at: i64,
}

impl Truth {
    fn of(story: &[Turn]) -> Self {
        let mut truth = Self { linked_at: -1, ..Self::default() };
        for turn in story {
            truth.turn(*turn);
        }
        truth
    }

    fn turn(&mut self, (pause, whom, what, how): Turn) {
        self.stripe.later(pause);
        let (id, customer) = (SUBS[whom], CUSTOMERS[whom / 2]);
        let user = [None, Some(USERS[0]), Some(USERS[1])][how % 3];
        match what {
            16 | 17 => self.link(customer, user),
            18 if how == 0 => self.delete(customer),
            18 | 19 => self.checkout(id, customer, user, how),
            _ if !self.stripe.subs.contains_key(id) => self.create(id, customer, user, how),
            _ => self.change(id, what, user, how),
        }
    }

    fn create(&mut self, id: &'static str, customer: &str, user: Option<&str>, how: usize) {
        let status = ["active", "trialing", "incomplete"][how / 4];
        let user = user.map_or(Value::Null, Value::from);
        self.stripe.create(Sub {
            basil: how.is_multiple_of(2),
            user,
            ..Sub::new(id, customer, status)
        });
        self.heard(id);
    }

    fn change(&mut self, id: &'static str, what: u8, user: Option<&str>, how: usize) {
        let known = self.known.entry(id).or_default();
        if known.ended_at.is_some() || known.events + 2 > EVENTS_OF_ONE_SUB_MAX {
            return;
        }
        let statuses = ["active", "trialing", "past_due", "unpaid", "paused", "incomplete"];
        match what {
            0..=4 => self.stripe.update(id, |sub| sub.status = statuses[how % 6]),
            5..=7 => self.stripe.update(id, |sub| sub.price = PRICES[how % 2]),
            8 | 9 => self.stripe.update(id, |sub| sub.ends += DAY),
            10 => self.stripe.update(id, |sub| sub.quantity = how as u64),
            11 => self.stripe.update(id, |sub| sub.cancels = !sub.cancels),
            12 => self.stripe.update(id, |sub| {
                sub.collection = [Value::Null, json!({"behavior": "void"})][how % 2].clone();
            }),
            13 => self.stripe.update(id, |sub| sub.user = user.map_or(Value::Null, Value::from)),
            14 => {
                // Stripe says it twice: as a change, and under a name of its own.
                let (status, name) = [("paused", "paused"), ("active", "resumed")][how % 2];
                self.stripe.update(id, |sub| sub.status = status);
                self.stripe.says(id, &format!("customer.subscription.{name}"));
                self.heard(id);
            }
            _ if how < 6 => {
                self.stripe.end(id);
                self.known.entry(id).or_default().ended_at = Some(self.stripe.at);
            }
            _ => self.stripe.update(id, |_| {}),
        }
        self.heard(id);
    }

    fn heard(&mut self, id: &'static str) {
        let known = self.known.entry(id).or_default();
        known.events += 1;
        known.statuses.insert(self.stripe.at, self.stripe.subs[id].status);
    }

    /// Two links within one second have no order that anybody could know: a second apart.
    fn link(&mut self, customer: &'static str, user: Option<&'static str>) {
        self.apart();
        let kind = if self.metadata.contains_key(customer) { "updated" } else { "created" };
        self.stripe.customer(kind, customer, user);
        self.metadata.insert(customer, user);
    }

    fn checkout(
        &mut self,
        id: &'static str,
        customer: &'static str,
        user: Option<&'static str>,
        how: usize,
    ) {
        self.apart();
        let (kind, paid, state) = [
            ("completed", "paid", PaymentState::Paid),
            ("completed", "unpaid", PaymentState::Pending),
            ("async_payment_succeeded", "paid", PaymentState::Paid),
            ("async_payment_failed", "unpaid", PaymentState::Failed),
        ][how / 3];
        self.stripe.checkout(kind, customer, id, user, paid);
        let decided = state != PaymentState::Pending;
        let payment = &mut self.known.entry(id).or_default().payment;
        *payment = (*payment).max(Some((decided, self.stripe.at, state)));
        if let Some(user) = user {
            self.checkouts.insert(customer, user);
        }
    }

    fn apart(&mut self) {
        self.stripe.later(i64::from(self.linked_at == self.stripe.at));
        self.linked_at = self.stripe.at;
    }

    fn delete(&mut self, customer: &'static str) {
        self.stripe.customer("deleted", customer, None);
        self.deleted.push(customer);
    }

    /// Since when the status is what it is.
    fn since(&self, id: &str) -> i64 {
        let known = &self.known[id];
        let now = self.stripe.subs[id].status;
        if let Some(ended_at) = known.ended_at {
            return ended_at;
        }
        known
            .statuses
            .iter()
            .rev()
            .take_while(|(_, status)| **status == now)
            .last()
            .map_or(0, |s| *s.0)
    }

    fn user(&self, customer: &str) -> Option<String> {
        let by_subscription = || {
            self.stripe
                .subs
                .values()
                .filter(|sub| sub.customer == customer && !sub.user.is_null())
                .max_by_key(|sub| {
                    let known = &self.known[sub.id.as_str()];
                    let latest = known.statuses.last_key_value().map(|last| *last.0);
                    (known.ended_at.is_none(), latest, &sub.id)
                })
                .and_then(|sub| sub.user.as_str())
        };
        let own = || self.metadata.get(customer).copied().flatten();
        let user = self.checkouts.get(customer).copied().or_else(by_subscription).or_else(own);
        user.map(str::to_owned)
    }

    fn role(&self, user: &str, policy: &Policy, now: Timestamp) -> &'static str {
        let customers = CUSTOMERS
            .into_iter()
            .filter(|id| !self.deleted.contains(id) && self.user(id).as_deref() == Some(user));
        let earned = customers.flat_map(|customer| {
            self.stripe.subs.values().filter(move |sub| sub.customer == customer).filter_map(
                |sub| {
                    self.has_access(sub, policy, now).then_some(match sub.price {
                        "pro_monthly" => "pro",
                        _ => "paid",
                    })
                },
            )
        });
        // By luck these sort as they rank.
        earned.max().unwrap_or("free")
    }

    fn has_access(&self, sub: &Sub, policy: &Policy, now: Timestamp) -> bool {
        let since = self.since(&sub.id);
        let unpaid = match self.known[sub.id.as_str()].payment {
            None | Some((_, _, PaymentState::Paid)) => false,
            Some((_, _, PaymentState::Pending)) => true,
            Some((_, at, PaymentState::Failed)) => {
                START + since <= START + at || sub.status != "active"
            }
        };
        let grace = i64::from(policy.grace_days) * DAY;
        let in_time = |end: i64| now < Timestamp::from_secs(end + grace);
        !unpaid
            && match sub.status {
                "active" | "trialing" => in_time(sub.ends),
                "past_due" => policy.past_due == PastDue::Keep && in_time(START + since),
                _ => false,
            }
    }
}

/// What must not depend on the order: everything but when and by which event the role changed, and
/// how often on the way.
fn end_of(store: &ReferenceModel, policy: &Policy) -> (Vec<Customer>, Vec<Account>) {
    let customers =
        store.customers().map(|customer| Customer { version: Version::default(), ..customer });
    let accounts = USERS.map(|user| {
        let user = UserId::new(user).unwrap();
        let known = store.account(&user).unwrap_or_else(|| Account::new(user, policy));
        Account {
            revocation_id: crate::id::RevocationId::default(),
            role_assigned_at: None,
            role_assigned_by: None,
            version: Version::default(),
            ..known
        }
    });
    (customers.collect(), accounts.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_order_with_any_repeats_ends_in_the_truth(
        story in story(),
        keys in vec(any::<u64>(), 64),
        repeats in vec((any::<Index>(), any::<Index>()), 0..6),
        (past_due, late) in (prop_oneof![Just(PastDue::Keep), Just(PastDue::Revoke)], any::<bool>()),
        operator in any::<bool>(),
    ) {
        let policy = Policy::new(crate::policy::PolicyConfig { past_due, ..config() }).unwrap();
        // Late is after the grace of everything past due, and before every period's end.
        let now = Timestamp::from_secs(START + if late { 10 * DAY } else { 2 * DAY });
        let truth = Truth::of(&story);
        let sent = &truth.stripe.sent;

        let mut start = ReferenceModel::default();
        if operator {
            let bob = Account::new(UserId::new("bob").unwrap(), &policy);
            let commit = assign(bob, policy.role("operator").cloned(), &policy, now).unwrap();
            start.commit(commit, &policy, now);
        }
        let mut in_order = start.clone();
        for body in sent {
            let delivered = in_order.deliver(body.as_bytes(), &policy, now);
            prop_assert!(matches!(delivered, Delivered::Committed(_) | Delivered::Ignored));
        }

        let mut order: Vec<_> = sent.iter().zip(&keys).collect();
        order.sort_by_key(|(_, key)| **key);
        let mut order: Vec<_> = order.into_iter().map(|(body, _)| body).collect();
        for (which, place) in &repeats {
            let repeated = order[which.index(order.len())];
            order.insert(place.index(order.len() + 1), repeated);
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
        for user in USERS {
            let manual = operator && user == "bob";
            let role = if manual { "operator" } else { truth.role(user, &policy, now) };
            prop_assert_eq!(&shuffled.role(user).0, role, "{}", sent.join("\n"));
        }
        if operator {
            prop_assert_eq!(shuffled.role("bob").1, 1);
        }
        prop_assert_eq!(shuffled.ledger.len(), in_order.ledger.len());
    }
}
