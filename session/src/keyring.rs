//! The keys that verify tokens. An issuer may rotate and withdraw its keys while the program runs.
//!
//! ```text
//! none ──first token──▶ fetched ──age, unknown key──▶ fetched again
//!   ▲                      └──issuer away for too long──▶ none
//! ```
//!
//! A key set is fetched when a token first needs it, so that an issuer that is unavailable stops nothing else. One
//! request at a time fetches it; for forged tokens with unknown keys that happens once a minute on average.
//! Ages are measured by the monotonic clock, and by the wall clock where that says more: a function may have
//! been frozen.

use std::{
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tierlift_core::{
    limits::{
        JWKS_AGE_SECS_DEFAULT, JWKS_AGE_SECS_MAX, JWKS_AGE_SECS_MIN, JWKS_KEPT_SECS,
        JWKS_RETRY_SECS, JWKS_UNKNOWN_KEY_BURST, JWKS_UNKNOWN_KEY_INTERVAL_SECS,
    },
    time::Timestamp,
    token::{self, Claims, KeyError, Secret, SigningKeys, TokenKeys},
};
use tokio::{sync::Mutex, time::Instant};

use crate::Error;

/// Why a key set could not be fetched.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// A JWKS document.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its text.
    pub json: Vec<u8>,
    /// Time for which it may be kept, if the issuer says so.
    pub max_age: Option<Duration>,
}

/// Fetches the JWKS document.
pub type Fetch = Box<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Document, FetchError>> + Send>> + Send + Sync,
>;

/// Why a key set cannot be used.
#[derive(Debug, thiserror::Error)]
enum SourceError {
    /// It could not be fetched.
    #[error("the key set cannot be fetched: {0}")]
    Fetch(#[source] FetchError),
    /// It was fetched, but holds no usable keys.
    #[error(transparent)]
    TokenKeys(#[from] KeyError),
}

/// The current keys.
pub struct Keyring {
    keys: RwLock<Arc<TokenKeys>>,
    source: Option<Source>,
}

struct Source {
    fetch: Fetch,
    /// The set that is among the keys.
    current: RwLock<Option<Fetched>>,
    /// It is locked during a fetch, so that others wait for the outcome.
    attempts: Mutex<Attempts>,
}

/// When a key set was fetched, and for how long it is fresh.
#[derive(Clone, Copy)]
struct Fetched {
    at: Instant,
    wall: Timestamp,
    fresh_for: Duration,
}

impl Fetched {
    fn age(&self, now: Timestamp) -> Duration {
        self.at.elapsed().max(now.since(self.wall))
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        self.age(now) < self.fresh_for
    }

    fn is_younger(&self, secs: u64, now: Timestamp) -> bool {
        self.age(now) < Duration::from_secs(secs)
    }
}

/// When the key set may be fetched again.
#[derive(Default)]
struct Attempts {
    /// Not before, since the last fetch failed.
    retry_at: Option<Instant>,
    /// The time at which the fetches for unknown keys so far are spread out to one for each interval.
    spread_until: Option<Instant>,
}

impl Attempts {
    /// Takes one of the fetches for unknown keys, if there is one left.
    fn take_for_unknown_key(&mut self) -> bool {
        let interval = Duration::from_secs(JWKS_UNKNOWN_KEY_INTERVAL_SECS);
        let now = Instant::now();
        let from = self.spread_until.map_or(now, |until| until.max(now));
        let is_left = from.duration_since(now) <= interval * (JWKS_UNKNOWN_KEY_BURST - 1);
        if is_left {
            self.spread_until = Some(from + interval);
        }
        is_left
    }
}

/// Why the key set is fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// There is none, or it is old.
    Age,
    /// A token names a key that is not in the set of that time.
    UnknownKey(Instant),
}

impl Keyring {
    /// Keys that never change.
    #[must_use]
    pub fn fixed(keys: TokenKeys) -> Self {
        Self { keys: RwLock::new(Arc::new(keys)), source: None }
    }

    /// Keys with an issuer's key set, which is fetched when it is first needed.
    #[must_use]
    pub fn with_key_set(keys: TokenKeys, fetch: Fetch) -> Self {
        let source = Source { fetch, current: RwLock::default(), attempts: Mutex::default() };
        Self { source: Some(source), ..Self::fixed(keys) }
    }

