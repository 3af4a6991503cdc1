//! Stripe's API, as those who ask it see it: one object by its id, or a list of them page by page. It only
//! reads.
//!
//! An answer is the JSON of one object, as Stripe wrote it, and the window of Stripe's seconds in which it was
//! true: all that an [observation](crate::stripe::observation) needs.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use super::scan::Page;
use crate::{
    codes::Code,
    id::{CustomerId, EventId, InvoiceId, PaymentId, SubscriptionId},
    observation::Window,
};

/// The id of an object that can be retrieved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StripeId {
    /// `sub_…`
    Subscription(SubscriptionId),
    /// `cus_…`
    Customer(CustomerId),
    /// `cs_…`
    CheckoutSession(String),
    /// `ch_…`
    Charge(String),
    /// `re_…`
    Refund(String),
    /// `dp_…` or `du_…`
    Dispute(String),
    /// `in_…`
    Invoice(InvoiceId),
    /// `inpay_…`
    InvoicePayment(String),
    /// `pi_…`
    PaymentIntent(PaymentId),
    /// `evt_…`
    Event(EventId),
}

impl StripeId {
    /// Tells by its prefix what an id is of: that in a thin event, or in a list of events.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let (prefix, _) = id.split_once('_')?;
        match prefix {
            "sub" => SubscriptionId::new(id).ok().map(Self::Subscription),
            "cus" => CustomerId::new(id).ok().map(Self::Customer),
            "cs" => Some(Self::CheckoutSession(id.to_owned())),
            "ch" | "py" => Some(Self::Charge(id.to_owned())),
            "re" | "pyr" => Some(Self::Refund(id.to_owned())),
            "dp" | "du" => Some(Self::Dispute(id.to_owned())),
            "inpay" => Some(Self::InvoicePayment(id.to_owned())),
            "in" => InvoiceId::new(id).ok().map(Self::Invoice),
            "pi" => PaymentId::new(id).ok().map(Self::PaymentIntent),
            "evt" => EventId::new(id).ok().map(Self::Event),
            _ => None,
        }
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Subscription(id) => id.as_str(),
            Self::Customer(id) => id.as_str(),
            Self::CheckoutSession(id)
            | Self::Charge(id)
            | Self::Refund(id)
            | Self::Dispute(id)
            | Self::InvoicePayment(id) => id,
            Self::Invoice(id) => id.as_str(),
            Self::PaymentIntent(id) => id.as_str(),
            Self::Event(id) => id.as_str(),
        }
    }
}

impl fmt::Display for StripeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A list, the latest object first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListOf {
    /// Subscriptions of every status, ended ones included: of one customer, or all.
    Subscriptions {
        /// The customer.
        customer: Option<CustomerId>,
    },
    /// Customers. Deleted ones are in no list.
    Customers,
    /// Completed Checkout Sessions with their line items: of one customer or one payment, or all.
    CheckoutSessions {
        /// The customer.
        customer: Option<CustomerId>,
        /// The payment.
        payment: Option<PaymentId>,
    },
    /// Refunds, with their charges.
    Refunds,
    /// Disputes, with their charges.
    Disputes,
    /// Paid invoices with their payments: of one customer, or all.
    Invoices {
        /// The customer.
        customer: Option<CustomerId>,
    },
    /// The invoices that a payment paid.
    InvoicePayments {
        /// The payment.
        payment: PaymentId,
    },
    /// Events of the last 30 days, which is as long as Stripe lists them.
    Events {
        /// Those of these types; of all types if there are none. Stripe takes at most 20.
        types: Vec<String>,
        /// Those that were created in this second or later, in seconds since the epoch.
        since_secs: Option<i64>,
        /// Those that were created in this second or earlier, in seconds since the epoch.
        until_secs: Option<i64>,
        /// Those that could not be delivered to some endpoint.
        undelivered: bool,
    },
    /// Active prices, with their products.
    Prices,
    /// Webhook endpoints.
    WebhookEndpoints,
}

