//! Checkout Sessions of all three modes.

use super::account::World;
use super::objects::{Dated, Metadata, Mode, Purpose, Report, Session, Subject};
use super::render_money;

/// A session to complete.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub mode: Mode,
    /// `None` for a guest.
    pub customer: Option<String>,
    /// The connected account of a guest's session.
    pub account: Option<String>,
    /// The subscription that it created.
    pub subscription: Option<String>,
    pub client_reference_id: Option<String>,
    pub metadata: Metadata,
    pub payment_link: Option<String>,
    /// Prices of expanded line items.
    pub line_items: Vec<String>,
    /// The payment as `checkout.session.completed` reports it.
    pub report: Report,
}

impl NewSession {
    /// A paid session that names no user and sells nothing.
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            customer: None,
            account: None,
            subscription: None,
            client_reference_id: None,
            metadata: Metadata::new(),
            payment_link: None,
            line_items: vec![],
            report: Report::Paid,
        }
    }
}

impl World {
    /// Completes a session. A paid purchase has a charge.
    pub fn complete_session(&mut self, new: NewSession) -> String {
        let id = self.new_id("cs_test");
        let free = new.report == Report::NoPaymentRequired;
        let with_intent = new.mode == Mode::Payment && !free;
        let account = new.account.or_else(|| self.account_of(new.customer.as_deref()));
        let session = Session {
            id: id.clone(),
            mode: new.mode,
            customer: new.customer,
            account,
            subscription: new.subscription,
            payment_intent: with_intent.then(|| self.new_id("pi")),
            client_reference_id: new.client_reference_id,
            metadata: new.metadata,
            payment_link: new.payment_link,
            line_items: new.line_items,
            reports: vec![],
        };
        self.sessions.insert(id.clone(), session);
        if new.report == Report::Paid {
            self.charge_session(&id);
        }
        self.report(&id, new.report, "checkout.session.completed");
        id
    }

    /// Decides the payment of a pending session. If it succeeded, the first invoice of the
    /// subscription is paid too.
    pub fn finish_payment(&mut self, id: &str, succeeded: bool) {
        if !succeeded {
            self.report(id, Report::AsyncFailed, "checkout.session.async_payment_failed");
            return;
        }
        self.charge_session(id);
        self.report(id, Report::AsyncSucceeded, "checkout.session.async_payment_succeeded");
        let made = self.sessions.get(id).and_then(|session| session.subscription.clone());
        if let Some(subscription) = made {
            self.pay_invoice(&subscription, 900, 1);
        }
    }

    fn charge_session(&mut self, id: &str) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        if session.mode != Mode::Payment {
            return;
        }
        let (customer, account) = (session.customer.clone(), session.account.clone());
        let intent = session.payment_intent.clone();
        self.add_payment(Purpose::Session(id.to_owned()), customer, account, intent, 2000);
    }

    fn report(&mut self, id: &str, report: Report, kind: &str) {
        let at = self.now;
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.reports.push(Dated { at, value: report });
        let session = session.clone();
        let subject = match session.mode {
            Mode::Subscription => session.subscription.clone().map(Subject::Subscription),
            Mode::Payment => Some(Subject::Purchase(id.to_owned())),
            Mode::Setup => None,
        };
        let object = render_money::session(self, &session, report);
        self.emit(kind, subject.unwrap_or(Subject::Nothing), session.account, object, None);
    }

    /// Whether a subscription's first payment is pending or failed, by its session.
    pub fn first_payment_open(&self, subscription: &str) -> bool {
        let made = |session: &&Session| session.subscription.as_deref() == Some(subscription);
        self.sessions
            .values()
            .filter(made)
            .any(|session| session.reports.last().is_some_and(|report| !report.value.is_paid()))
    }

    /// Sessions whose payment is pending.
    pub fn pending_sessions(&self) -> Vec<String> {
        let pending = |session: &&Session| {
            session.reports.last().is_some_and(|report| report.value == Report::Unpaid)
        };
        self.sessions.values().filter(pending).map(|session| session.id.clone()).collect()
    }
}
