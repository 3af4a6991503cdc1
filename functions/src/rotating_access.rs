//! Access whose token secret and signing keys may be rotated while a function lives.
//!
//! They are looked up before each request that needs them; their source decides how long one may be
//! cached. Where another issuer signs the tokens there are none, and nothing is looked up.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tierlift_aws::{lambda::Function, secrets::CachedSecret, store::Store};
use tierlift_core::{
    ports::TokenSecrets,
    token::{Secret, SigningKeys, TokenKeys},
};
use tierlift_session::{Access, Error, Keyring, LastKnown, jwks};

/// Access, and the source of its token secret.
pub struct RotatingAccess<S, T> {
    access: Arc<Access<S>>,
    source: Option<T>,
    /// The secret that the access has.
    secret: Mutex<Option<Arc<Secret>>>,
    signing: Option<Signing>,
}

/// Where the signing keys are, and those that the access has.
struct Signing {
    source: CachedSecret<SigningKeys>,
    keys: Mutex<Option<Arc<SigningKeys>>>,
}

impl<S, T: TokenSecrets> RotatingAccess<S, T> {
    /// Access that gets its secret from a source, or has none.
    pub fn new(access: Arc<Access<S>>, source: Option<T>) -> Self {
        Self { access, source, secret: Mutex::default(), signing: None }
    }

    /// The same access, which signs its tokens with keys of that source.
    #[must_use]
    pub fn with_signing_keys(self, source: CachedSecret<SigningKeys>) -> Self {
        Self { signing: Some(Signing { source, keys: Mutex::default() }), ..self }
    }

    /// The access, with the secret that was current at the last [`RotatingAccess::rotate`].
    pub const fn access(&self) -> &Arc<Access<S>> {
        &self.access
    }

    /// Gives the access the current secret and the current signing keys.
    pub async fn rotate(&self) -> Result<(), Error> {
        if let Some(signing) = &self.signing {
            signing.rotate(&self.access.keyring).await?;
        }
        let Some(source) = &self.source else { return Ok(()) };
        let current = source.current().await?;
        let mut secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        if !secret.as_ref().is_some_and(|secret| Arc::ptr_eq(secret, &current)) {
            self.access.keyring.replace_secret(Secret::clone(&current));
            *secret = Some(current);
        }
        Ok(())
    }
}

impl Signing {
    async fn rotate(&self, keyring: &Keyring) -> Result<(), Error> {
        let current = self.source.current().await?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.as_ref().is_some_and(|keys| Arc::ptr_eq(keys, &current)) {
            keyring.replace_signing_keys(SigningKeys::clone(&current));
            *keys = Some(current);
        }
        Ok(())
    }
}

/// A middleware that rotates the secret before a route is served.
pub async fn rotate_first<S, T>(
    State(access): State<Arc<RotatingAccess<S, T>>>,
    request: Request,
    next: Next,
) -> Response
where
    S: Send + Sync + 'static,
    T: TokenSecrets + 'static,
{
    match access.rotate().await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The access of a function.
pub type FunctionAccess = RotatingAccess<Store, CachedSecret<Secret>>;

/// Opens the access that the function's environment describes. A secret is read and an issuer's key set
/// fetched when they are first needed.
pub fn open(function: &Function) -> anyhow::Result<FunctionAccess> {
    let Function { environment, sdk, clock, .. } = function;
    let policy = environment.policy_of_accounts()?;
    let store = Store::new(sdk, environment.table()?);
    let source = CachedSecret::token_secret(environment, sdk, clock)?;
    let signing = CachedSecret::signing_keys(environment, sdk, clock)?;
    let tokens = environment.tokens()?;
    let keys = TokenKeys::new(None).with_rules(tokens.rules());
    let keyring = match tokens.jwks_url {
        Some(url) => Keyring::with_key_set(keys, jwks::fetch(url)),
        None if source.is_none() && signing.is_none() => anyhow::bail!(
            "neither TIERLIFT_JWT_SECRET_ARN nor TIERLIFT_JWKS_URL is set, so no token could be \
             checked"
        ),
        None => Keyring::fixed(keys),
    };
    let last_known = LastKnown::for_secs(environment.stale_ok_seconds()?);
    let access = Access { store, policy: policy.into(), keyring, clock: clock.clone(), last_known };
    let access = RotatingAccess::new(Arc::new(access), source);
    Ok(match signing {
        Some(signing) => access.with_signing_keys(signing),
        None => access,
    })
}

#[cfg(test)]
#[path = "rotating_access_tests.rs"]
mod tests;
