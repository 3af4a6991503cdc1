//! The event types that tierlift acts on.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The event types that tierlift acts on. What all others are ignored for is in
        /// [`catalog`](super::catalog).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Type {
            $($(#[$doc])* #[doc = concat!("`", $text, "`")] #[serde(rename = $text)] $name,)*
        }

        impl Type {
            /// Every type, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The type of that name, if tierlift acts on it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }

            /// Stripe's name of the type.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

event_types! {
    SubscriptionCreated = "customer.subscription.created",
    SubscriptionUpdated = "customer.subscription.updated",
    SubscriptionDeleted = "customer.subscription.deleted",
    SubscriptionPaused = "customer.subscription.paused",
    SubscriptionResumed = "customer.subscription.resumed",
    CheckoutCompleted = "checkout.session.completed",
    CheckoutAsyncSucceeded = "checkout.session.async_payment_succeeded",
    CheckoutAsyncFailed = "checkout.session.async_payment_failed",
    CustomerCreated = "customer.created",
    CustomerUpdated = "customer.updated",
    CustomerDeleted = "customer.deleted",
    InvoicePaid = "invoice.paid",
    InvoicePaymentPaid = "invoice_payment.paid",
    ChargeRefunded = "charge.refunded",
    RefundUpdated = "refund.updated",
    RefundFailed = "refund.failed",
    ChargeRefundUpdated = "charge.refund.updated",
    DisputeCreated = "charge.dispute.created",
    DisputeUpdated = "charge.dispute.updated",
    DisputeFundsWithdrawn = "charge.dispute.funds_withdrawn",
    DisputeFundsReinstated = "charge.dispute.funds_reinstated",
    DisputeClosed = "charge.dispute.closed",
    EntitlementsUpdated = "entitlements.active_entitlement_summary.updated",
    /// A thin event of any type that bears on access. Its body has the type.
    Thin = "v2.core.event",
    /// What Stripe's API answered. tierlift makes these itself; no webhook is one.
    Observation = "tierlift.observation",
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
