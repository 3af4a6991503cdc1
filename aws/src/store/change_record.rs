//! The `change` attribute of an account: a committed change and where it comes from.
//!
//! The table's stream is the outbox: what is pushed commits with the account, in the same item, and
//! nothing else is written.

use serde::{Deserialize, Serialize};
use tierlift_core::change::{Change, DeliveryContext};

/// A committed change, as the table's stream carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// The change.
    pub change: Change,
    /// The webhook that caused it; `None` where no webhook did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<DeliveryContext>,
}

impl ChangeRecord {
    /// Parses the attribute's JSON.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// The attribute's JSON.
    pub(super) fn to_json(&self) -> String {
        // Strings, numbers and booleans always have a JSON text.
        serde_json::to_string(self).unwrap_or_default()
    }
}
