//! Stripe's invoices, charges, refunds, disputes and entitlements as JSON, read only as far as they are
//! used.
//!
//! The way from a charge to what it paid for differs by API version. Before Basil (2025-03-31) a charge
//! names its invoice, and an invoice its subscription and payment. From Basil on an invoice names its
//! subscription in `parent`, and an `invoice_payment` connects it to its payment
//! (<https://docs.stripe.com/changelog/basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices>).

use std::{borrow::Cow, collections::BTreeSet};

use serde::Deserialize;

use super::{
    error::Error,
    fact::Fact,
    json::{Expandable, object},
};
use crate::{
    customer::FeatureList,
    id::{InvoiceId, PaymentId, SubscriptionId},
    invoice::Paid,
    limits::FEATURES_MAX,
    reversal::{DisputeStatus, Report},
};

/// `data` of an event, for the objects here.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
pub(super) struct Data<T> {
    #[serde(deserialize_with = "object")]
    pub(super) object: T,
}

#[derive(Deserialize)]
pub(super) struct Invoice<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) customer: Expandable<'a>,
    #[serde(borrow, default)]
    pub(super) customer_account: Expandable<'a>,
    #[serde(default)]
    created: Option<i64>,
    #[serde(default)]
    amount_paid: i64,
    #[serde(borrow, default)]
    subscription: Expandable<'a>,
    #[serde(borrow, default)]
    parent: Option<Parent<'a>>,
    #[serde(borrow, default)]
    payment_intent: Expandable<'a>,
    #[serde(borrow, default)]
    charge: Expandable<'a>,
}

#[derive(Deserialize)]
struct Parent<'a> {
    #[serde(borrow, default)]
    subscription_details: Option<SubscriptionDetails<'a>>,
}

#[derive(Deserialize)]
struct SubscriptionDetails<'a> {
    #[serde(borrow, default)]
    subscription: Expandable<'a>,
}

impl Invoice<'_> {
    /// What it paid for; `Unrelated` if nothing was to pay.
    pub(super) fn fact(&self, at_secs: i64) -> Result<Fact, Error> {
        let details = self.parent.as_ref().and_then(|parent| parent.subscription_details.as_ref());
        let on_basil = details.and_then(|details| details.subscription.id());
        let subscription = self.subscription.id().or(on_basil);
        if self.amount_paid <= 0 {
            return Ok(Fact::Unrelated);
        }
        Ok(Fact::Invoice {
            id: parse("data.object.id", &self.id, InvoiceId::new)?,
            paid: Paid {
                created_secs: self.created.unwrap_or(at_secs),
                paid_secs: at_secs,
                subscription: subscription
                    .map(|id| parse("the subscription's id", id, SubscriptionId::new))
                    .transpose()?,
            },
            payments: payment(&self.payment_intent, &self.charge)?.into_iter().collect(),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct InvoicePayment<'a> {
    #[serde(borrow, default)]
    invoice: Expandable<'a>,
    #[serde(borrow, default)]
    payment: Option<PaymentReference<'a>>,
}

#[derive(Deserialize)]
pub(super) struct PaymentReference<'a> {
    #[serde(borrow, default)]
    payment_intent: Expandable<'a>,
    #[serde(borrow, default)]
    charge: Expandable<'a>,
}

impl PaymentReference<'_> {
    /// The payment; `None` of what was paid outside Stripe.
    pub(super) fn id(&self) -> Result<Option<PaymentId>, Error> {
        payment(&self.payment_intent, &self.charge)
    }
}

