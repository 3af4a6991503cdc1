//! The features of a customer, from Stripe's entitlements.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{fold::Arrival, limits::FEATURE_LISTS_MAX};

/// The lookup keys of a customer's active entitlements at one moment, as one event lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FeatureList {
    /// The lookup keys.
    pub names: BTreeSet<Box<str>>,
    /// Whether the customer has more than the event lists (`has_more`).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub truncated: bool,
}

/// The lists of a customer by their second: the latest complete one, and the truncated ones after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(BTreeMap<i64, FeatureList>);

impl Features {
    /// Whether there is no list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names. A truncated list removes nothing, and the lists of one second add up.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.values().flat_map(|list| &list.names).map(|name| &**name)
    }

    /// Whether some list is truncated, so that a name may be missing or out of date.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.0.values().any(|list| list.truncated)
    }

    /// Adds a list.
    pub(crate) fn insert(&mut self, at_secs: i64, list: &FeatureList) -> Arrival {
        let before = self.clone();
        match self.0.get_mut(&at_secs) {
            Some(known) => {
                known.names.extend(list.names.iter().cloned());
                known.truncated &= list.truncated;
            }
            None => drop(self.0.insert(at_secs, list.clone())),
        }
        self.forget_superseded();
        if *self == before { Arrival::Stale } else { Arrival::Remembered }
    }

    fn forget_superseded(&mut self) {
        let complete = self.0.iter().rev().find(|(_, list)| !list.truncated);
        if let Some(at_secs) = complete.map(|(at_secs, _)| *at_secs) {
            self.0 = self.0.split_off(&at_secs);
        }
        while self.0.len() > FEATURE_LISTS_MAX {
            let Some((_, oldest)) = self.0.pop_first() else { return };
            if let Some(mut next) = self.0.first_entry() {
                next.get_mut().names.extend(oldest.names);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str], truncated: bool) -> FeatureList {
        FeatureList { names: names.iter().map(|name| Box::from(*name)).collect(), truncated }
    }

    fn names(lists: &[(i64, FeatureList)]) -> Vec<String> {
        let mut features = Features::default();
        for (at_secs, list) in lists {
            features.insert(*at_secs, list);
        }
        let names: BTreeSet<String> = features.names().map(str::to_owned).collect();
        names.into_iter().collect()
    }

    #[test]
    fn the_later_list_counts_and_a_truncated_one_removes_nothing() {
        let full = |at, names: &[&str]| (at, list(names, false));
        let part = |at, names: &[&str]| (at, list(names, true));
        for (mut lists, expected) in [
            (vec![full(1, &["a"]), full(2, &["b"])], "b"),
            (vec![full(1, &["a"]), full(1, &["b"])], "a b"),
            (vec![full(1, &["a"]), full(2, &[])], ""),
            (vec![full(1, &["a"]), part(2, &["b"])], "a b"),
            (vec![full(1, &["a"]), full(2, &["b"]), part(2, &["c"])], "b c"),
            (vec![part(1, &["a"]), full(2, &["b"])], "b"),
            (vec![part(1, &["a"]), full(2, &["b"]), part(3, &["c"])], "b c"),
        ] {
            assert_eq!(names(&lists).join(" "), expected);
            lists.reverse();
            assert_eq!(names(&lists).join(" "), expected, "in the other order");
        }
    }

    #[test]
    fn truncated_lists_have_their_limit_and_lose_no_name() {
        let mut features = Features::default();
        for at_secs in 0..=FEATURE_LISTS_MAX {
            let at_secs = i64::try_from(at_secs).unwrap();
            features.insert(at_secs, &list(&[&format!("feature_{at_secs}")], true));
        }
        assert_eq!(features.0.len(), FEATURE_LISTS_MAX);
        assert_eq!(features.names().count(), FEATURE_LISTS_MAX + 1);
    }
}
