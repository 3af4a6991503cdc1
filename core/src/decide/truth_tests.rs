//! Reads a story in its own order and derives what is true at its end, for the order tests.

#[path = "truth_end_tests.rs"]
mod end;

use super::{
    order::{ByHand, Turn},
    *,
};
use crate::payment::PaymentState;

pub(super) const CUSTOMERS: [&str; 2] = ["cus_a", "cus_b"];
pub(super) const USERS: [&str; 2] = ["ada", "bob"];
/// Two subscriptions for each customer.
pub(super) const SUBS: [&str; 4] = ["sub_0", "sub_1", "sub_2", "sub_3"];
/// Purchases with their customers and plans; the last one is a guest's.
pub(super) const PURCHASES: [(&str, Option<&str>, &str); 3] = [
    ("pi_0", Some("cus_a"), "price_paid"),
    ("pi_1", Some("cus_b"), "pro_monthly"),
    ("pi_2", None, "pass"),
];
const PRICES: [&str; 2] = ["price_paid", "pro_monthly"];
const STATUSES: [&str; 6] = ["active", "trialing", "past_due", "unpaid", "paused", "incomplete"];
const DISPUTES: [&str; 6] =
    ["needs_response", "under_review", "won", "lost", "warning_needs_response", "prevented"];
/// A record has 16 events. Up to that, the order does not matter.
const EVENTS_OF_ONE_SUB_MAX: usize = 12;
/// The end of every first period.
const FIRST_ENDS: i64 = START + 30 * DAY;

/// What is known about a subscription or a purchase beside Stripe's object.
#[derive(Clone, Default)]
struct Known {
    /// The status at the end of each second that has an event.
    statuses: BTreeMap<i64, &'static str>,
    /// The first payment of the subscription, or that of the purchase.
    payment: Option<(bool, i64, PaymentState)>,
    /// The user that the latest paid session names.
    checkout: Option<&'static str>,
    events: usize,
    ended_at: Option<i64>,
    /// The time at which it last became active.
    became_active_at: Option<i64>,
    /// The latest end of a period in which it was active.
    active_ends: Option<i64>,
    /// The creation times and payments of its invoices.
    invoices: Vec<(i64, Vec<&'static str>)>,
}

/// What was given back of a payment.
#[derive(Clone, Default)]
struct GivenBack {
    /// Whether an event has named what it paid for.
    is_linked: bool,
    /// The invoice that its charge has to name.
    charge_names: Option<&'static str>,
    is_refunded: bool,
    disputes: BTreeMap<usize, &'static str>,
}

pub(super) struct Truth<'p> {
    pub(super) stripe: Stripe,
    known: BTreeMap<&'static str, Known>,
    payments: BTreeMap<&'static str, GivenBack>,
    metadata: BTreeMap<&'static str, Option<&'static str>>,
    entitlements: BTreeMap<&'static str, BTreeSet<Box<str>>>,
    deleted: Vec<&'static str>,
    invoices: usize,
    /// The time of the last event that is not about the state of a subscription.
    said_at: i64,
    by_hand: ByHand,
    policy: &'p Policy,
    now: Timestamp,
}

