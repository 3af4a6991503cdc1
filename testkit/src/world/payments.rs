//! Invoices, charges, refunds and disputes.

use super::account::World;
use super::objects::{Dated, Dispute, Invoice, Payment, Purpose, Refund, Subject};
use super::render_money;
use super::shape::ApiShape;

/// How Stripe reports that a refund did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundEnd {
    Failed,
    UpdatedFailed,
    UpdatedCanceled,
}

impl World {
    /// Issues and pays an invoice of a subscription. Only newer shapes allow several payments on
    /// one invoice.
    pub fn pay_invoice(&mut self, subscription: &str, amount: i64, parts: usize) -> String {
        let id = self.issue_invoice(subscription, amount);
        self.settle_invoice(&id, parts);
        id
    }

    /// Issues an unpaid invoice.
    pub fn issue_invoice(&mut self, subscription: &str, amount: i64) -> String {
        let id = self.new_id("in");
        let subscription = subscription.to_owned();
        let created = self.now;
        let invoice = Invoice {
            id: id.clone(),
            subscription,
            created,
            amount,
            paid_at: None,
            charges: vec![],
        };
        self.invoices.insert(id.clone(), invoice);
        self.tell_invoice("invoice.created", &id);
        id
    }

    /// Pays an invoice in `parts` payments.
    pub fn settle_invoice(&mut self, id: &str, parts: usize) {
        let Some(invoice) = self.invoices.get(id).cloned() else {
            return;
        };
        let customer = self.subscriptions.get(&invoice.subscription).map(|s| s.customer.clone());
        let account = self.account_of(customer.as_deref());
        let parts = match (invoice.amount, self.shape) {
            (0, _) => 0,
            (_, ApiShape::Old) => 1,
            (_, ApiShape::Basil) => parts.max(1),
        };
        for _ in 0..parts {
            let bare = self.shape == ApiShape::Old && self.rng.chance(20);
            let intent = (!bare).then(|| self.new_id("pi"));
            let purpose = Purpose::Invoice(id.to_owned());
            let amount = invoice.amount / parts as i64;
            let charge =
                self.add_payment(purpose, customer.clone(), account.clone(), intent, amount);
            if let Some(invoice) = self.invoices.get_mut(id) {
                invoice.charges.push(charge);
            }
        }
        let at = self.now;
        if let Some(invoice) = self.invoices.get_mut(id) {
            invoice.paid_at = Some(at);
        }
        self.tell_invoice("invoice.paid", id);
        if self.shape == ApiShape::Basil {
            self.tell_invoice_payments(id);
        }
    }

    fn tell_invoice(&mut self, kind: &str, id: &str) {
        let Some(invoice) = self.invoices.get(id).cloned() else {
            return;
        };
        let customer = self.subscriptions.get(&invoice.subscription).map(|s| s.customer.clone());
        let account = self.account_of(customer.as_deref());
        let object = render_money::invoice(self, &invoice);
        self.emit(kind, Subject::Subscription(invoice.subscription), account, object, None);
    }

    fn tell_invoice_payments(&mut self, id: &str) {
        let Some(invoice) = self.invoices.get(id).cloned() else {
            return;
        };
        for charge in &invoice.charges {
            let Some(payment) = self.payments.get(charge).cloned() else {
                continue;
            };
            let object = render_money::invoice_payment(self, &invoice, &payment);
            let subject = Subject::Subscription(invoice.subscription.clone());
            self.emit("invoice_payment.paid", subject, payment.account, object, None);
        }
    }

    /// Records a successful charge and emits its event.
    pub(super) fn add_payment(
        &mut self,
        purpose: Purpose,
        customer: Option<String>,
        account: Option<String>,
        payment_intent: Option<String>,
        amount: i64,
    ) -> String {
        let charge = self.new_id("ch");
        let payment = Payment {
            charge: charge.clone(),
            payment_intent,
            customer,
            account,
            amount,
            purpose,
            refunds: vec![],
            refunded: vec![],
            undone: vec![],
            dispute: None,
        };
        self.payments.insert(charge.clone(), payment);
        self.tell_charge("charge.succeeded", &charge);
        charge
    }

    /// The subscription or purchase that a charge paid for.
    pub fn subject_of(&self, payment: &Payment) -> Subject {
        match &payment.purpose {
            Purpose::Session(id) => Subject::Purchase(id.clone()),
            Purpose::Invoice(id) => self
                .invoices
                .get(id)
                .map_or(Subject::Nothing, |i| Subject::Subscription(i.subscription.clone())),
        }
    }

    fn tell_charge(&mut self, kind: &str, charge: &str) {
        let Some(payment) = self.payments.get(charge).cloned() else {
            return;
        };
        let object = render_money::charge(self, &payment);
        self.emit(kind, self.subject_of(&payment), payment.account, object, None);
    }

    /// Refunds `amount` of a charge, or what is left of it. Returns the id of the refund.
    pub fn refund(&mut self, charge: &str, amount: i64) -> Option<String> {
        let left = self.payments.get(charge).map(|p| p.amount - p.refunded_amount())?;
        let amount = amount.min(left);
        if amount <= 0 {
            return None;
        }
        let id = self.new_id("re");
        let at = self.now;
        let payment = self.payments.get_mut(charge)?;
        payment.refunds.push(Refund { id: id.clone(), amount, failed: false });
        if payment.refunded_amount() == payment.amount {
            payment.refunded.push(at);
        }
        self.tell_charge("charge.refunded", charge);
        Some(id)
    }

    /// Fails a refund that succeeded before.
    pub fn fail_refund(&mut self, charge: &str, refund: &str, end: RefundEnd) {
        let at = self.now;
        let Some(payment) = self.payments.get_mut(charge) else {
            return;
        };
        let Some(failing) = payment.refunds.iter_mut().find(|known| known.id == refund) else {
            return;
        };
        failing.failed = true;
        let failed = failing.clone();
        payment.undone.push(at);
        let payment = payment.clone();
        let (kind, status) = match end {
            RefundEnd::Failed => ("refund.failed", "failed"),
            RefundEnd::UpdatedFailed => ("refund.updated", "failed"),
            RefundEnd::UpdatedCanceled => ("refund.updated", "canceled"),
        };
        let object = render_money::refund(&payment, &failed, status);
        self.emit(kind, self.subject_of(&payment), payment.account, object, None);
    }

    /// Opens a dispute or changes its status, each time in a second of its own.
    pub fn dispute(&mut self, charge: &str, status: &'static str) {
        let Some(payment) = self.payments.get(charge) else {
            return;
        };
        let last = payment.dispute.as_ref().and_then(|dispute| dispute.statuses.last());
        let (first, taken) = (last.is_none(), last.is_some_and(|last| last.at == self.now));
        self.advance(i64::from(taken));
        let id = self.new_id("dp");
        let at = self.now;
        let Some(payment) = self.payments.get_mut(charge) else {
            return;
        };
        let dispute = payment.dispute.get_or_insert(Dispute { id, statuses: vec![] });
        dispute.statuses.push(Dated { at, value: status });
        let dispute = dispute.clone();
        let payment = payment.clone();
        let kind = match status {
            _ if first => "charge.dispute.created",
            "won" | "lost" | "warning_closed" | "prevented" => "charge.dispute.closed",
            _ => "charge.dispute.updated",
        };
        let object = render_money::dispute(self, &payment, &dispute, status);
        self.emit(kind, self.subject_of(&payment), payment.account, object, None);
    }
}
