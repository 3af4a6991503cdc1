//! The tracked fields of a subscription at one moment: a node, to which events lead and from which they
//! start.
//!
//! Two nodes are equal exactly when no tracked field differs. What a node earns is the business
//! of `grant`; how nodes follow each other is the business of `fold`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::UserId;

/// Stripe's subscription status (<https://docs.stripe.com/api/subscriptions/object#subscription_object-status>).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// In good standing.
    Active,
    /// In its trial.
    Trialing,
    /// The latest invoice is not paid; Stripe is still trying.
    PastDue,
    /// The latest invoice is not paid and Stripe has given up; the subscription stays.
    Unpaid,
    /// It has ended. Terminal.
    Canceled,
    /// The first invoice is not paid yet.
    Incomplete,
    /// The first invoice was not paid within 23 hours. Terminal.
    IncompleteExpired,
    /// The trial ended without a payment method.
    Paused,
    /// A status that Stripe added later. It earns nothing until this program knows it.
    Other(Box<str>),
}

impl Default for Status {
    /// The status of a subscription about which nothing is known: it earns nothing.
    fn default() -> Self {
        Self::Incomplete
    }
}

impl Status {
    /// The status of that name. An unknown name is kept as it is.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "trialing" => Self::Trialing,
            "past_due" => Self::PastDue,
            "unpaid" => Self::Unpaid,
            "canceled" => Self::Canceled,
            "incomplete" => Self::Incomplete,
            "incomplete_expired" => Self::IncompleteExpired,
            "paused" => Self::Paused,
            other => Self::Other(other.into()),
        }
    }

    /// Stripe's name of the status.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Trialing => "trialing",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Canceled => "canceled",
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Paused => "paused",
            Self::Other(text) => text,
        }
    }

    /// Whether it is final: no event revives such a subscription.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text: std::borrow::Cow<'de, str> = Deserialize::deserialize(from)?;
        Ok(Self::parse(&text))
    }
}

/// One item of a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Item {
    /// Item id, `si_…`. Shapes before 2016 have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<Box<str>>,
    /// Price id, `price_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price: Option<Box<str>>,
    /// Product id, `prod_…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub product: Option<Box<str>>,
    /// The price's lookup key, which can be the same in several Stripe accounts.
    #[serde(rename = "lookup", skip_serializing_if = "Option::is_none", default)]
    pub lookup_key: Option<Box<str>>,
    /// End of the current period, in seconds since the epoch: that of the item, or that of the
    /// subscription in API versions before Basil.
    #[serde(rename = "ends", skip_serializing_if = "Option::is_none", default)]
    pub ends_at_secs: Option<i64>,
    /// The quantity, if the price has one.
    #[serde(rename = "count", skip_serializing_if = "Option::is_none", default)]
    pub quantity: Option<u64>,
}

impl Item {
    /// Whether this is the same item at another moment: by its id, or by its price if it has none.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(a), Some(b)) => a == b,
            _ => self.price == other.price,
        }
    }

    /// Whether it is sold at all. An item without a quantity is metered, and is.
    #[must_use]
    pub fn is_sold(&self) -> bool {
        self.quantity != Some(0)
    }
}

/// The tracked fields of a subscription at one moment.
///
/// A record that is stored has each item once, so its nodes have the places of their items instead.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node<I = Item> {
    /// The status.
    pub status: Status,
    /// The items, sorted.
    pub items: Vec<I>,
    /// Whether the event did not show all items (`has_more`).
    #[serde(skip_serializing_if = "is_false", default)]
    pub truncated: bool,
    /// Whether it ends with the current period.
    #[serde(rename = "cancels", skip_serializing_if = "is_false", default)]
    pub cancel_at_period_end: bool,
    /// Time at which it will be canceled, in seconds since the epoch. It bounds every item.
    #[serde(rename = "cancel_at", skip_serializing_if = "Option::is_none", default)]
    pub cancel_at_secs: Option<i64>,
    /// End of the trial, in seconds since the epoch.
    #[serde(rename = "trial_end", skip_serializing_if = "Option::is_none", default)]
    pub trial_ends_at_secs: Option<i64>,
    /// `pause_collection.behavior`. The status does not show it.
    #[serde(rename = "paused", skip_serializing_if = "Option::is_none", default)]
    pub pause_collection: Option<PauseBehavior>,
    /// The user that the subscription's own metadata names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<UserId>,
}

/// What happens to invoices while their collection is paused
/// (<https://docs.stripe.com/api/subscriptions/object#subscription_object-pause_collection-behavior>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseBehavior {
    /// Invoices are kept as drafts, to be collected later.
    KeepAsDraft,
    /// Invoices are marked uncollectible: the service is free of charge.
    MarkUncollectible,
    /// Invoices are voided: nothing is owed.
    Void,
    /// A behavior that Stripe added later.
    Other,
}

impl PauseBehavior {
    /// The behavior of that name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "keep_as_draft" => Self::KeepAsDraft,
            "mark_uncollectible" => Self::MarkUncollectible,
            "void" => Self::Void,
            _ => Self::Other,
        }
    }
}

impl<I> Node<I> {
    /// The same with other items.
    pub(crate) fn with_items<J>(&self, items: Vec<J>) -> Node<J> {
        Node {
            status: self.status.clone(),
            items,
            truncated: self.truncated,
            cancel_at_period_end: self.cancel_at_period_end,
            cancel_at_secs: self.cancel_at_secs,
            trial_ends_at_secs: self.trial_ends_at_secs,
            pause_collection: self.pause_collection,
            user: self.user.clone(),
        }
    }
}

impl Node {
    /// End of the current period: the latest of its items'.
    #[must_use]
    pub fn period_ends_at_secs(&self) -> Option<i64> {
        self.items.iter().filter_map(|item| item.ends_at_secs).max()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_survives_a_round_trip() {
        for name in [
            "active",
            "trialing",
            "past_due",
            "unpaid",
            "canceled",
            "incomplete",
            "incomplete_expired",
            "paused",
            "on_the_moon",
        ] {
            let status = Status::parse(name);
            assert_eq!(status.as_str(), name);
            let json = serde_json::to_string(&status).unwrap();
            assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status);
            assert_eq!(status.is_terminal(), ["canceled", "incomplete_expired"].contains(&name));
        }
    }

    #[test]
    fn the_period_ends_with_the_latest_of_its_items() {
        let item = |ends_at_secs| Item { ends_at_secs, ..Item::default() };
        let items = [Some(5), Some(9), None, Some(7)].map(item).to_vec();
        assert_eq!(Node { items, ..Node::default() }.period_ends_at_secs(), Some(9));
        assert_eq!(Node::default().period_ends_at_secs(), None);
    }

    #[test]
    fn an_item_is_the_same_by_its_id_or_else_by_its_price() {
        let item = |id: &str, price: &str| Item {
            id: (id != "-").then(|| id.into()),
            price: Some(price.into()),
            ..Item::default()
        };
        for (a, b, is_same) in [
            (item("si_1", "a"), item("si_1", "b"), true),
            (item("si_1", "a"), item("si_2", "a"), false),
            (item("-", "a"), item("-", "a"), true),
            (item("-", "a"), item("si_1", "a"), true),
            (item("-", "a"), item("-", "b"), false),
        ] {
            assert_eq!((a.is_same(&b), b.is_same(&a)), (is_same, is_same), "{a:?} {b:?}");
        }
    }
}
