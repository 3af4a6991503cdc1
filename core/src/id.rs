//! Ids as types, so that a customer's id is never used as a user's. Every value is well formed: the
//! constructor refuses anything else.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::ID_BYTES_MAX;

/// Why a text is not an id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// It is empty.
    #[error("an id must not be empty")]
    Empty,
    /// It is longer than [`ID_BYTES_MAX`].
    #[error("an id has at most {ID_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// It has control characters, which would corrupt logs and keys.
    #[error("an id must not contain control characters")]
    ControlCharacter,
}

fn check(text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(Error::TooLong(text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::ControlCharacter);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text: not empty, at most [`ID_BYTES_MAX`] bytes, no control characters.
            pub fn new(text: &str) -> Result<Self, Error> {
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an id")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                from.deserialize_str(Text)
            }
        }
    };
}

id! {
    /// Stripe's id of an event, `evt_…`.
    EventId
}
id! {
    /// Stripe's id of a customer, `cus_…`.
    CustomerId
}
id! {
    /// Stripe's id of a subscription, `sub_…`.
    SubscriptionId
}
id! {
    /// Stripe's id of a payment: of a `PaymentIntent`, `pi_…`, or of a charge without one, `ch_…`.
    PaymentId
}
id! {
    /// The id of a purchase: that of its payment, or of its Checkout Session where nothing was to pay.
    PurchaseId
}
id! {
    /// Stripe's id of an invoice, `in_…`.
    InvoiceId
}
id! {
    /// The id of a grant by a service: the service's name, a colon, and what it calls the grant.
    ServiceGrantId
}
id! {
    /// The host application's id of a person; the `sub` of their tokens.
    UserId
}

/// The number of changes of an account's role. A token that carries a smaller one is stale.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RevocationId(pub u64);

impl RevocationId {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for RevocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The time, in Unix seconds, at which the revocation id and the version of an account restarted; 0
/// until a store is restored from a backup and somebody has seen more of an account than is left of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub i64);

impl Epoch {
    /// Whether this is the first epoch, which no restore began.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.0 == 0
    }
}

/// The number of times that a customer or an account was written; 0 means that it is not stored yet. A
/// commit names the version that its decision was based on.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// The version that a commit based on this one writes.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_well_formed_or_does_not_exist() {
        assert_eq!(UserId::new("ada").unwrap().as_str(), "ada");
        assert_eq!(UserId::new(""), Err(Error::Empty));
        assert_eq!(UserId::new(&"x".repeat(256)), Err(Error::TooLong(256)));
        assert_eq!(UserId::new("a\nb"), Err(Error::ControlCharacter));
        assert!(serde_json::from_str::<EventId>("\"\"").is_err());
    }
}
