//! The objects that are observed. They are those of events, and are read by the same types; what only an
//! answer says is read beside them, so that no event pays for it.
//!
//! An event says what happened in its second. An answer only says what is, so each fact here says as of
//! which second it counts: one that the object itself has, or the last one before the answer's window.

use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;

use super::{
    billing::{
        Charge, Data, Dispute, EntitlementSummary, Invoice, InvoicePayment, PaymentReference,
    },
    checkout::Session,
    customer::Customer,
    error::Error,
    fact::{Fact, Parsed},
    ids::customer_id,
    json::{expanded, from_slice, object, optional_object},
    kind::Type,
    subscription::Subscription,
};
use crate::{
    fold::Observation,
    id::SubscriptionId,
    observation::Window,
    subscription::{Node, Status},
};

/// What an object is.
#[derive(Deserialize)]
pub(super) struct Kind<'a> {
    #[serde(borrow)]
    pub(super) object: Cow<'a, str>,
    /// What Stripe says about a deleted customer, and little else.
    #[serde(default)]
    pub(super) deleted: bool,
}

/// The body of an observation with what is needed to read its object.
#[derive(Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) window: Window,
    pub(super) user_id_keys: &'a [String],
}

/// A body of which only the object is read.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Body<T> {
    #[serde(deserialize_with = "object")]
    data: Data<T>,
}

