//! What an event or an observation reports, in checked types.

use crate::{
    customer::FeatureList,
    fold::{Edge, Observation},
    id::{CustomerId, InvoiceId, PaymentId, SubscriptionId, UserId},
    invoice::Paid,
    payment::PaymentReport,
    purchase::Order,
    reversal::Report,
};

/// The customer that an event concerns, and what it reports.
pub(super) type Parsed = (Option<CustomerId>, Fact);

/// What an event or an observation reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A subscription changed.
    Subscription {
        /// The subscription.
        id: SubscriptionId,
        /// The node before and the node after.
        edge: Edge,
    },
    /// A subscription was observed.
    SubscriptionObserved {
        /// The subscription.
        id: SubscriptionId,
        /// What was observed.
        observation: Observation,
    },
    /// A checkout that makes a subscription completed, or its payment succeeded or failed later.
    Checkout {
        /// The subscription that it made.
        id: SubscriptionId,
        /// The user that a paid session names: `client_reference_id`, else its metadata.
        user: Option<UserId>,
        /// The state of the first payment.
        report: PaymentReport,
    },
    /// The same of a checkout that sells something once.
    Purchase(Box<Order>),
    /// A customer was created or changed.
    Customer {
        /// The user that its metadata names, if any.
        user: Option<UserId>,
    },
    /// The customer was deleted, and its subscriptions with it.
    CustomerDeleted,
    /// The features that a customer has by Stripe's entitlements.
    Features(FeatureList),
    /// An invoice of a subscription was paid.
    Invoice {
        /// The invoice.
        id: InvoiceId,
        /// What it paid for.
        paid: Paid,
        /// Its payments, where an invoice names them: in API versions before Basil, or expanded.
        payments: Vec<PaymentId>,
    },
    /// A payment was made on an invoice.
    InvoicePayment {
        /// The invoice.
        invoice: InvoiceId,
        /// The payment.
        payment: PaymentId,
    },
    /// A payment was refunded or disputed.
    Reversal {
        /// The payment.
        payment: PaymentId,
        /// The invoice that it paid, in API versions in which a charge names it.
        invoice: Option<InvoiceId>,
        /// What happened to it.
        report: Report,
    },
    /// An object of a relevant type that bears on no access: a partial refund, an invoice that has
    /// nothing to do with a subscription.
    Unrelated,
}

impl Fact {
    /// The user that the event itself names: a hint about which account to load.
    #[must_use]
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Subscription { edge, .. } => edge.to.user.as_ref(),
            Self::SubscriptionObserved { observation, .. } => observation.node.user.as_ref(),
            Self::Checkout { user, .. } | Self::Customer { user } => user.as_ref(),
            Self::Purchase(order) => order.user.as_ref(),
            Self::CustomerDeleted
            | Self::Features(_)
            | Self::Invoice { .. }
            | Self::InvoicePayment { .. }
            | Self::Reversal { .. }
            | Self::Unrelated => None,
        }
    }
}
