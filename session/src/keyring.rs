//! The keys that verify tokens, which an issuer may rotate while the program runs.
//!
//! A token with an unknown key makes the keyring fetch the issuer's key set again: one fetch at a time,
//! and at most one a minute, so that forged tokens cannot flood the issuer with requests. A failed fetch
//! changes nothing.

use std::{
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use tierlift_core::{
    limits::JWKS_FETCH_INTERVAL_SECS,
    time::Timestamp,
    token::{self, Claims, KeyError, Secret, TokenKeys},
};
use tokio::sync::Mutex;

/// Why a key set could not be fetched.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Fetches the JWKS document.
pub type Fetch = Box<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send>> + Send + Sync,
>;

/// Why a key set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
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
    /// Time at which the last fetch began. It is locked during a fetch, so that others wait for the
    /// outcome.
    began: Mutex<Timestamp>,
}

impl Keyring {
    /// Keys that never change.
    #[must_use]
    pub fn fixed(keys: TokenKeys) -> Self {
        Self { keys: RwLock::new(Arc::new(keys)), source: None }
    }

    /// Keys with an issuer's key set; fetches it for the first time.
    pub async fn fetched(
        keys: TokenKeys,
        fetch: Fetch,
        now: Timestamp,
    ) -> Result<Self, SourceError> {
        let source = Source { fetch, began: Mutex::new(now) };
        let keyring = Self { source: Some(source), ..Self::fixed(keys) };
        keyring.fetch().await?;
        Ok(keyring)
    }

    /// Replaces the shared secret after a rotation.
    pub fn replace_secret(&self, secret: Secret) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Arc::new(TokenKeys::clone(&keys).with_secret(secret));
    }

    /// The current keys.
    #[must_use]
    pub fn keys(&self) -> Arc<TokenKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks a token's signature and time. If its key is unknown, fetches the issuer's key set and
    /// checks again.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, token::Error> {
        match self.keys().verify(token, now) {
            Err(token::Error::UnknownKey) => {
                self.refetch(now).await;
                self.keys().verify(token, now)
            }
            other => other,
        }
    }

    async fn refetch(&self, now: Timestamp) {
        let Some(source) = &self.source else { return };
        let mut began = source.began.lock().await;
        if now < began.plus_secs(JWKS_FETCH_INTERVAL_SECS) {
            return;
        }
        *began = now;
        match self.fetch().await {
            Ok(()) => tracing::info!("key set fetched"),
            Err(error) => tracing::error!(%error, "previous key set kept"),
        }
    }

    async fn fetch(&self) -> Result<(), SourceError> {
        let Some(source) = &self.source else { return Ok(()) };
        let json = (source.fetch)().await.map_err(SourceError::Fetch)?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Arc::new(TokenKeys::clone(&keys).with_jwks(&json)?);
        drop(keys);
        Ok(())
    }
}
