//! A last-writer-wins register.

use serde::{Deserialize, Serialize};

use crate::fold::Arrival;

/// The value of the latest second. Within one second the greater value counts, so the order of arrival does
/// not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Latest<T> {
    /// `created`, in seconds since the epoch.
    pub at_secs: i64,
    /// The value at that second.
    pub value: T,
}

impl<T: Ord> Latest<T> {
    /// Keeps the later value.
    pub(crate) fn merge_into(self, known: &mut Option<Self>) -> Arrival {
        if known.as_ref().is_some_and(|known| *known >= self) {
            return Arrival::Stale;
        }
        *known = Some(self);
        Arrival::Remembered
    }
}
