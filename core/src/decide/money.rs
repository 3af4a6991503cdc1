//! Leads an event about a payment or an invoice to the customer that it concerns, in whatever order events
//! arrive.

use std::collections::{BTreeMap, BTreeSet};

use super::{Commit, LoadKeys, Loaded, Stop};
use crate::{
    codes::Code,
    customer::{Customer, Ownable},
    earned::plan,
    failure::Failure,
    fold::Arrival,
    id::{CustomerId, InvoiceId, PaymentId, PurchaseId, SubscriptionId},
    invoice::Invoice,
    payment::{Payment, Subject},
    policy::Policy,
    reversal::GivenBack,
    stripe::event::{Event, Fact},
    time::Timestamp,
};

/// The aggregates that an event concerns, while it is applied.
pub(super) struct Money<'p> {
    pub(super) customer: Option<Customer>,
    /// Whether anything changed.
    pub(super) arrival: Arrival,
    /// Whether the customer changed.
    pub(super) customer_arrival: Arrival,
    payments: BTreeMap<PaymentId, Payment>,
    invoices: BTreeMap<InvoiceId, Invoice>,
    /// The customer that the event names.
    of_event: Option<CustomerId>,
    /// What a payment paid for, if the event leads to it.
    subject: Option<Found>,
    keys: LoadKeys,
    policy: &'p Policy,
}

enum Found {
    Subscription(SubscriptionId),
    Purchase(PurchaseId),
}

impl<'p> Money<'p> {
    /// Takes what was loaded, except for the accounts.
    pub(super) fn new(event: &Event, loaded: &mut Loaded, policy: &'p Policy) -> Self {
        let customer = loaded.customer.take();
        let payments = std::mem::take(&mut loaded.payments);
        let invoices = std::mem::take(&mut loaded.invoices);
        let keys = LoadKeys {
            event: event.id.clone(),
            customer: customer.as_ref().map(|customer| customer.id.clone()),
            payments: payments.keys().cloned().collect(),
            invoices: invoices.keys().cloned().collect(),
            users: loaded.accounts.keys().cloned().collect(),
        };
        Self {
            customer,
            arrival: Arrival::Stale,
            customer_arrival: Arrival::Stale,
            payments,
            invoices,
            of_event: event.customer.clone(),
            subject: None,
            keys,
            policy,
        }
    }

