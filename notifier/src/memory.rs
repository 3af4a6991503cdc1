//! Accounts and a gateway in memory, for the tests of this package. Neither keeps the promises of a
//! backend beyond what the notifier uses.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    policy::{Policy, PolicyConfig},
    ports::{GatewaySockets, Holder, LoadKeys, Pushed, Sockets, SocketsError, Store, StoreError},
    time::{Clock, Timestamp},
    token::{Secret, TokenConfig, TokenKeys},
};
use tierlift_session::{Access, Keyring, LastKnown};

use crate::Close;

pub(crate) const START: Timestamp = Timestamp::from_secs(1_795_000_000);

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn secret() -> Secret {
    Secret::new("a secret of thirty-two bytes long").unwrap()
}

/// A clock that is set by hand.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START.as_secs())))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_secs(), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let secs = Arc::clone(&self.0);
        Clock::new(move || Timestamp::from_secs(secs.load(Ordering::SeqCst)))
    }
}

/// Access to these accounts, by tokens of [`secret`] that may name an organisation.
pub(crate) fn access(accounts: Accounts, clock: &ManualClock) -> Arc<Access<Accounts>> {
    let account_claims = ["sub", "org_id"].map(str::to_owned).into();
    let rules = TokenConfig { account_claims, ..TokenConfig::default() }.rules();
    Arc::new(Access {
        store: accounts,
        policy: Policy::new(PolicyConfig::default()).unwrap().into(),
        keyring: Keyring::fixed(TokenKeys::new(Some(secret())).with_rules(rules)),
        clock: clock.clock(),
        last_known: LastKnown::default(),
    })
}

/// Accounts by user; without any it is a store that cannot be read.
#[derive(Default)]
pub(crate) struct Accounts(pub(crate) Option<Mutex<HashMap<UserId, Account>>>);

impl Store for Accounts {
    async fn load(&self, _: &LoadKeys) -> Result<Loaded, StoreError> {
        unreachable!("the notifier decides nothing")
    }

    async fn commit(&self, _: Commit) -> Result<(), StoreError> {
        unreachable!("the notifier commits nothing")
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let accounts = self.0.as_ref().ok_or(StoreError::Unavailable("unreachable".into()))?;
        Ok(accounts.lock().unwrap().get(user).cloned())
    }

    async fn customer(&self, _: &CustomerId) -> Result<Option<Customer>, StoreError> {
        unreachable!("the notifier reads no customers")
    }

    async fn ledger(&self, _: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        unreachable!("the notifier reads no ledger")
    }

    async fn expired(&self, _: Timestamp, _: usize) -> Result<Vec<UserId>, StoreError> {
        unreachable!("the notifier expires nothing")
    }
}

/// Sockets of a gateway, named by numbers. Socket 0 cannot be recorded.
#[derive(Default)]
pub(crate) struct HeldSockets {
    /// Records of open sockets, the newest first.
    records: Mutex<Vec<(u32, Holder)>>,
    pushed: Mutex<Vec<(u32, String)>>,
    closed: Mutex<Vec<u32>>,
    /// A user's sockets cannot be listed.
    list_is_away: AtomicBool,
}

impl HeldSockets {
    /// The open sockets, the newest first.
    pub(crate) fn open_ids(&self) -> Vec<u32> {
        self.records.lock().unwrap().iter().map(|(id, _)| *id).collect()
    }

    /// From now on a user's sockets cannot be listed.
    pub(crate) fn cannot_list(&self) {
        self.list_is_away.store(true, Ordering::SeqCst);
    }

    /// The frames that were pushed since the last call.
    pub(crate) fn take_pushed(&self) -> Vec<(u32, String)> {
        std::mem::take(&mut self.pushed.lock().unwrap())
    }

    /// The sockets that were closed since the last call.
    pub(crate) fn take_closed(&self) -> Vec<u32> {
        std::mem::take(&mut self.closed.lock().unwrap())
    }
}

impl Sockets for HeldSockets {
    type Id = u32;

    async fn for_user(&self, user: &UserId) -> Result<Vec<u32>, SocketsError> {
        if self.list_is_away.load(Ordering::SeqCst) {
            return Err(SocketsError("unavailable".into()));
        }
        let records = self.records.lock().unwrap();
        let follows = |holder: &Holder| holder.user == *user || holder.others.contains(user);
        Ok(records.iter().filter(|(_, holder)| follows(holder)).map(|(id, _)| *id).collect())
    }

    async fn push(&self, socket: &u32, text: &str) -> Result<Pushed, SocketsError> {
        self.pushed.lock().unwrap().push((*socket, text.to_owned()));
        Ok(Pushed::Sent)
    }

    async fn revoke(&self, socket: &u32, revoked_before: Timestamp) -> Result<bool, SocketsError> {
        let holder = self.holder(socket).await?;
        let is_revoked = holder.is_some_and(|holder| holder.token.is_revoked(revoked_before));
        if is_revoked {
            self.push(socket, &Close::Revoked.frame()).await?;
            self.close(socket).await?;
        }
        Ok(is_revoked)
    }

    async fn forget(&self, socket: &u32) -> Result<(), SocketsError> {
        self.records.lock().unwrap().retain(|(id, _)| id != socket);
        Ok(())
    }
}

impl GatewaySockets for HeldSockets {
    async fn opened_by(&self, user: &UserId) -> Result<Vec<u32>, SocketsError> {
        let listed = self.for_user(user).await?;
        let records = self.records.lock().unwrap();
        let is_own = |id: &u32| records.iter().any(|(it, holder)| it == id && holder.user == *user);
        Ok(listed.into_iter().filter(is_own).collect())
    }

    async fn open(&self, socket: &u32, holder: &Holder) -> Result<(), SocketsError> {
        if *socket == 0 {
            return Err(SocketsError("unavailable".into()));
        }
        self.records.lock().unwrap().insert(0, (*socket, holder.clone()));
        Ok(())
    }

    async fn holder(&self, socket: &u32) -> Result<Option<Holder>, SocketsError> {
        if *socket == 0 {
            return Err(SocketsError("unavailable".into()));
        }
        let records = self.records.lock().unwrap();
        Ok(records.iter().find(|(id, _)| id == socket).map(|(_, holder)| holder.clone()))
    }

    async fn close(&self, socket: &u32) -> Result<(), SocketsError> {
        self.closed.lock().unwrap().push(*socket);
        self.forget(socket).await
    }
}
