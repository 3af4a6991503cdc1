//! Secrets that somebody may roll while we run: from Secrets Manager or the Parameter Store, kept
//! for a short while, so that a new one needs no deploy.
//!
//! A secret in the plain environment is for local use alone: it would stand in the function's
//! configuration for everybody to read who may look at it.

use std::{fmt, sync::Arc};

use aws_sdk_secretsmanager as secretsmanager;
use aws_sdk_ssm as ssm;
use axum::http::{Response, StatusCode};
use tierlift_core::{
    codes::Code,
    limits::{SECRET_AGE_SECS_MAX, SECRET_REFRESH_INTERVAL_SECS},
    ports::{SecretsError, SigningSecrets},
    stripe::signature::Secrets,
    time::{Clock, Timestamp},
    token,
    wire::problem,
};
use tokio::sync::Mutex;

use crate::{Environment, Sdk, environment, sdk::with_sources};

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read where it is kept.
    #[error("the secret {from} cannot be read: {source}")]
    Unreadable {
        /// Where it is kept.
        from: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It was read, and is no use.
    #[error("the secret {from} is of no use: {error}")]
    Unusable {
        /// Where it is kept.
        from: String,
        /// Why.
        error: String,
    },
}

impl Error {
    /// The answer to whoever needs it.
    #[must_use]
    pub fn answer(&self) -> Response<String> {
        tracing::error!(error = %self, "a secret is missing");
        let detail = "a secret cannot be read now; try again";
        problem::response(StatusCode::SERVICE_UNAVAILABLE, Code::SecretsUnavailable, detail)
    }
}

/// Where a secret is kept.
enum Source {
    SecretsManager { client: secretsmanager::Client, arn: String },
    ParameterStore { client: ssm::Client, arn: String },
    Environment { name: &'static str, text: String },
}

/// One secret, as last read and parsed.
struct Kept<T> {
    text: String,
    value: Arc<T>,
    read_at: Timestamp,
}

/// A secret that may be rolled. `T` is what its text means.
pub struct Vault<T> {
    source: Source,
    parse: fn(&str) -> Result<T, String>,
    clock: Clock,
    kept: Mutex<Option<Kept<T>>>,
}

impl<T> fmt::Debug for Vault<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.source)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretsManager { arn, .. } | Self::ParameterStore { arn, .. } => arn,
            Self::Environment { name, .. } => name,
        })
    }
}

