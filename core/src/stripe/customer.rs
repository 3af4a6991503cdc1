//! Stripe's customer as JSON, read only as far as it is used.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    error::Error,
    fact::{Fact, Parsed},
    kind::Type,
    metadata::Metadata,
};
use crate::id::CustomerId;

/// Stripe's customer: <https://docs.stripe.com/api/customers/object>.
#[derive(Deserialize)]
pub(super) struct Customer<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

impl Customer<'_> {
    pub(super) fn parsed(&self, kind: Type, user_id_keys: &[String]) -> Result<Parsed, Error> {
        let customer = CustomerId::new(&self.id)
            .map_err(|error| Error::Malformed(format!("data.object.id: {error}")))?;
        if kind == Type::CustomerDeleted {
            return Ok((Some(customer), Fact::CustomerDeleted));
        }
        Ok((Some(customer), Fact::Customer { user: self.metadata.user(user_id_keys)? }))
    }
}
