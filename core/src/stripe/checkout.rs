//! Stripe's Checkout Session as JSON: <https://docs.stripe.com/api/checkout/sessions/object>.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    error::Error,
    fact::Fact,
    ids::{customer_id, parse_id},
    json::{Expandable, object},
    kind::Type,
    metadata::{Metadata, user},
    subscription::List,
};
use crate::{
    id::{CustomerId, PaymentId, PurchaseId, SubscriptionId, UserId},
    payment::{PaymentReport, PaymentState},
    purchase::{Offer, Order},
};

/// The metadata key of a session that names the plan of a purchase.
const PLAN: &str = "plan";

/// `data` of a `checkout.session.*` event.
#[derive(Deserialize)]
pub(super) struct CheckoutData<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) object: Session<'a>,
}

#[derive(Deserialize)]
pub(super) struct Session<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    mode: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    customer: Expandable<'a>,
    #[serde(borrow, default)]
    customer_account: Expandable<'a>,
    #[serde(borrow, default)]
    subscription: Expandable<'a>,
    #[serde(borrow, default)]
    payment_intent: Expandable<'a>,
    #[serde(borrow, default)]
    payment_link: Expandable<'a>,
    #[serde(borrow, default)]
    client_reference_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payment_status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    /// Only in an expanded session.
    #[serde(borrow, default)]
    line_items: Option<List<'a>>,
}

impl Session<'_> {
    /// The customer, or for a guest the purchase itself, and what the session says.
    pub(super) fn fact(
        &self,
        kind: Type,
        at_secs: i64,
        user_id_keys: &[String],
    ) -> Result<(CustomerId, Fact), Error> {
        let report = PaymentReport { at_secs, state: self.state(kind) };
        let user = match report.state {
            PaymentState::Paid => self.user(user_id_keys)?,
            // Until it is paid it may be anybody's, and names nobody.
            PaymentState::Pending | PaymentState::Failed => None,
        };
        if self.is_purchase() {
            return self.purchase(user, report);
        }
        let subscription = parse_id("data.object.subscription", &self.subscription)?;
        let id = SubscriptionId::new(subscription)
            .map_err(|error| Error::Malformed(format!("data.object.subscription: {error}")))?;
        let customer = customer_id(&self.customer, &self.customer_account)?;
        Ok((customer, Fact::Checkout { id, user, report }))
    }

    fn is_purchase(&self) -> bool {
        match self.mode.as_deref() {
            Some(mode) => mode == "payment",
            None => self.subscription == Expandable::Null,
        }
    }

    fn purchase(
        &self,
        user: Option<UserId>,
        report: PaymentReport,
    ) -> Result<(CustomerId, Fact), Error> {
        let id = self.payment_intent.id().unwrap_or(&self.id);
        let malformed = |error| Error::Malformed(format!("the purchase's id: {error}"));
        let order = Order {
            id: PurchaseId::new(id).map_err(malformed)?,
            payment: self.payment_intent.id().map(PaymentId::new).transpose().map_err(malformed)?,
            user,
            report,
            offer: self.offer()?,
        };
        let customer = match (&self.customer, &self.customer_account) {
            // A guest's purchase is an aggregate of its own, under its own id.
            (Expandable::Null, Expandable::Null) => CustomerId::new(id).map_err(malformed)?,
            (customer, account) => customer_id(customer, account)?,
        };
        Ok((customer, Fact::Purchase(Box::new(order))))
    }

    fn offer(&self) -> Result<Offer, Error> {
        let text = |text: &str| Box::<str>::from(text);
        Ok(Offer {
            plan: self.metadata.get(PLAN).filter(|plan| !plan.is_empty()).map(text),
            payment_link: self.payment_link.id().map(text),
            items: self.line_items.as_ref().map_or(Ok(Vec::new()), List::items)?,
        })
    }

    fn state(&self, kind: Type) -> PaymentState {
        match (kind, self.payment_status.as_deref()) {
            (Type::CheckoutAsyncFailed, _) => PaymentState::Failed,
            (Type::CheckoutCompleted, Some("unpaid")) => PaymentState::Pending,
            _ => PaymentState::Paid,
        }
    }

    fn user(&self, user_id_keys: &[String]) -> Result<Option<UserId>, Error> {
        match user(self.client_reference_id.as_deref())? {
            Some(user) => Ok(Some(user)),
            None => self.metadata.user(user_id_keys),
        }
    }
}