    /// Applies an event, and what it says about payments, to the customer.
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), Stop> {
        match &event.fact {
            Fact::Purchase(order) => {
                let policy = self.policy;
                let customer = self.customer(event.customer.as_ref())?;
                let id = customer.id.clone();
                customer.make_room_for(&order.id, |offer| plan(offer, policy).is_some());
                self.apply_to_customer(event)?;
                if let Some(payment) = &order.payment {
                    let subject = Subject::Purchase(id, order.id.clone());
                    self.link(payment, subject)?;
                }
            }
            Fact::Invoice { id, paid, payments } => {
                let customer = self.customer(event.customer.as_ref())?.id.clone();
                let arrival = self.invoice(id)?.pay(customer, paid.clone());
                self.note(arrival);
                for payment in payments {
                    self.link_invoice(payment, id)?;
                }
                self.follow_invoice(id)?;
            }
            Fact::InvoicePayment { invoice, payment } => self.link_invoice(payment, invoice)?,
            Fact::Reversal { payment, invoice, report } => {
                let applied = self.payment(payment)?.reversal.apply(report);
                let arrival =
                    applied.map_err(|error| Failure::new(Code::PaymentTooLarge, &error))?;
                self.note(arrival);
                if let Some(invoice) = invoice {
                    self.link_invoice(payment, invoice)?;
                }
                self.follow_payment(payment)?;
            }
            Fact::Subscription { .. }
            | Fact::SubscriptionObserved { .. }
            | Fact::Checkout { .. }
            | Fact::Customer { .. }
            | Fact::CustomerDeleted
            | Fact::Features(_) => self.apply_to_customer(event)?,
            Fact::Unrelated => {}
        }
        Ok(())
    }

    /// What a payment paid for, if the event leads to it.
    pub(super) fn subject(&self) -> Option<Ownable<'_>> {
        match self.subject.as_ref()? {
            Found::Subscription(id) => Some(Ownable::Subscription(id)),
            Found::Purchase(id) => Some(Ownable::Purchase(id)),
        }
    }

    /// The cause, if a payment is given back and has no known subject.
    pub(super) fn unlinked_cause(&self) -> Option<Code> {
        let is_waiting = self.payments.values().any(|payment| payment.waiting_since.is_some());
        is_waiting.then_some(Code::PaymentUnlinked)
    }

    /// The request to load these users as well.
    pub(super) fn with_users(&self, users: impl IntoIterator<Item = crate::id::UserId>) -> Stop {
        let mut keys = self.keys.clone();
        keys.users.extend(users);
        Stop::Load(Box::new(keys))
    }

    /// Adds what changed to a commit, and every payment and invoice on the way. If two events lead through
    /// one of them at the same time, the second conflicts and is decided again.
    pub(super) fn commit(self, commit: &mut Commit) {
        commit.customer = self.customer.filter(|_| self.customer_arrival == Arrival::Remembered);
        commit.payments.extend(self.payments.into_values());
        commit.invoices.extend(self.invoices.into_values());
    }

    fn apply_to_customer(&mut self, event: &Event) -> Result<(), Stop> {
        let applied = self.customer(event.customer.as_ref())?.apply(event);
        let arrival = applied.map_err(|error| Failure::new(Code::CustomerTooLarge, &error))?;
        self.note_customer(arrival);
        Ok(())
    }

    fn link(&mut self, payment: &PaymentId, subject: Subject) -> Result<(), Stop> {
        let arrival = self.payment(payment)?.link(subject);
        self.note(arrival);
        self.follow_payment(payment)
    }

    fn link_invoice(&mut self, payment: &PaymentId, invoice: &InvoiceId) -> Result<(), Stop> {
        let linked = self.invoice(invoice)?.link(payment);
        let arrival = linked.map_err(|error| Failure::new(Code::PaymentTooLarge, &error))?;
        self.note(arrival);
        self.link(payment, Subject::Invoice(invoice.clone()))
    }

    /// Applies what was given back of a payment to what it paid for.
    fn follow_payment(&mut self, id: &PaymentId) -> Result<(), Stop> {
        let payment = self.payment(id)?;
        let (subject, given_back) = (payment.subject.clone(), payment.reversal.summary());
        match subject {
            Some(Subject::Purchase(customer, purchase)) => {
                self.await_subject(id, true);
                if let Some(customer) = self.follow(&customer)? {
                    let arrival = customer.give_back(&purchase, given_back);
                    self.note_customer(arrival);
                    self.subject = Some(Found::Purchase(purchase));
                }
                Ok(())
            }
            Some(Subject::Invoice(invoice)) => self.follow_invoice(&invoice),
            None => {
                self.await_subject(id, false);
                Ok(())
            }
        }
    }

    /// Applies what was given back of all payments on an invoice to its subscription.
    fn follow_invoice(&mut self, id: &InvoiceId) -> Result<(), Stop> {
        let Invoice { paid, payments, .. } = self.invoice(id)?.clone();
        self.require_payments(&payments)?;
        let mut given_back = Vec::with_capacity(payments.len());
        for payment in &payments {
            let known = self.payment(payment)?;
            given_back.push(known.reversal.summary());
            let is_purchase = matches!(known.subject, Some(Subject::Purchase(..)));
            self.await_subject(payment, is_purchase || paid.is_some());
        }
        let Some((customer, paid)) = paid else { return Ok(()) };
        let Some(subscription) = paid.subscription.clone() else { return Ok(()) };
        let given_back = GivenBack::of_all(given_back);
        let Some(customer) = self.follow(&customer)? else { return Ok(()) };
        let paid_for = customer.pay(id, &subscription, &paid, given_back);
        let arrival = paid_for.map_err(|error| Failure::new(Code::CustomerTooLarge, &error))?;
        self.note_customer(arrival);
        self.subject = Some(Found::Subscription(subscription));
        Ok(())
    }

    /// Records since when a payment is given back without a known subject, if the policy would take access
    /// for it.
    fn await_subject(&mut self, id: &PaymentId, is_known: bool) {
        let policy = self.policy;
        let Some(payment) = self.payments.get_mut(id) else { return };
        let given_back = payment.reversal.summary();
        let matters = policy.subscription_reversal.revokes(given_back)
            || policy.purchase_reversal.revokes(given_back);
        let since_secs = payment.reversal.since_secs().filter(|_| matters && !is_known);
        payment.waiting_since = since_secs.map(Timestamp::from_secs);
    }

    fn is_loaded(&self, id: &CustomerId) -> bool {
        self.customer.as_ref().is_some_and(|customer| customer.id == *id)
    }

    /// The customer that a payment leads to; `None` if the event names another one.
    fn follow(&mut self, id: &CustomerId) -> Result<Option<&mut Customer>, Stop> {
        if self.of_event.as_ref().is_some_and(|named| named != id) {
            return Ok(None);
        }
        self.customer(Some(id)).map(Some)
    }

    /// The customer with this id, or the request to load it.
    fn customer(&mut self, id: Option<&CustomerId>) -> Result<&mut Customer, Stop> {
        let is_needed = id.is_none_or(|id| self.is_loaded(id));
        match &mut self.customer {
            Some(customer) if is_needed => Ok(customer),
            _ => {
                let keys = LoadKeys { customer: id.cloned(), ..self.keys.clone() };
                Err(Stop::Load(Box::new(keys)))
            }
        }
    }

    fn payment(&mut self, id: &PaymentId) -> Result<&mut Payment, Stop> {
        if let Some(payment) = self.payments.get_mut(id) {
            return Ok(payment);
        }
        let mut keys = self.keys.clone();
        keys.payments.insert(id.clone());
        Err(Stop::Load(Box::new(keys)))
    }

    /// Requests all of these at once, if some are not loaded.
    fn require_payments(&self, ids: &BTreeSet<PaymentId>) -> Result<(), Stop> {
        if ids.iter().all(|id| self.payments.contains_key(id)) {
            return Ok(());
        }
        let mut keys = self.keys.clone();
        keys.payments.extend(ids.iter().cloned());
        Err(Stop::Load(Box::new(keys)))
    }

    fn invoice(&mut self, id: &InvoiceId) -> Result<&mut Invoice, Stop> {
        if let Some(invoice) = self.invoices.get_mut(id) {
            return Ok(invoice);
        }
        let mut keys = self.keys.clone();
        keys.invoices.insert(id.clone());
        Err(Stop::Load(Box::new(keys)))
    }

    const fn note_customer(&mut self, arrival: Arrival) {
        self.customer_arrival = self.customer_arrival.or(arrival);
        self.arrival = self.arrival.or(arrival);
    }

    const fn note(&mut self, arrival: Arrival) {
        self.arrival = self.arrival.or(arrival);
    }
}
