//! Readers for values whose shape varies: an id that may be expanded, a field that may be absent or null.
//! They borrow from the body and never fail on a value that is not used.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// Reads a whole body that must be a JSON object.
///
/// Checking the UTF-8 of the whole body at once is cheaper than checking each string. A body that is not
/// UTF-8 is still read: the invalid bytes may be in a field that is not used.
pub(crate) fn from_slice<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(body) {
        Ok(text) => whole(serde_json::Deserializer::from_str(text)),
        Err(_) => whole(serde_json::Deserializer::from_slice(body)),
    }
}

fn whole<'a, T, R>(mut json: serde_json::Deserializer<R>) -> serde_json::Result<T>
where
    T: Deserialize<'a>,
    R: serde_json::de::Read<'a>,
{
    let value = object(&mut json)?;
    json.end()?;
    Ok(value)
}

/// Reads a struct only from an object. A derived reader would accept a list too, by position.
pub(crate) fn object<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_map(Object(PhantomData))
}

/// The same of a struct that may be absent or null.
pub(crate) fn optional_object<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(transparent, bound = "T: Deserialize<'de>")]
    struct Object<T>(#[serde(deserialize_with = "object")] T);
    let value = Option::<Object<T>>::deserialize(from)?;
    Ok(value.map(|Object(value)| value))
}

/// An id field: `"cus_1"`, or expanded `{"id":"cus_1",…}`, or null, or something unexpected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expandable<'a> {
    /// Absent or null.
    #[default]
    Null,
    /// The id, plain or from the expanded object.
    Id(Cow<'a, str>),
    /// Neither: a number, a list, an object without an id.
    Unexpected,
}

impl<'a> Expandable<'a> {
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Null | Self::Unexpected => None,
        }
    }

    pub(crate) fn into_id(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Id(id) => Some(id),
            Self::Null | Self::Unexpected => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Expandable<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ExpandableVisitor)
    }
}

struct ExpandableVisitor;

impl<'de> Visitor<'de> for ExpandableVisitor {
    type Value = Expandable<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id or an expanded object")
    }
    fn visit_borrowed_str<E>(self, id: &'de str) -> Result<Self::Value, E> {
        Ok(Expandable::Id(Cow::Borrowed(id)))
    }
    fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
        Ok(Expandable::Id(Cow::Owned(id.to_owned())))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Expandable::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Expandable::Unexpected)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Expandable::Unexpected)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Expandable::Unexpected)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Expandable::Unexpected)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Expandable::Unexpected)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Expandable::Unexpected;
        while let Some(Text(key)) = map.next_key()? {
            if key == "id" {
                found = match map.next_value::<Leaf<'de>>()?.0 {
                    Some(id) => Expandable::Id(id),
                    None => Expandable::Unexpected,
                };
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Reads a field that has an object if it is expanded, and otherwise its id or nothing.
pub(crate) fn expanded<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Expanded<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Expanded<T> {
        type Value = Option<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an id or an expanded object")
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    from.deserialize_any(Expanded(PhantomData))
}

/// A string, borrowed if it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// A string, or anything else as `None`.
struct Leaf<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Leaf<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Expandable::deserialize(from).map(|inner| Self(inner.into_id()))
    }
}

/// Reads an `Option<Option<T>>`: a field that is present, null or not, is `Some`.
#[expect(clippy::option_option, reason = "absent, null and a value are three things here")]
pub(crate) fn present<'de, T, D>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expandable_field_takes_every_shape() {
        for (json, id) in [
            (r#""cus_1""#, Some("cus_1")),
            (r#""cus\u005f1""#, Some("cus_1")),
            (r#"{"object":"customer","id":"cus_1","deep":{"id":"no"}}"#, Some("cus_1")),
            (r#"{"id":7}"#, None),
            (r#"{"object":"customer"}"#, None),
            ("null", None),
            ("7", None),
            ("-7", None),
            ("7.5", None),
            ("true", None),
            (r#"[{"id":"cus_1"}]"#, None),
        ] {
            let got: Expandable<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(got.id(), id, "{json}");
        }
    }
}