impl<'a> Answer<'a> {
    pub(super) fn parse(self, kind: &Kind<'_>) -> Result<Parsed, Error> {
        match &*kind.object {
            "subscription" => self.subscription(),
            "customer" => self.customer(kind.deleted),
            "checkout.session" => self.session(),
            "invoice" => self.invoice(),
            "invoice_payment" => self.invoice_payment(),
            "charge" => Ok((None, self.charge(&self.read()?)?)),
            "refund" => Ok((None, self.refund()?)),
            "payment_intent" => Ok((None, self.payment_intent()?)),
            "dispute" => Ok((None, self.read::<Dispute<'_>>()?.fact(self.window.as_of_secs())?)),
            "entitlements.active_entitlement_summary" => {
                let summary: EntitlementSummary<'_> = self.read()?;
                let customer = customer_id(&summary.customer, &summary.customer_account)?;
                Ok((Some(customer), summary.fact()?))
            }
            _ => Err(Error::Malformed("data.object.object: none that is observed".to_owned())),
        }
    }

    fn read<T: Deserialize<'a>>(self) -> Result<T, Error> {
        let body: Body<T> = from_slice(self.bytes)?;
        Ok(body.data.object)
    }

    fn subscription(self) -> Result<Parsed, Error> {
        let subscription: Subscription<'_> = self.read()?;
        let times: SubscriptionTimes = self.read()?;
        let id = SubscriptionId::new(&subscription.id)
            .map_err(|error| Error::Malformed(format!("data.object.id: {error}")))?;
        let customer = customer_id(&subscription.customer, &subscription.customer_account)?;
        let node = subscription.node(self.user_id_keys)?;
        let since_secs = times.since(&node).unwrap_or(self.window.from_secs);
        let since_secs = since_secs.min(self.window.from_secs);
        let observation = Observation { window: self.window, since_secs, node: Arc::new(node) };
        Ok((Some(customer), Fact::SubscriptionObserved { id, observation }))
    }

    fn customer(self, deleted: bool) -> Result<Parsed, Error> {
        let customer: Customer<'_> = self.read()?;
        let kind = if deleted { Type::CustomerDeleted } else { Type::CustomerUpdated };
        customer.parsed(kind, self.user_id_keys)
    }

    /// A session that is not complete has sold nothing yet. The payment of a complete one counts as of the
    /// session's own beginning: a purchase's days begin there, and an event of it is later.
    fn session(self) -> Result<Parsed, Error> {
        let session: Session<'_> = self.read()?;
        let SessionState { created, status, mode } = self.read()?;
        let is_open = status.as_deref().is_some_and(|status| status != "complete");
        if is_open || mode.as_deref() == Some("setup") {
            return Ok((None, Fact::Unrelated));
        }
        let at_secs = created.min(self.window.as_of_secs());
        let (customer, fact) = session.fact(Type::CheckoutCompleted, at_secs, self.user_id_keys)?;
        Ok((Some(customer), fact))
    }

    fn invoice(self) -> Result<Parsed, Error> {
        let invoice: Invoice<'_> = self.read()?;
        let InvoiceState { status, status_transitions, created, payments: list } = self.read()?;
        if status.as_deref() != Some("paid") {
            return Ok((None, Fact::Unrelated));
        }
        let customer = customer_id(&invoice.customer, &invoice.customer_account)?;
        let paid_secs = status_transitions.and_then(|at| at.paid_at).or(created);
        let mut fact = invoice.fact(paid_secs.unwrap_or(self.window.as_of_secs()))?;
        if let Fact::Invoice { payments, .. } = &mut fact {
            for listed in list.iter().flat_map(|list| &list.data) {
                if let (Some("paid"), Some(payment)) = (listed.status.as_deref(), &listed.payment) {
                    payments.extend(payment.id()?);
                }
            }
            payments.sort_unstable();
            payments.dedup();
        }
        Ok((Some(customer), fact))
    }

    fn invoice_payment(self) -> Result<Parsed, Error> {
        let payment: InvoicePayment<'_> = self.read()?;
        let PaymentState { status } = self.read()?;
        match status.as_deref() {
            Some("paid") => Ok((None, payment.fact()?)),
            _ => Ok((None, Fact::Unrelated)),
        }
    }

    /// Whether all of a charge is refunded now, whatever happened before.
    fn charge(self, charge: &Charge<'_>) -> Result<Fact, Error> {
        charge.observed(self.window.as_of_secs())
    }

    /// A refund does not say whether all of its charge is refunded. The charge does, where it is expanded.
    fn refund(self) -> Result<Fact, Error> {
        let Refunded { charge } = self.read()?;
        charge.map_or(Ok(Fact::Unrelated), |charge| self.charge(&charge))
    }

    fn payment_intent(self) -> Result<Fact, Error> {
        let PaymentIntent { latest_charge } = self.read()?;
        latest_charge.map_or(Ok(Fact::Unrelated), |charge| self.charge(&charge))
    }
}

#[derive(Deserialize)]
struct SubscriptionTimes {
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    ended_at: Option<i64>,
    #[serde(default)]
    current_period_start: Option<i64>,
    #[serde(default, deserialize_with = "optional_object")]
    items: Option<ItemTimes>,
}

#[derive(Deserialize)]
struct ItemTimes {
    #[serde(default)]
    data: Vec<ItemTime>,
}

#[derive(Deserialize)]
struct ItemTime {
    #[serde(default)]
    current_period_start: Option<i64>,
}

impl SubscriptionTimes {
    /// The earliest time at which a subscription may have entered its status. A renewal whose payment
    /// failed began a period; what has ended says when; and nothing is older than the subscription. All
    /// are the same in the next answer, so asking again moves nothing.
    fn since(&self, node: &Node) -> Option<i64> {
        let items = self.items.iter().flat_map(|items| &items.data);
        let period = items.filter_map(|item| item.current_period_start).max();
        match node.status {
            Status::PastDue => period.or(self.current_period_start).or(self.created),
            Status::Canceled | Status::IncompleteExpired => self.ended_at,
            Status::Active
            | Status::Trialing
            | Status::Unpaid
            | Status::Incomplete
            | Status::Paused
            | Status::Other(_) => self.created,
        }
    }
}

#[derive(Deserialize)]
struct SessionState<'a> {
    created: i64,
    #[serde(borrow, default)]
    mode: Option<Cow<'a, str>>,
    /// Absent before 2021.
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct InvoiceState<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(default)]
    status_transitions: Option<Transitions>,
    #[serde(default)]
    created: Option<i64>,
    /// Only where it is expanded.
    #[serde(borrow, default, deserialize_with = "optional_object")]
    payments: Option<PaymentList<'a>>,
}

#[derive(Deserialize)]
struct Transitions {
    #[serde(default)]
    paid_at: Option<i64>,
}

#[derive(Deserialize)]
struct PaymentList<'a> {
    #[serde(borrow)]
    data: Vec<ListedPayment<'a>>,
}

#[derive(Deserialize)]
struct ListedPayment<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payment: Option<PaymentReference<'a>>,
}

#[derive(Deserialize)]
struct PaymentState<'a> {
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Refunded<'a> {
    #[serde(borrow, default, deserialize_with = "expanded")]
    charge: Option<Charge<'a>>,
}

#[derive(Deserialize)]
struct PaymentIntent<'a> {
    #[serde(borrow, default, deserialize_with = "expanded")]
    latest_charge: Option<Charge<'a>>,
}
