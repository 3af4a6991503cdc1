//! What a commit tells the notifier: a change of role as an attribute of its account. The table's
//! stream is the outbox, so nothing is told that was not committed, and nothing else is written.

use serde::{Deserialize, Serialize};
use tierlift_core::change::{Change, DeliveryContext};

#[derive(Serialize)]
struct Told<'a> {
    change: &'a Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a DeliveryContext>,
}

#[derive(Deserialize)]
struct Heard {
    change: Change,
    #[serde(default)]
    origin: Option<DeliveryContext>,
}

/// The text of the attribute `change`.
pub(super) fn text(change: &Change, origin: Option<&DeliveryContext>) -> String {
    // Strings, numbers and booleans always have a JSON text.
    serde_json::to_string(&Told { change, origin }).unwrap_or_default()
}

/// What the attribute `change` of an account tells: the change, and by which message it came.
pub fn change_of(json: &str) -> Result<(Change, Option<DeliveryContext>), serde_json::Error> {
    let Heard { change, origin } = serde_json::from_str(json)?;
    Ok((change, origin))
}