impl ListOf {
    /// The customer whose objects alone are listed.
    #[must_use]
    pub const fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::Subscriptions { customer }
            | Self::CheckoutSessions { customer, .. }
            | Self::Invoices { customer } => customer.as_ref(),
            Self::Customers
            | Self::Refunds
            | Self::Disputes
            | Self::InvoicePayments { .. }
            | Self::Events { .. }
            | Self::Prices
            | Self::WebhookEndpoints => None,
        }
    }
}

/// One object, as Stripe answered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The object's JSON.
    pub object: String,
    /// The seconds in which it was true.
    pub window: Window,
    /// Whether it is a live object.
    pub livemode: bool,
}

/// Why Stripe did not answer as asked.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// There is no such object.
    #[error("Stripe knows no such object: {0}")]
    NotFound(String),
    /// The key is not valid, or not any more.
    #[error("Stripe does not accept the key: {0}")]
    Unauthorized(String),
    /// The key lacks a right.
    #[error("the key lacks a right: {0}")]
    Forbidden(String),
    /// The key, or an object, is of test mode at a live deployment, or the reverse.
    #[error("{0}")]
    WrongMode(String),
    /// Stripe, or the limit that tierlift keeps for itself, allows no further request now.
    #[error("Stripe allows no further request now")]
    RateLimited {
        /// Time to wait, as far as it is known.
        retry_after: Option<Duration>,
    },
    /// Stripe cannot be reached, does not answer in time, or answers that it failed.
    #[error("Stripe is unavailable: {0}")]
    Unavailable(String),
    /// The answer is not what was asked for.
    #[error("Stripe's answer is unexpected: {0}")]
    AnswerUnexpected(String),
}

impl StripeError {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotFound(_) => Code::StripeNotFound,
            Self::Unauthorized(_) => Code::StripeUnauthorized,
            Self::Forbidden(_) => Code::StripeForbidden,
            Self::WrongMode(_) => Code::StripeWrongMode,
            Self::RateLimited { .. } => Code::StripeRateLimited,
            Self::Unavailable(_) => Code::StripeUnavailable,
            Self::AnswerUnexpected(_) => Code::StripeAnswerUnexpected,
        }
    }

    /// When Stripe can be asked again, if it says so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => *retry_after,
            Self::NotFound(_)
            | Self::Unauthorized(_)
            | Self::Forbidden(_)
            | Self::WrongMode(_)
            | Self::Unavailable(_)
            | Self::AnswerUnexpected(_) => None,
        }
    }

    /// Whether the same request may succeed later although nobody changes anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable(_))
    }
}

/// Asks Stripe.
pub trait Stripe: Send + Sync {
    /// Retrieves one object.
    fn retrieve(&self, id: &StripeId) -> impl Future<Output = Result<Answer, StripeError>> + Send;

    /// A page of a list. It starts at the latest object, or behind the one whose id is `after`.
    fn list(
        &self,
        list: &ListOf,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<Answer>, StripeError>> + Send;
}

/// Several who ask share one.
impl<T: Stripe> Stripe for Arc<T> {
    fn retrieve(&self, id: &StripeId) -> impl Future<Output = Result<Answer, StripeError>> + Send {
        T::retrieve(self, id)
    }

    fn list(
        &self,
        list: &ListOf,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<Answer>, StripeError>> + Send {
        T::list(self, list, after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_what_it_is_of() {
        for id in [
            "sub_1",
            "cus_1",
            "cs_test_1",
            "ch_1",
            "py_1",
            "re_1",
            "dp_1",
            "du_1",
            "in_1",
            "inpay_1",
        ] {
            assert_eq!(StripeId::parse(id).unwrap().as_str(), id);
        }
        assert!(matches!(StripeId::parse("pi_1"), Some(StripeId::PaymentIntent(_))));
        assert!(matches!(StripeId::parse("evt_1"), Some(StripeId::Event(_))));
        for id in ["", "sub", "acct_1", "prod_1", "sub_\n"] {
            assert_eq!(StripeId::parse(id), None, "{id}");
        }
    }
}
