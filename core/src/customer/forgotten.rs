//! Ended subscriptions that a customer no longer keeps. Nothing revives them: their ids are remembered, and
//! beyond a number of them the time before which there were more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{id::SubscriptionId, limits::SUBSCRIPTIONS_FORGOTTEN_MAX};

/// The ended subscriptions that are no longer kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Each with the second of its end.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    ended: BTreeMap<SubscriptionId, i64>,
    /// The latest end of those that are not even listed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until_secs: Option<i64>,
}

impl Forgotten {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty()
    }

    /// Whether this one has ended and is no longer kept.
    #[must_use]
    pub fn contains(&self, id: &SubscriptionId) -> bool {
        self.ended.contains_key(id)
    }

    /// Whether an event of that second may be about one that is not even listed.
    #[must_use]
    pub fn may_include(&self, at_secs: i64) -> bool {
        self.until_secs >= Some(at_secs)
    }

    pub(super) fn add(&mut self, id: SubscriptionId, ended_secs: i64) {
        self.ended.insert(id, ended_secs);
        while self.ended.len() > SUBSCRIPTIONS_FORGOTTEN_MAX {
            let oldest = self.ended.iter().min_by_key(|(id, secs)| (**secs, (*id).clone()));
            let Some((id, secs)) = oldest.map(|(id, secs)| (id.clone(), *secs)) else { return };
            self.ended.remove(&id);
            self.until_secs = self.until_secs.max(Some(secs));
        }
    }
}
