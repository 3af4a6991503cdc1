//! A purchase: a one-off payment that can earn a role, made by a Checkout Session of mode `payment`.

use serde::{Deserialize, Serialize};

use crate::{
    fold::Arrival,
    id::{PaymentId, PurchaseId, UserId},
    latest::Latest,
    payment::{PaymentReport, PaymentState},
    reversal::GivenBack,
    subscription::Item,
};

/// What a Checkout Session sells, as it says. The policy decides which plan that is, if any.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Offer {
    /// The plan that the session's metadata names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<Box<str>>,
    /// The payment link that created the session, `plink_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_link: Option<Box<str>>,
    /// Its line items, if they were ever shown.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub items: Vec<Item>,
}

/// What an event reports about a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The purchase.
    pub id: PurchaseId,
    /// Its payment; `None` if nothing had to be paid.
    pub payment: Option<PaymentId>,
    /// The user that a paid session names.
    pub user: Option<UserId>,
    /// The state of the payment.
    pub report: PaymentReport,
    /// What was sold.
    pub offer: Offer,
}

/// A purchase, as a part of its customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The user that it was linked to by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<UserId>,
    /// The user that the latest paid session names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub checkout: Option<Latest<UserId>>,
    /// The state of the payment.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub report: Option<PaymentReport>,
    /// What was sold.
    pub offer: Offer,
    /// What was given back.
    pub given_back: GivenBack,
}

impl Purchase {
    /// Adds what an event reports.
    pub(crate) fn apply(&mut self, order: &Order) -> Arrival {
        let user = order.user.clone();
        let linked = user.map_or(Arrival::Stale, |value| {
            Latest { at_secs: order.report.at_secs, value }.merge_into(&mut self.checkout)
        });
        linked.or(order.report.merge_into(&mut self.report)).or(self.merge_offer(&order.offer))
    }

    /// Keeps the greater offer. The events of a session agree, except that some have no line items.
    fn merge_offer(&mut self, offer: &Offer) -> Arrival {
        if self.offer >= *offer {
            return Arrival::Stale;
        }
        self.offer = offer.clone();
        Arrival::Remembered
    }

    /// The second in which it was paid; `None` if it is not.
    #[must_use]
    pub fn paid_at_secs(&self) -> Option<i64> {
        match self.report {
            Some(PaymentReport { at_secs, state: PaymentState::Paid }) => Some(at_secs),
            Some(PaymentReport { state: PaymentState::Pending | PaymentState::Failed, .. })
            | None => None,
        }
    }
}
