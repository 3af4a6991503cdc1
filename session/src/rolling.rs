//! Access whose token secret may be rolled while a function lives: looked at before each use, and
//! read anew when it is older than it may be.

use std::sync::{Arc, Mutex, PoisonError};

use tierlift_aws::{
    lambda::Function,
    secrets::{self, Vault, of_tokens},
    store::Store,
};
use tierlift_core::token::{Secret, TokenKeys};

use crate::{Access, Keyring, jwks};

/// Access with the secret of now.
pub struct Rolling {
    access: Arc<Access<Store>>,
    secret: Option<Vault<Secret>>,
    /// The secret that the access has.
    known: Mutex<Option<Arc<Secret>>>,
}

impl Rolling {
    /// What the function's environment says. An issuer's key set is fetched here, while the function
    /// starts; a secret is read when it is needed first.
    pub async fn open(function: &Function) -> anyhow::Result<Self> {
        let Function { environment, sdk, clock, .. } = function;
        let policy = environment.policy()?;
        let store = Store::new(sdk, environment.table()?);
        let secret = of_tokens(environment, sdk, clock)?;
        let keyring = match environment.jwks_url()? {
            Some(url) => {
                Keyring::fetched(TokenKeys::default(), jwks::fetch(url.into()), clock.now()).await?
            }
            None if secret.is_none() => anyhow::bail!(
                "neither TIERLIFT_JWT_SECRET_ARN nor TIERLIFT_JWKS_URL is set, so no token could \
                 be checked"
            ),
            None => Keyring::fixed(TokenKeys::default()),
        };
        let access = Arc::new(Access { store, policy, keyring, clock: clock.clone() });
        Ok(Self { access, secret, known: Mutex::default() })
    }

    /// The access as it is, for what needs no secret.
    #[must_use]
    pub const fn known(&self) -> &Arc<Access<Store>> {
        &self.access
    }

    /// The access of now.
    pub async fn access(&self) -> Result<&Arc<Access<Store>>, secrets::Error> {
        if let Some(vault) = &self.secret {
            let current = vault.current().await?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if !known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &current)) {
                self.access.keyring.replace_secret(Secret::clone(&current));
                *known = Some(current);
            }
        }
        Ok(&self.access)
    }
}
