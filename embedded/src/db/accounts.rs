//! Accounts in memory, as they are committed: whoever asks for a role needs no read of the file.
//!
//! What a commit writes is replaced here before the commit is reported, so that who knows about a commit
//! sees it. A read from the file is kept only if nothing was committed beside it: it may be older.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use tierlift_core::{
    account::Account,
    id::UserId,
    limits::{ACCOUNT_SHARDS, ACCOUNTS_IN_MEMORY_MAX},
    time::Clock,
};
use tierlift_session::LastKnown;

/// The accounts of some users, and how often one of them was committed.
#[derive(Default)]
struct Shard {
    known: HashMap<UserId, Option<Arc<Account>>>,
    commits: u64,
}

/// What may be kept of a read that began then.
pub(super) struct Reading {
    commits: u64,
}

/// Accounts by user, in shards that lock by themselves.
pub(super) struct Accounts {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    /// Who else knows what is committed.
    last_known: OnceLock<(LastKnown, Clock)>,
}

impl Default for Accounts {
    fn default() -> Self {
        let shards = (0..ACCOUNT_SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), last_known: OnceLock::new() }
    }
}

impl Accounts {
    /// The account of a user, where it is known, `None` if it is known to be absent. Otherwise what to read it with.
    pub(super) fn get(&self, user: &UserId) -> Result<Option<Account>, Reading> {
        let Some(shard) = self.shard(user) else { return Err(Reading { commits: u64::MAX }) };
        let known = shard.known.get(user).cloned().ok_or(Reading { commits: shard.commits });
        // Copied when nobody waits for the lock.
        drop(shard);
        known.map(|account| account.map(Arc::unwrap_or_clone))
    }

    /// Keeps what was read, unless something was committed meanwhile.
    pub(super) fn keep(&self, reading: &Reading, user: &UserId, account: Option<Account>) {
        let Some(mut shard) = self.shard(user) else { return };
        if shard.commits != reading.commits {
            return;
        }
        if shard.known.len() >= ACCOUNTS_IN_MEMORY_MAX / ACCOUNT_SHARDS {
            shard.known.clear();
        }
        shard.known.insert(user.clone(), account.map(Arc::new));
    }

    /// Tells these, too, what is committed from now on.
    pub(super) fn tell(&self, last_known: LastKnown, clock: Clock) {
        // A file has one server.
        let _ = self.last_known.set((last_known, clock));
    }

    /// Replaces what was known of an account that was just committed.
    pub(super) fn committed(&self, account: Arc<Account>) {
        if let Some((last_known, clock)) = self.last_known.get() {
            last_known.committed(&account, clock);
        }
        let Some(mut shard) = self.shard(&account.user) else { return };
        shard.commits += 1;
        if let Some(known) = shard.known.get_mut(&account.user) {
            *known = Some(account);
        }
    }

    /// Forgets all: what is stored may be different.
    pub(super) fn clear(&self) {
        if let Some((last_known, _)) = self.last_known.get() {
            last_known.clear();
        }
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.commits += 1;
            shard.known.clear();
        }
    }

    fn shard(&self, user: &UserId) -> Option<MutexGuard<'_, Shard>> {
        let count = u64::try_from(self.shards.len()).ok().filter(|count| *count > 0)?;
        let index = usize::try_from(self.hasher.hash_one(user) % count).ok()?;
        self.shards.get(index).map(lock)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tierlift_core::{
        id::Version,
        policy::{Policy, PolicyConfig},
    };

    use super::*;

    fn account(user: &str, version: u64) -> Account {
        let policy = Policy::new(PolicyConfig::default()).unwrap();
        let account = Account::new(UserId::new(user).unwrap(), &policy);
        Account { version: Version(version), ..account }
    }

    fn version(accounts: &Accounts, user: &UserId) -> Option<u64> {
        accounts.get(user).ok().flatten().map(|account| account.version.0)
    }

    #[test]
    fn a_read_that_a_commit_overtook_is_not_kept() {
        let accounts = Accounts::default();
        let ada = UserId::new("ada").unwrap();
        let Err(reading) = accounts.get(&ada) else { panic!("it is known") };
        accounts.committed(account("ada", 2).into());
        accounts.keep(&reading, &ada, Some(account("ada", 1)));
        assert_eq!(version(&accounts, &ada), None);
        let Err(reading) = accounts.get(&ada) else { panic!("it is known") };
        accounts.keep(&reading, &ada, Some(account("ada", 2)));
        assert_eq!(version(&accounts, &ada), Some(2));
        accounts.committed(account("ada", 3).into());
        assert_eq!(version(&accounts, &ada), Some(3));
        let Err(reading) = accounts.get(&UserId::new("bob").unwrap()) else { panic!() };
        accounts.clear();
        accounts.keep(&reading, &UserId::new("bob").unwrap(), None);
        assert!(accounts.get(&ada).is_err());
        assert!(accounts.get(&UserId::new("bob").unwrap()).is_err());
    }

    #[test]
    fn memory_is_bounded_and_the_absent_are_known() {
        let accounts = Accounts::default();
        for n in 0..2 * ACCOUNTS_IN_MEMORY_MAX {
            let user = UserId::new(&format!("user_{n}")).unwrap();
            let Err(reading) = accounts.get(&user) else { panic!("it is known") };
            accounts.keep(&reading, &user, None);
            assert_eq!(accounts.get(&user).ok(), Some(None));
        }
        let kept: usize = accounts.shards.iter().map(|shard| lock(shard).known.len()).sum();
        assert!(kept <= ACCOUNTS_IN_MEMORY_MAX, "{kept}");
    }
}