impl<T> Vault<T> {
    /// The secret whose ARN the variable `arn_name` holds, or else the one in `plain_name` itself;
    /// `None` where neither is set.
    pub fn of(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
        [arn_name, plain_name]: [&'static str; 2],
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Option<Self>, environment::Error> {
        let source = match (environment.get(arn_name), environment.get(plain_name)) {
            (Some(arn), _) => Source::at(arn_name, arn, sdk)?,
            (None, Some(text)) => Source::Environment { name: plain_name, text: text.to_owned() },
            (None, None) => return Ok(None),
        };
        Ok(Some(Self { source, parse, clock: clock.clone(), kept: Mutex::default() }))
    }

    /// The secret of now, at most so many seconds old. While it cannot be read anew the old one
    /// stays: a service that is away for a moment must not refuse webhooks.
    pub async fn current(&self) -> Result<Arc<T>, Error> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        match &*kept {
            Some(known) if !known.is_older(SECRET_AGE_SECS_MAX, now) => {
                return Ok(Arc::clone(&known.value));
            }
            Some(_) | None => {}
        }
        match (self.read(now).await, &mut *kept) {
            (Ok(read), kept) => Ok(Arc::clone(&kept.insert(read).value)),
            (Err(error), Some(known)) => {
                tracing::error!(%error, "the old secret stays");
                known.read_at = now;
                Ok(Arc::clone(&known.value))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Looks for a newer secret, because the known one did not fit; `None` where there is none, or
    /// where somebody looked only just now.
    pub async fn refreshed(&self) -> Option<Arc<T>> {
        let mut kept = self.kept.lock().await;
        let (known, now) = (kept.as_mut()?, self.clock.now());
        if !known.is_older(SECRET_REFRESH_INTERVAL_SECS, now) {
            return None;
        }
        known.read_at = now;
        match self.read(now).await {
            Ok(read) if read.text == known.text => None,
            Ok(read) => {
                tracing::info!(secret = %self.source, "the secret was rolled");
                *known = read;
                Some(Arc::clone(&known.value))
            }
            Err(error) => {
                tracing::error!(%error, "the old secret stays");
                None
            }
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Kept<T>, Error> {
        let from = || self.source.to_string();
        let text = self
            .source
            .read()
            .await
            .map_err(|source| Error::Unreadable { from: from(), source })?;
        let value =
            (self.parse)(text.trim()).map_err(|error| Error::Unusable { from: from(), error })?;
        Ok(Kept { text, value: Arc::new(value), read_at: now })
    }
}

impl<T> Kept<T> {
    fn is_older(&self, secs: u64, now: Timestamp) -> bool {
        now.since(self.read_at).as_secs() >= secs
    }
}

impl Source {
    fn at(name: &'static str, arn: &str, sdk: &Sdk) -> Result<Self, environment::Error> {
        let arn_owned = arn.to_owned();
        match arn.split(':').nth(2) {
            Some("secretsmanager") => Ok(Self::SecretsManager {
                client: secretsmanager::Client::new(sdk.config()),
                arn: arn_owned,
            }),
            Some("ssm") => {
                Ok(Self::ParameterStore { client: ssm::Client::new(sdk.config()), arn: arn_owned })
            }
            _ => Err(environment::Error::Invalid {
                name,
                value: arn_owned,
                allowed: "the ARN of a Secrets Manager secret or of an SSM parameter",
            }),
        }
    }

    async fn read(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let text = match self {
            Self::Environment { text, .. } => return Ok(text.clone()),
            Self::SecretsManager { client, arn } => {
                let got = client.get_secret_value().secret_id(arn).send().await;
                got.map_err(|error| with_sources(&error))?.secret_string
            }
            Self::ParameterStore { client, arn } => {
                let get = client.get_parameter().name(arn).with_decryption(true);
                let got = get.send().await.map_err(|error| with_sources(&error))?;
                got.parameter.and_then(|parameter| parameter.value)
            }
        };
        text.ok_or_else(|| "it has no text".into())
    }
}

/// The webhook's signing secrets.
#[derive(Debug)]
pub struct Signing(Vault<Secrets>);

impl Signing {
    /// Those that the environment names.
    pub fn of(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
    ) -> Result<Self, environment::Error> {
        const NAMES: [&str; 2] = ["STRIPE_WEBHOOK_SECRET_ARN", "STRIPE_WEBHOOK_SECRET"];
        let parse = |text: &str| Secrets::parse(text).map_err(|error| error.to_string());
        let vault = Vault::of(environment, sdk, clock, NAMES, parse)?;
        let meaning = "the ARN of the secret that holds the endpoint's signing secret, whsec_…";
        vault.map(Self).ok_or(environment::Error::Missing { name: NAMES[0], meaning })
    }
}

impl SigningSecrets for Signing {
    async fn current(&self) -> Result<Arc<Secrets>, SecretsError> {
        self.0.current().await.map_err(|error| SecretsError(error.into()))
    }

    async fn refreshed(&self) -> Option<Arc<Secrets>> {
        self.0.refreshed().await
    }
}

/// The secret of the access tokens (HS256), where tokens are issued by it.
pub fn of_tokens(
    environment: &Environment,
    sdk: &Sdk,
    clock: &Clock,
) -> Result<Option<Vault<token::Secret>>, environment::Error> {
    const NAMES: [&str; 2] = ["TIERLIFT_JWT_SECRET_ARN", "TIERLIFT_JWT_SECRET"];
    let parse = |text: &str| token::Secret::new(text).map_err(|error| error.to_string());
    Vault::of(environment, sdk, clock, NAMES, parse)
}
