//! Secrets from Secrets Manager or the Parameter Store, cached for a short time, so that a rotation
//! needs no deployment.
//!
//! A secret in a plain environment variable is for local use only: on AWS, everyone who may look at
//! the function's configuration could read it. Nothing here decides what a missing secret means to a
//! request; the stages do.

mod source;

use std::{fmt, sync::Arc};

use tierlift_core::{
    limits::{SECRET_AGE_SECS_MAX, SECRET_REFRESH_INTERVAL_SECS},
    ports::{SecretsError, SigningSecrets, TokenSecrets},
    stripe::signature::Secrets,
    time::{Clock, Timestamp},
    token::{self, ServiceTokens, SigningKeys},
};
use tokio::sync::Mutex;

use self::source::Source;
use crate::{Environment, Sdk, environment};

/// The variables of the key of Stripe's API: one that names a secret, and one that has the key itself.
pub const STRIPE_KEY: [&str; 2] = ["STRIPE_API_KEY_ARN", "STRIPE_API_KEY"];

/// Why a secret is unavailable.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("could not read {secret}: {source}")]
    Unreadable { secret: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{secret} is not usable: {reason}")]
    Unusable { secret: String, reason: String },
    #[error("could not be read again a moment ago: {0}")]
    NotReread(String),
}

/// A secret that may be rotated while the function lives. `T` is what its text is parsed into.
pub struct CachedSecret<T> {
    source: Source,
    parse: fn(&str) -> Result<T, String>,
    clock: Clock,
    cached: Mutex<Option<Cached<T>>>,
}

/// The secret as it was last read.
struct Cached<T> {
    text: String,
    value: Arc<T>,
    /// When it was last read, or should have been.
    read_at: Timestamp,
    /// Why it was not.
    failure: Option<String>,
}

impl<T> fmt::Debug for CachedSecret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CachedSecret({})", self.source)
    }
}

impl<T> Cached<T> {
    fn is_older(&self, secs: u64, now: Timestamp) -> bool {
        now.since(self.read_at).as_secs() >= secs
    }

    /// It cannot be read now, and stays as it is.
    fn keep(&mut self, error: &Error, now: Timestamp) {
        tracing::error!(%error, "previous secret kept");
        (self.read_at, self.failure) = (now, Some(error.to_string()));
    }
}

impl CachedSecret<Secrets> {
    /// The webhook signing secrets that the environment names.
    pub fn signing_secrets(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
    ) -> Result<Self, environment::Error> {
        const NAMES: [&str; 2] = ["STRIPE_WEBHOOK_SECRET_ARN", "STRIPE_WEBHOOK_SECRET"];
        let parse = |text: &str| Secrets::parse(text).map_err(|error| error.to_string());
        let source = Source::from_environment(environment, sdk, NAMES)?;
        let meaning = "the ARN of the secret that holds the endpoint's signing secret, whsec_…";
        let source = source.ok_or(environment::Error::Missing { name: NAMES[0], meaning })?;
        Ok(Self::new(source, parse, clock))
    }
}

impl CachedSecret<token::Secret> {
    /// The secret of the access tokens (HS256) that the environment names, or two while it is rotated;
    /// `None` where another issuer signs them.
    pub fn token_secret(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
    ) -> Result<Option<Self>, environment::Error> {
        let names = ["TIERLIFT_JWT_SECRET_ARN", "TIERLIFT_JWT_SECRET"];
        let parse = |text: &str| token::Secret::new(text).map_err(|error| error.to_string());
        Self::named(names, environment, sdk, clock, parse)
    }
}

impl CachedSecret<SigningKeys> {
    /// The keys with which tokens are signed that the environment names; `None` if it names none.
    pub fn signing_keys(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
    ) -> Result<Option<Self>, environment::Error> {
        let names = ["TIERLIFT_SIGNING_KEYS_ARN", "TIERLIFT_SIGNING_KEYS"];
        let parse = |text: &str| SigningKeys::parse(text).map_err(|error| error.to_string());
        Self::named(names, environment, sdk, clock, parse)
    }
}

impl CachedSecret<ServiceTokens> {
    /// The tokens of the host's services that the environment names; `None` if it names none.
    pub fn service_tokens(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
    ) -> Result<Option<Self>, environment::Error> {
        let names = ["TIERLIFT_SERVICE_TOKENS_ARN", "TIERLIFT_SERVICE_TOKENS"];
        let parse = |text: &str| ServiceTokens::parse(text).map_err(|error| error.to_string());
        Self::named(names, environment, sdk, clock, parse)
    }
}

