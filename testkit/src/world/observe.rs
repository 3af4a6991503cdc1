//! The objects of the account as its API shows them: everything that could be asked about, at some second.
//!
//! They come from the histories of objects, like the oracle's answers, and never from events.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account::World;
use super::objects::{Customer, Dated, Payment, Session, Status, Subscription, Summary};
use super::shape::ApiShape;
use super::{render, render_money};

impl World {
    /// Every object that the account's own key can read, as it is at the end of a second. Lists are
    /// complete.
    pub fn observe(&self, at: i64) -> Vec<Value> {
        let counts = |account: &Option<String>| self.rules.counts(account.as_deref());
        let customers = self.customers.values().filter(|it| counts(&it.account));
        let customers = customers.flat_map(|customer| self.customer_at(customer, at));
        let own = |customer: &str| counts(&self.account_of(Some(customer)));
        let subscriptions = self.subscriptions.values().filter(|it| own(&it.customer));
        let subscriptions = subscriptions.filter_map(|it| self.subscription_at(it, at));
        let sessions = self.sessions.values().filter(|it| counts(&it.account));
        let sessions = sessions.filter_map(|session| self.session_at(session, at));
        let payments = self.payments.values().filter(|it| counts(&it.account));
        let payments = payments.flat_map(|payment| self.payment_at(payment, at));
        let all = customers.chain(subscriptions).chain(sessions).chain(payments);
        all.chain(self.invoices_at(at, &own)).collect()
    }

    fn customer_at(&self, customer: &Customer, at: i64) -> Vec<Value> {
        if customer.deleted_at.is_some_and(|deleted| deleted <= at) {
            return vec![json!({ "id": customer.id, "object": "customer", "deleted": true })];
        }
        let metadata = until(&customer.metadata, at);
        if metadata.is_empty() {
            return vec![];
        }
        let mut entitled = BTreeSet::new();
        for summary in until(&customer.summaries, at) {
            if !summary.value.has_more {
                let together = customer.summaries.iter().filter(|other| other.at == summary.at);
                entitled = together.flat_map(|it| it.value.lookup_keys.clone()).collect();
            }
            entitled.extend(summary.value.lookup_keys);
        }
        let summary = Summary { lookup_keys: entitled.into_iter().collect(), has_more: false };
        let summary = render::summary(self, &customer.id, &summary);
        let known = Customer { metadata, ..customer.clone() };
        vec![render::customer(self, &known), summary]
    }

    fn subscription_at(&self, subscription: &Subscription, at: i64) -> Option<Value> {
        let state = until(&subscription.history, at).pop()?;
        let mut node = state.value;
        node.shown = node.items.len();
        let mut object = render::subscription(self, subscription, &node);
        object["ended_at"] = json!((node.status == Status::Canceled).then_some(state.at));
        Some(object)
    }

    /// A session, which is paid in the second in which it begins: the API does not say when else it was.
    fn session_at(&self, session: &Session, at: i64) -> Option<Value> {
        let reports = until(&session.reports, at);
        let report = reports.last()?;
        let mut object = render_money::session(self, session, report.value);
        object["created"] = json!(report.at);
        Some(object)
    }

    fn invoices_at(&self, at: i64, own: &impl Fn(&str) -> bool) -> Vec<Value> {
        let known = self.invoices.values().filter(|invoice| {
            let subscription = self.subscriptions.get(&invoice.subscription);
            invoice.created <= at && subscription.is_some_and(|it| own(&it.customer))
        });
        let shown = known.map(|invoice| {
            let mut invoice = invoice.clone();
            invoice.paid_at = invoice.paid_at.filter(|paid| *paid <= at);
            let mut object = render_money::invoice(self, &invoice);
            object["status_transitions"] = json!({ "paid_at": invoice.paid_at });
            if self.shape == ApiShape::Basil && invoice.paid_at.is_some() {
                let charges = invoice.charges.iter().filter_map(|id| self.payments.get(id));
                let payments =
                    charges.map(|payment| render_money::invoice_payment(self, &invoice, payment));
                let data = payments.collect::<Vec<_>>();
                let url = format!("/v1/invoice_payments?invoice={}", invoice.id);
                object["payments"] =
                    json!({ "object": "list", "data": data, "has_more": false, "url": url });
            }
            object
        });
        shown.collect()
    }

    fn payment_at(&self, payment: &Payment, at: i64) -> Vec<Value> {
        let last = |seconds: &[i64]| seconds.iter().filter(|it| **it <= at).max().copied();
        let (refunded, undone) = (last(&payment.refunded), last(&payment.undone));
        let mut charge = render_money::charge(self, payment);
        charge["refunded"] =
            json!(refunded.is_some_and(|at| undone.is_none_or(|undone| undone <= at)));
        let mut shown = vec![charge];
        if let Some(dispute) = &payment.dispute {
            let status = until(&dispute.statuses, at).pop();
            shown.extend(status.map(|it| render_money::dispute(self, payment, dispute, it.value)));
        }
        shown
    }
}

/// A history up to a second.
fn until<T: Clone>(history: &[Dated<T>], at: i64) -> Vec<Dated<T>> {
    history.iter().filter(|entry| entry.at <= at).cloned().collect()
}
