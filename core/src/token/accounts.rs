//! The accounts that a token names: its user's, by `sub`, and those of organisations, by the other claims of
//! `account_claims`; and how much of each whoever issued it had seen.
//!
//! `rev` and `epoch` are a number, which is about `sub` alone, or an object with a number for each account.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Claims, Error, SUBJECT};
use crate::{
    accounts::Accounts,
    epoch::Seen,
    id::{Epoch, RevocationId, UserId},
    limits::ACCOUNTS_PER_TOKEN_MAX,
};

/// The accounts that the claims name beside the user's own, in the order of the claims and each once.
///
/// A claim is a text or a list of texts. Its name may be a path, such as `org.id`, if there is no claim of
/// that whole name.
pub(super) fn others(
    claims: &Map<String, Value>,
    names: &[String],
    user: &UserId,
) -> Result<Vec<UserId>, Error> {
    let (mut distinct, mut others) = (BTreeSet::from([user.clone()]), Vec::new());
    for value in names.iter().filter(|name| *name != SUBJECT).filter_map(|name| find(claims, name))
    {
        for text in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let id = text.as_str().and_then(|text| UserId::new(text).ok());
            let id = id.ok_or(Error::AccountClaim)?;
            if distinct.insert(id.clone()) {
                others.push(id);
            }
        }
    }
    if distinct.len() > ACCOUNTS_PER_TOKEN_MAX { Err(Error::AccountClaim) } else { Ok(others) }
}

/// A claim by its name, or else by the path that the name is; `null` is as good as none.
fn find<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    let found = claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        find(claims.get(first)?.as_object()?, rest)
    });
    found.filter(|value| !value.is_null())
}

/// What a token says about an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `rev`: the revocation id at the time of issue. A token from another issuer has none and is never
    /// stale.
    pub revocation_id: Option<RevocationId>,
    /// `epoch`: the epoch of the revocation id, in the tokens that tierlift issues.
    pub epoch: Option<Epoch>,
}

impl Known {
    /// How much of the account whoever issued the token had seen.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let revocation_id = self.revocation_id.unwrap_or_default();
        Seen { epoch: self.epoch, revocation_id, ..Seen::default() }
    }
}

/// What `rev` and `epoch` say about each account.
pub(super) fn known(
    rev: Option<&Value>,
    epoch: Option<&Value>,
    user: &UserId,
) -> Result<BTreeMap<UserId, Known>, Error> {
    let mut known: BTreeMap<UserId, Known> = BTreeMap::new();
    for (id, rev) in by_account(rev, user, Value::as_u64)? {
        known.entry(id).or_default().revocation_id = Some(RevocationId(rev));
    }
    for (id, epoch) in by_account(epoch, user, Value::as_i64)? {
        known.entry(id).or_default().epoch = Some(Epoch(epoch));
    }
    Ok(known)
}

fn by_account<T>(
    claim: Option<&Value>,
    user: &UserId,
    parse: fn(&Value) -> Option<T>,
) -> Result<Vec<(UserId, T)>, Error> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::Object(numbers)) => {
            let number =
                |(id, number): (&String, &Value)| Some((UserId::new(id).ok()?, parse(number)?));
            numbers.iter().map(number).collect::<Option<_>>().ok_or(Error::Invalid)
        }
        Some(number) => Ok(vec![(user.clone(), parse(number).ok_or(Error::Invalid)?)]),
    }
}

/// The claims `rev` and `epoch` of a token for these accounts.
pub(super) fn claims_of(accounts: &Accounts) -> [(&'static str, Value); 2] {
    let own = accounts.own();
    if accounts.several().is_none() {
        return [("rev", json!(own.revocation_id)), ("epoch", json!(own.epoch))];
    }
    let revs = accounts.all().map(|it| (it.user.to_string(), json!(it.revocation_id)));
    let epochs = accounts.all().map(|it| (it.user.to_string(), json!(it.epoch)));
    [("rev", Value::Object(revs.collect())), ("epoch", Value::Object(epochs.collect()))]
}

impl Claims {
    /// What the token says about an account.
    #[must_use]
    pub fn known(&self, account: &UserId) -> Known {
        self.known.get(account).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn accounts_are_found_by_claims_and_paths_and_each_counts_once() {
        let names = ["sub", "org_id", "o.id", "https://x.example/teams"].map(str::to_owned);
        let ada = UserId::new("ada").unwrap();
        let many: Vec<_> = (0..ACCOUNTS_PER_TOKEN_MAX).map(|n| n.to_string()).collect();
        for (claims, found) in [
            (json!({}), Some(vec![])),
            (json!({"org_id": null, "o": {"id": null}}), Some(vec![])),
            (json!({"org_id": "org_1"}), Some(vec!["org_1"])),
            (json!({"o": {"id": "org_2"}, "org_id": "org_1"}), Some(vec!["org_1", "org_2"])),
            (json!({"o.id": "org_3", "o": {"id": "org_2"}}), Some(vec!["org_3"])),
            (json!({"https://x.example/teams": ["b", "a", "b"]}), Some(vec!["b", "a"])),
            (json!({"org_id": "ada", "o": {"id": "x"}}), Some(vec!["x"])),
            (json!({"org_id": []}), Some(vec![])),
            (json!({"org_id": 7}), None),
            (json!({"org_id": ""}), None),
            (json!({"org_id": ["a", 7]}), None),
            (json!({"org_id": [["a"]]}), None),
            (json!({"org_id": many}), None),
        ] {
            let expected = found.map(|ids| ids.into_iter().map(|id| UserId::new(id).unwrap()));
            let expected = expected.map(Iterator::collect).ok_or(Error::AccountClaim);
            assert_eq!(others(&map(&claims), &names, &ada), expected, "{claims}");
        }
    }

    #[test]
    fn a_number_is_about_the_user_and_an_object_about_each_account() {
        let ada = UserId::new("ada").unwrap();
        let text = |rev: &Value, epoch: Option<&Value>| {
            let known = known(Some(rev), epoch, &ada).ok()?;
            let show = |(id, it): (&UserId, &Known)| {
                format!("{id}:{:?}:{:?}", it.revocation_id.map(|it| it.0), it.epoch.map(|it| it.0))
            };
            Some(known.iter().map(show).collect::<Vec<_>>().join(" "))
        };
        let org = json!({"org": 7, "ada": 3});
        for (rev, epoch, expected) in [
            (json!(3), None, Some("ada:Some(3):None")),
            (json!(3), Some(json!(0)), Some("ada:Some(3):Some(0)")),
            (org.clone(), None, Some("ada:Some(3):None org:Some(7):None")),
            (org.clone(), Some(org), Some("ada:Some(3):Some(3) org:Some(7):Some(7)")),
            (json!({}), None, Some("")),
            (json!({"org": "7"}), None, None),
            (json!({"": 7}), None, None),
            (json!("3"), None, None),
            (json!([3]), None, None),
        ] {
            assert_eq!(text(&rev, epoch.as_ref()).as_deref(), expected, "{rev}");
        }
    }
}
