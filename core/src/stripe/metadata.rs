//! Metadata of Stripe's objects, read for the user and the plan that it names.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{
    error::Error,
    json::{Expandable, Text},
};
use crate::id::UserId;

/// The keys and values in their order. `previous_attributes` has a null for a key that was absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata<'a>(Vec<(Cow<'a, str>, Expandable<'a>)>);

impl<'a> Metadata<'a> {
    /// The user that the first of these keys with a value names. An empty value means none: that is how
    /// Stripe deletes a key.
    pub(crate) fn user(&self, keys: &[String]) -> Result<Option<UserId>, Error> {
        for key in keys {
            match self.value(key) {
                Some(Expandable::Id(text)) if !text.is_empty() => return user(Some(text)),
                Some(Expandable::Unexpected) => {
                    return Err(Error::Malformed(format!("metadata.{key}: not a string")));
                }
                Some(Expandable::Id(_) | Expandable::Null) | None => {}
            }
        }
        Ok(None)
    }

    /// These values, laid over those of `after` for the keys that did not change.
    pub(crate) fn over(&self, after: &Self) -> Self {
        let unchanged =
            after.0.iter().filter(|(key, _)| !self.0.iter().any(|(other, _)| other == key));
        Self(self.0.iter().chain(unchanged).cloned().collect())
    }

    /// The text under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.value(key)?.id()
    }

    fn value(&self, key: &str) -> Option<&Expandable<'a>> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, value)| value)
    }
}

/// A user id from one of Stripe's fields. An empty one means none.
pub(crate) fn user(text: Option<&str>) -> Result<Option<UserId>, Error> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => UserId::new(text)
            .map(Some)
            .map_err(|error| Error::Malformed(format!("the user id is unusable: {error}"))),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Metadata<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(MetadataVisitor)
    }
}

struct MetadataVisitor;

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Metadata<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metadata")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Metadata::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(Text(key)) = map.next_key()? {
            entries.push((key, map.next_value()?));
        }
        Ok(Metadata(entries))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Metadata::default())
    }
}
