//! Stripe's subscription as JSON, read only as far as it is used.
//!
//! Sources: <https://docs.stripe.com/api/subscriptions/object>, and the Basil release (2025-03-31), which
//! moved `current_period_end` from the subscription to its items. Unknown fields are skipped, and unknown
//! values are kept. What leaves this module is a [`Node`], never Stripe's shape.
#![expect(clippy::option_option, reason = "absent, null and a value are three things here")]

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    error::Error,
    json::{Expandable, object, optional_object, present},
    metadata::Metadata,
};
use crate::{
    id::UserId,
    limits::SUBSCRIPTION_ITEMS_MAX,
    subscription::{Item, Node, PauseBehavior, Status},
};

/// `data` of a `customer.subscription.*` event.
#[derive(Deserialize)]
pub(super) struct SubscriptionData<'a> {
    #[serde(borrow, deserialize_with = "object")]
    pub(super) object: Subscription<'a>,
    #[serde(borrow, default)]
    pub(super) previous_attributes: Option<Previous<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Subscription<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) customer: Expandable<'a>,
    /// The Account that stands for a customer (Accounts v2); `customer` is null then.
    #[serde(borrow, default)]
    pub(super) customer_account: Expandable<'a>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "optional_object")]
    items: Option<List<'a>>,
    /// The plan of a subscription without items, in shapes before 2016.
    #[serde(borrow, default)]
    plan: Option<Price<'a>>,
    #[serde(default)]
    current_period_end: Option<i64>,
    #[serde(default)]
    cancel_at_period_end: Option<bool>,
    #[serde(default)]
    cancel_at: Option<i64>,
    #[serde(default)]
    trial_end: Option<i64>,
    #[serde(borrow, default)]
    pause_collection: Option<PauseCollection<'a>>,
    #[serde(default)]
    quantity: Option<u64>,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

/// The fields that changed, with their values before: <https://docs.stripe.com/api/events/object>.
#[derive(Default, Deserialize)]
pub(super) struct Previous<'a> {
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    items: Option<List<'a>>,
    #[serde(borrow, default)]
    plan: Option<Price<'a>>,
    #[serde(default, deserialize_with = "present")]
    current_period_end: Option<Option<i64>>,
    #[serde(default)]
    cancel_at_period_end: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    cancel_at: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present")]
    trial_end: Option<Option<i64>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pause_collection: Option<Option<PauseCollection<'a>>>,
    #[serde(default, deserialize_with = "present")]
    quantity: Option<Option<u64>>,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

#[derive(Clone, Deserialize)]
struct PauseCollection<'a> {
    #[serde(borrow, default)]
    behavior: Option<Cow<'a, str>>,
}

/// A list of subscription items, or of the line items of a Checkout Session, which also have a price.
#[derive(Clone, Default, Deserialize)]
pub(super) struct List<'a> {
    #[serde(borrow, default)]
    data: Vec<SubscriptionItem<'a>>,
    #[serde(default)]
    has_more: bool,
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

impl List<'_> {
    /// Its items, sorted.
    pub(super) fn items(&self) -> Result<Vec<Item>, Error> {
        build_items(&self.data, None, None)
    }
}

impl<'a> Subscription<'a> {
    /// The tracked fields after the event.
    pub(super) fn node(&self, user_id_keys: &[String]) -> Result<Node, Error> {
        self.build(Fields {
            status: &self.status,
            items: self.items(),
            truncated: self.items.as_ref().is_some_and(|list| list.has_more),
            current_period_end: self.current_period_end,
            quantity: self.quantity,
            cancel_at_period_end: self.cancel_at_period_end.unwrap_or(false),
            cancel_at: self.cancel_at,
            trial_end: self.trial_end,
            pause_collection: self.pause_collection.as_ref(),
            user: self.metadata.user(user_id_keys)?,
        })
    }

    /// The tracked fields before the event: the fields that changed, laid over the object.
    pub(super) fn node_before(
        &self,
        previous: &Previous<'a>,
        user_id_keys: &[String],
    ) -> Result<Node, Error> {
        let items = match (&previous.items, &previous.plan) {
            (Some(list), _) => overlay(&list.data, &self.items()),
            (None, Some(plan)) if self.items.is_none() => {
                // Only what changed of the plan may be there.
                let before = Price::over(Some(plan), self.plan.as_ref());
                before.iter().map(SubscriptionItem::from_plan).collect()
            }
            (None, _) => self.items(),
        };
        let lists = [previous.items.as_ref(), self.items.as_ref()];
        self.build(Fields {
            status: previous.status.as_ref().unwrap_or(&self.status),
            items,
            truncated: lists.into_iter().flatten().next().is_some_and(|list| list.has_more),
            current_period_end: previous.current_period_end.unwrap_or(self.current_period_end),
            quantity: previous.quantity.unwrap_or(self.quantity),
            cancel_at_period_end: previous
                .cancel_at_period_end
                .or(self.cancel_at_period_end)
                .unwrap_or(false),
            cancel_at: previous.cancel_at.unwrap_or(self.cancel_at),
            trial_end: previous.trial_end.unwrap_or(self.trial_end),
            pause_collection: match &previous.pause_collection {
                Some(before) => before.as_ref(),
                None => self.pause_collection.as_ref(),
            },
            user: previous.metadata.over(&self.metadata).user(user_id_keys)?,
        })
    }

