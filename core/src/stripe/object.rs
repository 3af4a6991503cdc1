//! Stripe's objects as JSON, read only as far as they are used.
//!
//! Sources: <https://docs.stripe.com/api/subscriptions/object>,
//! <https://docs.stripe.com/api/checkout/sessions/object>, and the Basil release (2025-03-31), which
//! moved `current_period_end` from the subscription to its items. Unknown fields are skipped, and unknown
//! values are kept. What leaves this module is a [`Node`], never Stripe's shape.
#![expect(clippy::option_option, reason = "absent, null and a value are three things here")]

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};

use super::{
    error::Error,
    json::{Expandable, object, present},
};
use crate::{
    id::UserId,
    limits::SUBSCRIPTION_ITEMS_MAX,
    subscription::{Item, Node, Status},
};

/// `data` of a `customer.subscription.*` event.
#[derive(Deserialize)]
pub(crate) struct SubscriptionData<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(crate) object: Subscription<'a>,
    #[serde(borrow, default)]
    pub(crate) previous_attributes: Option<Previous<'a>>,
}

#[derive(Deserialize)]
pub(crate) struct Subscription<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) customer: Expandable<'a>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "object")]
    items: List<'a>,
    #[serde(default)]
    current_period_end: Option<i64>,
    #[serde(default)]
    cancel_at_period_end: Option<bool>,
    #[serde(default)]
    pause_collection: Option<IgnoredAny>,
    #[serde(default)]
    quantity: Option<u64>,
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
}

/// The fields that changed, with their values before: <https://docs.stripe.com/api/events/object>.
#[derive(Default, Deserialize)]
pub(crate) struct Previous<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    items: Option<List<'a>>,
    #[serde(default, deserialize_with = "present")]
    current_period_end: Option<Option<i64>>,
    #[serde(default)]
    cancel_at_period_end: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    pause_collection: Option<Option<IgnoredAny>>,
    #[serde(default, deserialize_with = "present")]
    quantity: Option<Option<u64>>,
    #[serde(borrow, default)]
    metadata: Option<PreviousMetadata<'a>>,
}

#[derive(Clone, Default, Deserialize)]
struct List<'a> {
    #[serde(borrow, default)]
    data: Vec<SubscriptionItem<'a>>,
}

#[derive(Clone, Deserialize)]
struct SubscriptionItem<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    price: Option<Price<'a>>,
    /// The name of prices before 2020. It is still sent beside `price`, and old API versions send only it.
    #[serde(borrow, default)]
    plan: Option<Price<'a>>,
    #[serde(default)]
    current_period_end: Option<i64>,
    #[serde(default)]
    quantity: Option<u64>,
}

#[derive(Clone, Deserialize)]
struct Price<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    product: Expandable<'a>,
    #[serde(borrow, default)]
    lookup_key: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(crate) struct Metadata<'a> {
    #[serde(borrow, default)]
    pub(crate) user_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct PreviousMetadata<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    user_id: Option<Option<Cow<'a, str>>>,
}

/// `data` of a `checkout.session.*` event.
#[derive(Deserialize)]
pub(crate) struct CheckoutData<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(crate) object: Checkout<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Checkout<'a> {
    #[serde(borrow, default)]
    pub(crate) customer: Expandable<'a>,
    #[serde(borrow, default)]
    pub(crate) subscription: Expandable<'a>,
    #[serde(borrow, default)]
    pub(crate) client_reference_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) payment_status: Option<Cow<'a, str>>,
}

/// `data` of a `customer.*` event.
#[derive(Deserialize)]
pub(crate) struct CustomerData<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(crate) object: Customer<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Customer<'a> {
    #[serde(borrow)]
    pub(crate) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) metadata: Option<Metadata<'a>>,
}

/// A user id from Stripe's metadata. An empty one means none: that is how Stripe deletes a key.
pub(crate) fn user(text: Option<&str>) -> Result<Option<UserId>, Error> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => UserId::new(text)
            .map(Some)
            .map_err(|error| Error::Malformed(format!("the user id is unusable: {error}"))),
    }
}

impl<'a> Subscription<'a> {
    /// The tracked fields after the event.
    pub(crate) fn node(&self) -> Result<Node, Error> {
        let user = self.metadata.as_ref().and_then(|m| m.user_id.as_deref());
        self.build(
            &self.status,
            &self.items.data,
            (self.current_period_end, self.quantity),
            (self.cancel_at_period_end.unwrap_or(false), self.pause_collection.is_some()),
            user,
        )
    }