impl InvoicePayment<'_> {
    pub(super) fn fact(&self) -> Result<Fact, Error> {
        let invoice = self
            .invoice
            .id()
            .ok_or_else(|| Error::Malformed("data.object.invoice: no id".to_owned()))?;
        let invoice = parse("data.object.invoice", invoice, InvoiceId::new)?;
        let Some(reference) = &self.payment else { return Ok(Fact::Unrelated) };
        // What was paid outside Stripe has no payment, and nothing to give back.
        match reference.id()? {
            Some(payment) => Ok(Fact::InvoicePayment { invoice, payment }),
            None => Ok(Fact::Unrelated),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Charge<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    payment_intent: Expandable<'a>,
    #[serde(borrow, default)]
    invoice: Expandable<'a>,
    #[serde(default)]
    refunded: Option<bool>,
}

impl Charge<'_> {
    pub(super) fn fact(&self, at_secs: i64) -> Result<Fact, Error> {
        // A partial refund changes nothing.
        match self.refunded {
            Some(true) => self.reversal(Report::Refunded { at_secs, full: true }),
            Some(false) | None => Ok(Fact::Unrelated),
        }
    }

    /// What an answer says: whether all of it is refunded, whatever happened before.
    pub(super) fn observed(&self, at_secs: i64) -> Result<Fact, Error> {
        let full = self.refunded.ok_or_else(|| Error::Malformed("refunded: absent".to_owned()))?;
        self.reversal(Report::Refunded { at_secs, full })
    }

    fn reversal(&self, report: Report) -> Result<Fact, Error> {
        let charge = Expandable::Id(Cow::Borrowed(&*self.id));
        let invoice = self.invoice.id();
        Ok(Fact::Reversal {
            payment: required_payment(&self.payment_intent, &charge)?,
            invoice: invoice.map(|id| parse("the invoice's id", id, InvoiceId::new)).transpose()?,
            report,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Refund<'a> {
    #[serde(borrow, default)]
    charge: Expandable<'a>,
    #[serde(borrow, default)]
    payment_intent: Expandable<'a>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
}

impl Refund<'_> {
    /// A refund that failed gives the money back to the merchant, so that the payment stands again.
    pub(super) fn fact(&self, at_secs: i64) -> Result<Fact, Error> {
        if !matches!(self.status.as_deref(), Some("failed" | "canceled")) {
            return Ok(Fact::Unrelated);
        }
        Ok(Fact::Reversal {
            payment: required_payment(&self.payment_intent, &self.charge)?,
            invoice: None,
            report: Report::Refunded { at_secs, full: false },
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Dispute<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    charge: Expandable<'a>,
    #[serde(borrow, default)]
    payment_intent: Expandable<'a>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

impl Dispute<'_> {
    pub(super) fn fact(&self, at_secs: i64) -> Result<Fact, Error> {
        let status = DisputeStatus::parse(&self.status);
        let report = Report::Disputed { dispute: Box::from(&*self.id), at_secs, status };
        let payment = required_payment(&self.payment_intent, &self.charge)?;
        Ok(Fact::Reversal { payment, invoice: None, report })
    }
}

#[derive(Deserialize)]
pub(super) struct EntitlementSummary<'a> {
    #[serde(borrow, default)]
    pub(super) customer: Expandable<'a>,
    #[serde(borrow, default)]
    pub(super) customer_account: Expandable<'a>,
    #[serde(borrow, deserialize_with = "object")]
    entitlements: Entitlements<'a>,
}

#[derive(Deserialize)]
struct Entitlements<'a> {
    #[serde(borrow)]
    data: Vec<ActiveEntitlement<'a>>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct ActiveEntitlement<'a> {
    #[serde(borrow)]
    lookup_key: Cow<'a, str>,
}

impl EntitlementSummary<'_> {
    pub(super) fn fact(&self) -> Result<Fact, Error> {
        let Entitlements { data, has_more } = &self.entitlements;
        if data.len() > FEATURES_MAX {
            return Err(Error::Malformed(format!(
                "{} entitlements, at most {FEATURES_MAX} are read",
                data.len()
            )));
        }
        let names: BTreeSet<Box<str>> =
            data.iter().map(|entitlement| Box::from(&*entitlement.lookup_key)).collect();
        Ok(Fact::Features(FeatureList { names, truncated: *has_more }))
    }
}

fn parse<T>(
    field: &str,
    id: &str,
    new: impl Fn(&str) -> Result<T, crate::id::Error>,
) -> Result<T, Error> {
    new(id).map_err(|error| Error::Malformed(format!("{field}: {error}")))
}

/// The payment: its `PaymentIntent`, or the charge if there is none (before 2019).
fn payment(
    payment_intent: &Expandable<'_>,
    charge: &Expandable<'_>,
) -> Result<Option<PaymentId>, Error> {
    let id = payment_intent.id().or_else(|| charge.id());
    id.map(|id| parse("the payment's id", id, PaymentId::new)).transpose()
}

fn required_payment(
    payment_intent: &Expandable<'_>,
    charge: &Expandable<'_>,
) -> Result<PaymentId, Error> {
    payment(payment_intent, charge)?
        .ok_or_else(|| Error::Malformed("no payment_intent and no charge".to_owned()))
}
