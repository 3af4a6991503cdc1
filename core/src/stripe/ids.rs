//! Ids in Stripe's objects: a field that must have one, and the customer in either of its two fields.

use super::{error::Error, json::Expandable};
use crate::id::CustomerId;

/// The customer, or the Account that stands for one (Accounts v2).
pub(super) fn customer_id(
    customer: &Expandable<'_>,
    account: &Expandable<'_>,
) -> Result<CustomerId, Error> {
    let field = if *customer == Expandable::Null { account } else { customer };
    let id = parse_id("data.object.customer", field)?;
    CustomerId::new(id).map_err(|error| Error::Malformed(format!("data.object.customer: {error}")))
}

pub(super) fn parse_id<'f>(name: &str, field: &'f Expandable<'_>) -> Result<&'f str, Error> {
    field.id().ok_or_else(|| Error::Malformed(format!("{name}: no id")))
}