/// Reads a version of the text at an ARN, such as a policy document.
pub(crate) async fn read_version(
    sdk: &Sdk,
    arn: &str,
    version: &str,
) -> Result<String, SecretsError> {
    let text = Source::read_version(sdk, arn, version).await;
    text.map_err(|source| {
        let secret = format!("version {version} of {arn}");
        SecretsError(Error::Unreadable { secret, source }.into())
    })
}

impl<T> CachedSecret<T> {
    /// The key of Stripe's API that the environment names; `None` if it names none.
    pub fn stripe_key(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Option<Self>, environment::Error> {
        Self::named(STRIPE_KEY, environment, sdk, clock, parse)
    }

    /// The secret that one of these variables names; `None` if neither does.
    fn named(
        names: [&'static str; 2],
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Option<Self>, environment::Error> {
        let source = Source::from_environment(environment, sdk, names)?;
        Ok(source.map(|source| Self::new(source, parse, clock)))
    }

    /// The current secret.
    pub async fn current(&self) -> Result<Arc<T>, SecretsError> {
        self.get().await.map_err(|error| SecretsError(error.into()))
    }

    fn new(source: Source, parse: fn(&str) -> Result<T, String>, clock: &Clock) -> Self {
        Self { source, parse, clock: clock.clone(), cached: Mutex::default() }
    }

    /// Returns the secret, at most `SECRET_AGE_SECS_MAX` old. If it cannot be re-read, the cached one
    /// is kept: a short outage must not refuse requests.
    async fn get(&self) -> Result<Arc<T>, Error> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        match &*cached {
            Some(known) if !known.is_older(SECRET_AGE_SECS_MAX, now) => {
                return Ok(Arc::clone(&known.value));
            }
            Some(_) | None => {}
        }
        match (self.read(now).await, &mut *cached) {
            (Ok(read), cached) => Ok(Arc::clone(&cached.insert(read).value)),
            (Err(error), Some(known)) => {
                known.keep(&error, now);
                Ok(Arc::clone(&known.value))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Re-reads the secret because `tried` did not match. `None` where that is still the one, or was read only a
    /// moment ago.
    async fn reread(&self, tried: &Arc<T>) -> Result<Option<Arc<T>>, Error> {
        let mut cached = self.cached.lock().await;
        let Some(known) = cached.as_mut() else { return Ok(None) };
        // Another request has re-read it meanwhile.
        if !Arc::ptr_eq(&known.value, tried) {
            return Ok(Some(Arc::clone(&known.value)));
        }
        let now = self.clock.now();
        if !known.is_older(SECRET_REFRESH_INTERVAL_SECS, now) {
            let failure = known.failure.clone().map(Error::NotReread);
            return failure.map_or(Ok(None), Err);
        }
        match self.read(now).await {
            Ok(read) if read.text == known.text => {
                (known.read_at, known.failure) = (now, None);
                Ok(None)
            }
            Ok(read) => {
                tracing::info!(secret = %self.source, "secret rotated");
                *known = read;
                Ok(Some(Arc::clone(&known.value)))
            }
            Err(error) => {
                known.keep(&error, now);
                Err(error)
            }
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Cached<T>, Error> {
        let secret = || self.source.to_string();
        let text = self.source.read().await;
        let text = text.map_err(|source| Error::Unreadable { secret: secret(), source })?;
        let value = (self.parse)(text.trim())
            .map_err(|reason| Error::Unusable { secret: secret(), reason })?;
        Ok(Cached { text, value: Arc::new(value), read_at: now, failure: None })
    }
}

impl SigningSecrets for CachedSecret<Secrets> {
    async fn current(&self) -> Result<Arc<Secrets>, SecretsError> {
        self.get().await.map_err(|error| SecretsError(error.into()))
    }

    async fn refreshed(&self, tried: &Arc<Secrets>) -> Result<Option<Arc<Secrets>>, SecretsError> {
        self.reread(tried).await.map_err(|error| SecretsError(error.into()))
    }
}

impl TokenSecrets for CachedSecret<token::Secret> {
    async fn current(&self) -> Result<Arc<token::Secret>, SecretsError> {
        self.get().await.map_err(|error| SecretsError(error.into()))
    }
}