    /// Replaces the shared secret after a rotation.
    pub fn replace_secret(&self, secret: Secret) {
        self.replace(|keys| keys.with_secret(secret));
    }

    /// Replaces the keys with which tokens are signed, after they were rotated.
    pub fn replace_signing_keys(&self, signing: SigningKeys) {
        self.replace(|keys| keys.with_signing_keys(Some(signing)));
    }

    /// The current keys.
    #[must_use]
    pub fn keys(&self) -> Arc<TokenKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks a token's signature and claims, with the issuer's key set if it needs one. If its key is
    /// unknown, fetches the set again and checks again.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Error> {
        let (keys, Some(source)) = (self.keys(), &self.source) else {
            return Ok(self.keys().verify(token, now)?);
        };
        if !keys.needs_key_set(token) {
            return Ok(keys.verify(token, now)?);
        }
        let before = source.current();
        let current = self.current(source, now).await?;
        let was_known = before.is_some_and(|before| before.at == current.at);
        match self.keys().verify(token, now) {
            Err(token::Error::UnknownKey) if was_known => {
                self.fetch(source, Reason::UnknownKey(current.at), now).await;
                Ok(self.keys().verify(token, now)?)
            }
            other => Ok(other?),
        }
    }

    /// The set that is used now. Brings it up to date where it is old.
    async fn current(&self, source: &Source, now: Timestamp) -> Result<Fetched, Error> {
        let known = source.current();
        if let Some(known) = known.filter(|known| known.is_fresh(now)) {
            return Ok(known);
        }
        let is_being_fetched = source.attempts.try_lock().is_err();
        let may_be_used = known.filter(|known| known.is_younger(JWKS_AGE_SECS_MAX, now));
        match may_be_used {
            Some(known) if is_being_fetched => return Ok(known),
            Some(_) | None => self.fetch(source, Reason::Age, now).await,
        }
        let current = source.current().filter(|set| set.is_younger(JWKS_KEPT_SECS, now));
        current.ok_or(Error::KeySet)
    }

    /// Fetches the set, unless somebody else just did or that has to wait.
    async fn fetch(&self, source: &Source, reason: Reason, now: Timestamp) {
        let mut attempts = source.attempts.lock().await;
        let current = source.current();
        let is_due = match reason {
            Reason::Age => !current.is_some_and(|current| current.is_fresh(now)),
            Reason::UnknownKey(at) => {
                let is_newest = current.is_some_and(|current| current.at == at);
                is_newest && attempts.take_for_unknown_key()
            }
        };
        if !is_due || attempts.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        match self.fetch_now(source, now).await {
            Ok(()) => {
                attempts.retry_at = None;
                tracing::info!("key set fetched");
            }
            Err(error) => {
                if matches!(error, SourceError::TokenKeys(KeyError::NoUsableKey)) {
                    // The issuer answers: it has withdrawn all its keys.
                    source.set(None);
                }
                attempts.retry_at = Some(Instant::now() + Duration::from_secs(JWKS_RETRY_SECS));
                tracing::error!(%error, "key set not fetched");
            }
        }
    }

    async fn fetch_now(&self, source: &Source, now: Timestamp) -> Result<(), SourceError> {
        let at = Instant::now();
        let document = (source.fetch)().await.map_err(SourceError::Fetch)?;
        let keys = TokenKeys::default().with_jwks(&document.json)?;
        self.replace(|current| current.with_public_keys_of(keys));
        let max = Duration::from_secs(JWKS_AGE_SECS_DEFAULT);
        let min = Duration::from_secs(JWKS_AGE_SECS_MIN);
        let fresh_for = document.max_age.unwrap_or(max).clamp(min, max);
        source.set(Some(Fetched { at, wall: now, fresh_for }));
        Ok(())
    }

    fn replace(&self, change: impl FnOnce(TokenKeys) -> TokenKeys) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Arc::new(change(TokenKeys::clone(&keys)));
    }
}

impl Source {
    fn current(&self) -> Option<Fetched> {
        *self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, fetched: Option<Fetched>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fetched;
    }
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
