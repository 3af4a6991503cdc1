//! What a host has received, and whether it was everything, once and in order.

use std::collections::{BTreeMap, HashSet};

use tierlift_core::id::UserId;
use tierlift_testkit::facts::user_id;

/// The changes that a host has received in one way, repeats left out by their ids.
#[derive(Clone, Default)]
pub(super) struct Received {
    ids: HashSet<String>,
    /// The revocation ids of each user's changes, as they came. Each change of these tests has a new one.
    of_users: BTreeMap<UserId, Vec<u64>>,
    pub(super) repeats: usize,
}

impl Received {
    /// Takes a change; returns whether it was a new one.
    pub(super) fn take(&mut self, id: String, user: &str, revocation_id: u64) -> bool {
        let is_new = self.ids.insert(id);
        if is_new {
            self.of_users.entry(user_id(user)).or_default().push(revocation_id);
        } else {
            self.repeats += 1;
        }
        is_new
    }

    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    /// Each user has this number of changes: each came, and those of a user in order.
    pub(super) fn check(&self, expected: &BTreeMap<UserId, u64>) -> Result<(), String> {
        if !self.of_users.keys().eq(expected.keys()) {
            return Err("changes of others, or not of all".to_owned());
        }
        for (user, changes) in &self.of_users {
            if !changes.iter().copied().eq(1..=expected[user]) {
                return Err(format!("{user}: {} of {}", changes.len(), expected[user]));
            }
        }
        Ok(())
    }
}

#[test]
fn what_is_lacking_or_out_of_order_is_found() {
    let expected = BTreeMap::from([(user_id("ada"), 3), (user_id("bob"), 1)]);
    let check = |changes: &[(&str, u64)]| {
        let mut received = Received::default();
        for (user, number) in changes {
            received.take(format!("{user} {number}"), user, *number);
        }
        received.check(&expected)
    };
    let all = [("ada", 1), ("bob", 1), ("ada", 2), ("ada", 3)];
    assert_eq!(check(&all), Ok(()));
    assert_eq!(check(&[&all[..], &all[1..3]].concat()), Ok(()), "repeats are left out");
    for lacking in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(lacking);
        assert!(check(&some).is_err(), "{some:?}");
    }
    assert!(check(&[("ada", 2), ("ada", 1), ("ada", 3), ("bob", 1)]).is_err());
    assert!(check(&[&all[..], &[("eve", 1)]].concat()).is_err());
}
