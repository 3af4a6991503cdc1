//! What the stages need, in memory, each of which can be unavailable: a store that is the reference model, the stream of its
//! changes, the tabs that get them, and the secrets of the webhooks.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use tierlift_core::{
    account::Account,
    change::ChangeRecord,
    customer::Customer,
    decide::{Commit, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    model::ReferenceModel,
    ports::{
        LoadKeys, Pushed, SecretsError, SigningSecrets, Sockets, SocketsError, Store, StoreError,
    },
    stripe::signature::Secrets,
    time::Timestamp,
};
use tierlift_testkit::facts::policy;

/// A switch that a test turns: whether something is unavailable.
#[derive(Clone, Debug, Default)]
pub(super) struct Away(Arc<AtomicBool>);

impl Away {
    pub(super) fn set(&self, is_away: bool) {
        self.0.store(is_away, Ordering::SeqCst);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A store, and the stream of what its commits changed.
#[derive(Default)]
pub(super) struct ModelStore {
    pub(super) away: Away,
    pub(super) model: Mutex<ReferenceModel>,
    /// The events in the order of their commits.
    pub(super) committed: Mutex<Vec<EventId>>,
    pub(super) stream: Mutex<VecDeque<ChangeRecord>>,
}

impl ModelStore {
    fn model<T>(&self, read: impl FnOnce(&ReferenceModel) -> T) -> Result<T, StoreError> {
        if self.away.get() {
            return Err(StoreError::Unavailable("throttled".into()));
        }
        Ok(read(&self.model.lock().unwrap()))
    }
}

impl Store for &ModelStore {
    async fn load(&self, keys: &LoadKeys) -> Result<Loaded, StoreError> {
        self.model(|model| model.load(keys))
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.model(|_| ())?;
        let (event, at) = (commit.ledger.event.clone(), commit.ledger.processed_at);
        let records = commit
            .changes
            .iter()
            .map(|change| ChangeRecord { change: change.clone(), context: commit.context.clone() });
        self.stream.lock().unwrap().extend(records);
        self.committed.lock().unwrap().push(event);
        self.model.lock().unwrap().commit(commit, &policy(), at);
        Ok(())
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        self.model(|model| model.account(user))
    }

    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        self.model(|model| Some(model.customer(id)))
    }

    async fn ledger(&self, event: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        self.model(|model| model.ledger.get(event).cloned())
    }

    async fn expired(&self, _: Timestamp, _: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(Vec::new())
    }
}

/// One tab of each user. It shows the role of the newest frame.
#[derive(Default)]
pub(super) struct Tabs {
    pub(super) away: Away,
    pub(super) shown: Mutex<BTreeMap<UserId, Shown>>,
}

/// What a tab shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) role: String,
    pub(super) version: u64,
}

impl Sockets for Tabs {
    type Id = UserId;

    async fn for_user(&self, user: &UserId) -> Result<Vec<UserId>, SocketsError> {
        Ok(vec![user.clone()])
    }

    async fn push(&self, user: &UserId, text: &str) -> Result<Pushed, SocketsError> {
        if self.away.get() {
            return Err(SocketsError("no right to push".into()));
        }
        let frame: serde_json::Value = serde_json::from_str(text).unwrap();
        let version = frame["accountVersion"].as_u64().unwrap();
        let role = frame["role"].as_str().unwrap().to_owned();
        let mut shown = self.shown.lock().unwrap();
        let tab = shown.entry(user.clone()).or_default();
        // What is not new is a repetition; what is new is the next.
        assert!(version <= tab.version + 1, "{user} missed what came before {frame}");
        if version > tab.version {
            *tab = Shown { role, version };
        }
        Ok(Pushed::Sent)
    }

    async fn revoke(&self, _: &UserId, _: Timestamp) -> Result<bool, SocketsError> {
        unreachable!("nobody revokes a token")
    }

    async fn forget(&self, _: &UserId) -> Result<(), SocketsError> {
        unreachable!("no tab is gone")
    }
}

/// The signing secrets of webhooks, of a function that has read none yet.
pub(super) struct Signing {
    pub(super) away: Away,
    pub(super) secrets: Arc<Secrets>,
}

impl SigningSecrets for Signing {
    async fn current(&self) -> Result<Arc<Secrets>, SecretsError> {
        if self.away.get() {
            return Err(SecretsError("the key is disabled".into()));
        }
        Ok(Arc::clone(&self.secrets))
    }

    async fn refreshed(&self, _: &Arc<Secrets>) -> Result<Option<Arc<Secrets>>, SecretsError> {
        Ok(None)
    }
}
