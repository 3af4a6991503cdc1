//! Accounts as they were last read right, for the time while the store is unavailable.
//!
//! A host that prefers an old role to none says for how long (`stale_ok_seconds`); without that nothing is kept. An
//! account is never older than that, whichever clock says so: a function may have been frozen, and a wall clock set
//! back. Its number is bounded: when one half is full, the half that was not read since is forgotten.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Serialize, Serializer};
use tierlift_core::{
    account::Account,
    id::{Epoch, UserId, Version},
    limits::LAST_KNOWN_ACCOUNTS_MAX,
    time::{Clock, Timestamp},
    wire::session::Session,
};
use tokio::time::Instant;

/// The header of an answer that is as of an earlier time.
const AS_OF: HeaderName = HeaderName::from_static("x-tierlift-as-of");

/// A session, and the time that it is as of, if the store is unavailable now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The session.
    #[serde(flatten)]
    pub session: Session,
    /// When the oldest of its accounts was last read right; `None` if all were read now.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn as_text<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&at.unwrap_or_default())
}

/// Says in the head of a response that it is as of an earlier time, if it is.
pub(crate) fn mark(headers: &mut HeaderMap, as_of: Option<Timestamp>) {
    let value = as_of.and_then(|at| HeaderValue::try_from(at.to_string()).ok());
    if let Some(value) = value {
        headers.insert(AS_OF, value);
    }
}

/// The accounts that are kept. Clones share them; the default keeps none.
#[derive(Clone, Default)]
pub struct LastKnown(Option<Arc<Kept>>);

struct Kept {
    age_max: Duration,
    accounts: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    young: HashMap<UserId, Entry>,
    old: HashMap<UserId, Entry>,
}

struct Entry {
    account: Arc<Account>,
    read: Reading,
}

/// When a read began: what it finds is at least as new.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    at: Instant,
    wall: Timestamp,
}

impl Reading {
    fn age(&self, now: Timestamp) -> Duration {
        self.at.elapsed().max(now.since(self.wall))
    }
}

impl LastKnown {
    /// Keeps accounts that are at most so old; with 0 none.
    #[must_use]
    pub fn for_secs(secs: u32) -> Self {
        let kept = |()| {
            let age_max = Duration::from_secs(u64::from(secs));
            Arc::new(Kept { age_max, accounts: Mutex::default() })
        };
        Self((secs > 0).then_some(()).map(kept))
    }

    /// A read that begins now, if what it finds is to be kept.
    pub(crate) fn begin(&self, clock: &Clock) -> Option<Reading> {
        self.0.as_ref().map(|_| Reading { at: Instant::now(), wall: clock.now() })
    }

    /// Keeps what a read has found.
    pub(crate) fn read<'a>(
        &self,
        reading: Option<Reading>,
        accounts: impl IntoIterator<Item = &'a Account>,
    ) {
        let (Some(kept), Some(reading)) = (&self.0, reading) else { return };
        let mut halves = kept.lock();
        for account in accounts {
            halves.keep(reading, account, || Arc::new(account.clone()));
        }
    }

    /// Keeps an account that this process has committed: whatever was read before is older.
    pub fn committed(&self, account: &Arc<Account>, clock: &Clock) {
        let (Some(kept), Some(reading)) = (&self.0, self.begin(clock)) else { return };
        kept.lock().keep(reading, account, || Arc::clone(account));
    }

    /// Forgets all accounts.
    pub fn clear(&self) {
        if let Some(kept) = &self.0 {
            *kept.lock() = Halves::default();
        }
    }

    /// An account that is not too old, and when it was last read right.
    pub(crate) fn get(&self, user: &UserId, now: Timestamp) -> Option<(Account, Timestamp)> {
        let kept = self.0.as_ref()?;
        let halves = kept.lock();
        let Entry { account, read } = halves.young.get(user).or_else(|| halves.old.get(user))?;
        let found = (Arc::clone(account), *read);
        drop(halves);
        let (account, read) = found;
        (read.age(now) <= kept.age_max).then(|| (Arc::unwrap_or_clone(account), read.wall))
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Halves> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Halves {
    /// Keeps an account, unless a read that began later has found it already.
    fn keep(&mut self, read: Reading, account: &Account, copy: impl FnOnce() -> Arc<Account>) {
        let known = self.young.get(&account.user).or_else(|| self.old.get(&account.user));
        let age = |read: Reading, account: &Account| (read.at, state(account));
        let mut same = None;
        if let Some(known) = known {
            if age(read, account) < age(known.read, &known.account) {
                return;
            }
            same = (state(&known.account) == state(account)).then(|| Arc::clone(&known.account));
        }
        if let Some(known) = self.young.get_mut(&account.user) {
            *known = Entry { account: same.unwrap_or_else(copy), read };
            return;
        }
        if self.young.len() >= LAST_KNOWN_ACCOUNTS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        let entry = Entry { account: same.unwrap_or_else(copy), read };
        self.old.remove(&account.user);
        self.young.insert(account.user.clone(), entry);
    }
}

/// What tells one state of an account from another.
fn state(account: &Account) -> (Epoch, Version) {
    (account.epoch, account.version)
}

#[cfg(test)]
#[path = "last_known_tests.rs"]
mod tests;