    /// Its items. In shapes without items, the plan of the subscription stands for one.
    fn items(&self) -> Vec<SubscriptionItem<'a>> {
        match (&self.items, &self.plan) {
            (Some(list), _) => list.data.clone(),
            (None, Some(plan)) => vec![SubscriptionItem::from_plan(plan)],
            (None, None) => Vec::new(),
        }
    }

    fn build(&self, fields: Fields<'_, 'a>) -> Result<Node, Error> {
        let Fields { items, current_period_end, quantity, .. } = &fields;
        let items = build_items(items, *current_period_end, *quantity)
            .map_err(|error| Error::Malformed(format!("subscription {}: {error}", self.id)))?;
        Ok(Node {
            status: Status::parse(fields.status),
            items,
            truncated: fields.truncated,
            cancel_at_period_end: fields.cancel_at_period_end,
            cancel_at_secs: fields.cancel_at,
            trial_ends_at_secs: fields.trial_end,
            pause_collection: fields.pause_collection.map(PauseCollection::behavior),
            user: fields.user,
        })
    }
}

/// Sorted: Stripe does not promise an order of items, and equal nodes must compare as equal.
fn build_items(
    items: &[SubscriptionItem<'_>],
    ends: Option<i64>,
    quantity: Option<u64>,
) -> Result<Vec<Item>, Error> {
    if items.len() > SUBSCRIPTION_ITEMS_MAX {
        return Err(Error::Malformed(format!(
            "{} items, at most {SUBSCRIPTION_ITEMS_MAX} are read",
            items.len()
        )));
    }
    let mut items: Vec<Item> = items.iter().map(|item| item.build(ends, quantity)).collect();
    items.sort_unstable();
    Ok(items)
}

/// The fields of a subscription at one moment, in Stripe's shape.
struct Fields<'f, 'a> {
    status: &'f str,
    items: Vec<SubscriptionItem<'a>>,
    truncated: bool,
    current_period_end: Option<i64>,
    quantity: Option<u64>,
    cancel_at_period_end: bool,
    cancel_at: Option<i64>,
    trial_end: Option<i64>,
    pause_collection: Option<&'f PauseCollection<'a>>,
    user: Option<UserId>,
}

impl PauseCollection<'_> {
    fn behavior(&self) -> PauseBehavior {
        self.behavior.as_deref().map_or(PauseBehavior::Other, PauseBehavior::parse)
    }
}

impl<'a> SubscriptionItem<'a> {
    fn from_plan(plan: &Price<'a>) -> Self {
        let plan = Some(plan.clone());
        Self { id: None, price: None, plan, current_period_end: None, quantity: None }
    }
}

impl SubscriptionItem<'_> {
    fn build(&self, ends: Option<i64>, quantity: Option<u64>) -> Item {
        let price = self.price.as_ref().or(self.plan.as_ref());
        let text = |t: &str| Box::<str>::from(t);
        Item {
            id: self.id.as_deref().map(text),
            price: price.and_then(|p| p.id.as_deref()).map(text),
            product: price.and_then(|p| p.product.id()).map(text),
            lookup_key: price.and_then(|p| p.lookup_key.as_deref()).map(text),
            ends_at_secs: self.current_period_end.or(ends),
            quantity: self.quantity.or(quantity),
        }
    }
}

/// The items before the event. Stripe sends the whole list when one element changed. An element without an
/// id is partial, and is laid over the one at the same index; one with an id and a price is whole.
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
    fn over(&self, after: &Self) -> Self {
        // A metered item has no quantity, and one that became licensed had none.
        let quantity = if self.is_whole() { None } else { after.quantity };
        Self {
            id: self.id.clone().or_else(|| after.id.clone()),
            price: Price::over(self.price.as_ref(), after.price.as_ref()),
            plan: Price::over(self.plan.as_ref(), after.plan.as_ref()),
            current_period_end: self.current_period_end.or(after.current_period_end),
            quantity: self.quantity.or(quantity),
        }
    }

    /// Whether all of the item is there, so that what it lacks it does not have.
    fn is_whole(&self) -> bool {
        self.id.is_some() && (self.price.is_some() || self.plan.is_some())
    }
}

impl Price<'_> {
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