    /// The tracked fields before the event: the fields that changed, laid over the object.
    pub(crate) fn node_before(&self, previous: &Previous<'a>) -> Result<Node, Error> {
        let items = match &previous.items {
            Some(list) => overlay(&list.data, &self.items.data),
            None => self.items.data.clone(),
        };
        let user_after = self.metadata.as_ref().and_then(|m| m.user_id.as_deref());
        let user = match previous.metadata.as_ref().and_then(|m| m.user_id.as_ref()) {
            Some(before) => before.as_deref(),
            None => user_after,
        };
        self.build(
            previous.status.as_ref().unwrap_or(&self.status),
            &items,
            (
                previous.current_period_end.unwrap_or(self.current_period_end),
                previous.quantity.unwrap_or(self.quantity),
            ),
            (
                previous.cancel_at_period_end.or(self.cancel_at_period_end).unwrap_or(false),
                previous
                    .pause_collection
                    .as_ref()
                    .map_or(self.pause_collection.is_some(), Option::is_some),
            ),
            user,
        )
    }

    fn build(
        &self,
        status: &str,
        items: &[SubscriptionItem<'_>],
        (ends, quantity): (Option<i64>, Option<u64>),
        (cancel_at_period_end, collection_paused): (bool, bool),
        user_id: Option<&str>,
    ) -> Result<Node, Error> {
        if items.len() > SUBSCRIPTION_ITEMS_MAX {
            return Err(Error::Malformed(format!(
                "subscription {} has {} items, at most {SUBSCRIPTION_ITEMS_MAX} are read",
                self.id,
                items.len()
            )));
        }
        let mut items: Vec<Item> = items.iter().map(|item| item.build(ends, quantity)).collect();
        // Stripe does not promise an order of items. Sorted, equal nodes compare as equal.
        items.sort_unstable();
        Ok(Node {
            status: Status::parse(status),
            items,
            cancel_at_period_end,
            collection_paused,
            user: user(user_id)?,
        })
    }
}

impl SubscriptionItem<'_> {
    fn build(&self, ends: Option<i64>, quantity: Option<u64>) -> Item {
        let price = self.price.as_ref().or(self.plan.as_ref());
        let text = |t: &str| Box::<str>::from(t);
        Item {
            price: price.and_then(|p| p.id.as_deref()).map(text),
            product: price.and_then(|p| p.product.id()).map(text),
            lookup_key: price.and_then(|p| p.lookup_key.as_deref()).map(text),
            ends_at_secs: self.current_period_end.or(ends),
            quantity: self.quantity.or(quantity),
        }
    }
}

/// The items before the event. Stripe sends the whole list when one element changed. An element without an
/// id is partial, and is laid over the one at the same index.
fn overlay<'a>(
    before: &[SubscriptionItem<'a>],
    after: &[SubscriptionItem<'a>],
) -> Vec<SubscriptionItem<'a>> {
    let partial = before.iter().any(|item| item.id.is_none());
    let mut items: Vec<_> = before
        .iter()
        .enumerate()
        .map(|(index, old)| {
            let same = match &old.id {
                Some(id) => after.iter().find(|item| item.id.as_ref() == Some(id)),
                None => after.get(index),
            };
            same.map_or_else(|| old.clone(), |new| old.over(new))
        })
        .collect();
    if partial {
        items.extend(after.iter().skip(before.len()).cloned());
    }
    items
}

impl SubscriptionItem<'_> {
    /// This partial item, laid over the item after the event.
    fn over(&self, after: &Self) -> Self {
        Self {
            id: self.id.clone().or_else(|| after.id.clone()),
            price: Price::over(self.price.as_ref(), after.price.as_ref()),
            plan: Price::over(self.plan.as_ref(), after.plan.as_ref()),
            current_period_end: self.current_period_end.or(after.current_period_end),
            quantity: self.quantity.or(after.quantity),
        }
    }
}

impl Price<'_> {
    /// The price before the event, laid over the price after it.
    fn over(before: Option<&Self>, after: Option<&Self>) -> Option<Self> {
        let (Some(before), Some(after)) = (before, after) else {
            return before.or(after).cloned();
        };
        // Another price has a lookup key of its own, so only a partial price inherits it.
        let inherits = before.id.is_none() || before.id == after.id;
        let lookup_key = match &before.lookup_key {
            None if inherits => after.lookup_key.clone(),
            other => other.clone(),
        };
        Some(Self {
            id: before.id.clone().or_else(|| after.id.clone()),
            product: match &before.product {
                Expandable::Null => after.product.clone(),
                named @ (Expandable::Id(_) | Expandable::Unexpected) => named.clone(),
            },
            lookup_key,
        })
    }
}