impl<'p> Truth<'p> {
    pub(super) fn of(story: &[Turn], by_hand: ByHand, policy: &'p Policy, now: Timestamp) -> Self {
        let mut truth = Self {
            stripe: Stripe::default(),
            known: BTreeMap::new(),
            payments: BTreeMap::new(),
            metadata: BTreeMap::new(),
            entitlements: BTreeMap::new(),
            deleted: Vec::new(),
            invoices: 0,
            said_at: -1,
            by_hand,
            policy,
            now,
        };
        if by_hand == ByHand::Subscription {
            truth.known.insert(SUBS[0], Known::default());
        }
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
            0..16 if !self.stripe.subs.contains_key(id) => self.create(id, customer, user, how),
            0..16 => self.change(id, what, user, how),
            // Events within one second have no known order, so these are a second apart.
            _ => {
                self.stripe.later(i64::from(self.said_at == self.stripe.at));
                self.said_at = self.stripe.at;
                match what {
                    16 | 17 => self.link(customer, user),
                    18 if how == 0 => self.delete(customer),
                    18 | 19 => self.checkout(id, customer, user, how),
                    20 | 21 => self.sell(PURCHASES[whom % 3], user, how),
                    22..=24 => self.invoice(id, customer, how),
                    25 | 26 => self.refund(how, whom),
                    27..=29 => self.dispute(how, whom),
                    _ => self.list(customer, how),
                }
            }
        }
    }

    fn create(&mut self, id: &'static str, customer: &str, user: Option<&str>, how: usize) {
        let status = ["active", "trialing", "incomplete"][how / 4];
        let user = user.map_or(Value::Null, Value::from);
        let basil = how.is_multiple_of(2);
        self.stripe.create(Sub { user, basil, ..Sub::new(id, customer, status) });
        self.heard(id);
    }

    fn change(&mut self, id: &'static str, what: u8, user: Option<&str>, how: usize) {
        let known = self.known.entry(id).or_default();
        if known.ended_at.is_some() || known.events + 2 > EVENTS_OF_ONE_SUB_MAX {
            return;
        }
        let cancel_at = [Value::Null, (START - 4 * DAY).into(), (START + 20 * DAY).into()];
        match what {
            0..=4 => self.stripe.update(id, |sub| sub.status = STATUSES[how % 6]),
            5 | 6 => self.stripe.update(id, |sub| sub.price = PRICES[how % 2]),
            7 => self.stripe.update(id, |sub| sub.cancel_at = cancel_at[how % 3].clone()),
            8 | 9 => self.stripe.update(id, |sub| sub.ends += DAY),
            10 => self.stripe.update(id, |sub| sub.quantity = how as u64 / 3),
            11 => self.stripe.update(id, |sub| sub.cancels = !sub.cancels),
            12 => self.stripe.update(id, |sub| {
                sub.collection = [Value::Null, json!({"behavior": "void"})][how % 2].clone();
            }),
            13 => self.stripe.update(id, |sub| sub.user = user.map_or(Value::Null, Value::from)),
            14 => {
                // Stripe sends two events: the update, and one with a name of its own.
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
        let (at, sub) = (self.stripe.at, &self.stripe.subs[id]);
        let known = self.known.entry(id).or_default();
        known.events += 1;
        if sub.status == "active" {
            let was = known.statuses.values().next_back();
            known.became_active_at =
                if was == Some(&"active") { known.became_active_at } else { Some(at) };
            known.active_ends = known.active_ends.max(Some(sub.ends));
        }
        known.statuses.insert(at, sub.status);
    }

    fn link(&mut self, customer: &'static str, user: Option<&'static str>) {
        let kind = if self.metadata.contains_key(customer) { "updated" } else { "created" };
        self.stripe.customer(kind, customer, user);
        self.metadata.insert(customer, user);
    }

    fn delete(&mut self, customer: &'static str) {
        self.stripe.customer("deleted", customer, None);
        self.deleted.push(customer);
    }

    fn checkout(
        &mut self,
        id: &'static str,
        customer: &'static str,
        user: Option<&'static str>,
        how: usize,
    ) {
        let (kind, paid, state) = report(how);
        self.stripe.checkout(kind, customer, id, user, paid);
        self.reported(id, user, state);
    }

    fn sell(
        &mut self,
        (id, customer, plan): (&'static str, Option<&str>, &str),
        user: Option<&'static str>,
        how: usize,
    ) {
        let (kind, paid, state) = report(how);
        let session = json!({"payment_intent": id, "customer": customer, "payment_status": paid,
                             "client_reference_id": user, "metadata": {"plan": plan}});
        self.stripe.sell(kind, session);
        self.reported(id, user, state);
        self.payments.entry(id).or_default().is_linked = true;
    }

    fn reported(&mut self, id: &'static str, user: Option<&'static str>, state: PaymentState) {
        let known = self.known.entry(id).or_default();
        let is_decided = state != PaymentState::Pending;
        known.payment = known.payment.max(Some((is_decided, self.stripe.at, state)));
        if state == PaymentState::Paid && user.is_some() {
            known.checkout = user;
        }
    }

    /// An invoice in one of three shapes. Since Basil it may have two payments.
    fn invoice(&mut self, id: &'static str, customer: &str, how: usize) {
        let (Some(invoice), true) =
            (INVOICES.get(self.invoices), self.stripe.subs.contains_key(id))
        else {
            return;
        };
        let (first, second) = (PAYMENTS[3 + self.invoices], PAYMENTS[9 + self.invoices]);
        self.invoices += 1;
        let by_id = json!({"customer": customer, "subscription": id});
        let parent = json!({"subscription_details": {"subscription": id}});
        let mut payments = vec![first];
        match how % 3 {
            0 => self.stripe.invoice(invoice, by_id),
            1 => self.stripe.invoice(invoice, with(by_id, json!({"payment_intent": first}))),
            _ => {
                payments.extend((how > 5).then_some(second));
                self.stripe.invoice(invoice, json!({"customer": customer, "parent": parent}));
                for payment in &payments {
                    self.stripe.invoice_payment(invoice, payment);
                }
            }
        }
        for payment in &payments {
            let known = self.payments.entry(*payment).or_default();
            known.is_linked = !how.is_multiple_of(3);
            known.charge_names = how.is_multiple_of(3).then_some(*invoice);
        }
        self.known.entry(id).or_default().invoices.push((self.stripe.at, payments));
    }

    fn payment(&self, how: usize) -> Option<&'static str> {
        self.payments.keys().copied().cycle().nth(how)
    }

    fn refund(&mut self, how: usize, whom: usize) {
        let Some(id) = self.payment(how) else { return };
        let known = self.payments.entry(id).or_default();
        match whom {
            0 | 1 => {
                self.stripe.refund(id, json!({"invoice": known.charge_names}));
                (known.is_refunded, known.is_linked) = (true, true);
            }
            2 => self.stripe.refund(id, json!({"refunded": false})),
            _ => {
                self.stripe.refund_failed(id);
                known.is_refunded = false;
            }
        }
    }

    fn dispute(&mut self, how: usize, whom: usize) {
        let Some(id) = self.payment(how) else { return };
        let status = DISPUTES[(how + whom) % DISPUTES.len()];
        self.stripe.dispute("updated", &format!("dp_{id}_{}", whom % 2), id, status);
        let disputes = &mut self.payments.entry(id).or_default().disputes;
        let is_final = |status: &str| matches!(status, "won" | "lost");
        let known = disputes.get(&(whom % 2)).copied().unwrap_or_default();
        if is_final(status) || !is_final(known) {
            disputes.insert(whom % 2, status);
        }
    }

    fn list(&mut self, customer: &'static str, how: usize) {
        let names =
            &[["export", "audit"], ["audit", "sso"], ["sso", "export"]][how % 3][..=(how % 2)];
        let has_more = how > 8;
        self.stripe.entitlements(customer, names, has_more);
        let known = self.entitlements.entry(customer).or_default();
        if !has_more {
            known.clear();
        }
        known.extend(names.iter().map(|name| Box::from(*name)));
    }
}

fn report(how: usize) -> (&'static str, &'static str, PaymentState) {
    [
        ("completed", "paid", PaymentState::Paid),
        ("completed", "unpaid", PaymentState::Pending),
        ("async_payment_succeeded", "paid", PaymentState::Paid),
        ("async_payment_failed", "unpaid", PaymentState::Failed),
    ][how / 3]
}
