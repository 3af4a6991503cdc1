//! The sources of secrets that may be rotated while the program runs: those that sign webhooks, and
//! the one that signs access tokens.

use std::{future::Future, sync::Arc};

use crate::{stripe::signature::Secrets, token};

/// Why a secret is not known at the moment.
#[derive(Debug, thiserror::Error)]
#[error("secrets unavailable: {0}")]
pub struct SecretsError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The source of the webhook signing secrets.
pub trait SigningSecrets: Send + Sync {
    /// The current secrets.
    fn current(&self) -> impl Future<Output = Result<Arc<Secrets>, SecretsError>> + Send;

    /// The secrets, re-read after none of `tried` matched. `None` where those are still the ones, or were read
    /// only a moment ago. An error where they cannot be read: nobody knows then whether another one would match.
    fn refreshed(
        &self,
        tried: &Arc<Secrets>,
    ) -> impl Future<Output = Result<Option<Arc<Secrets>>, SecretsError>> + Send;
}

/// Secrets that never change while the program runs.
impl SigningSecrets for Arc<Secrets> {
    async fn current(&self) -> Result<Self, SecretsError> {
        Ok(Self::clone(self))
    }

    async fn refreshed(&self, _: &Self) -> Result<Option<Self>, SecretsError> {
        Ok(None)
    }
}

/// The source of the secret that signs and verifies access tokens.
pub trait TokenSecrets: Send + Sync {
    /// The current secret.
    fn current(&self) -> impl Future<Output = Result<Arc<token::Secret>, SecretsError>> + Send;
}
