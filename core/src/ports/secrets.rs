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

    /// Re-reads the secrets after none of the known ones matched. `None` where they have not changed,
    /// or were re-read only a moment ago.
    fn refreshed(&self) -> impl Future<Output = Option<Arc<Secrets>>> + Send;
}

/// Secrets that never change while the program runs.
impl SigningSecrets for Arc<Secrets> {
    async fn current(&self) -> Result<Self, SecretsError> {
        Ok(Self::clone(self))
    }

    async fn refreshed(&self) -> Option<Self> {
        None
    }
}

/// The source of the secret that signs and verifies access tokens.
pub trait TokenSecrets: Send + Sync {
    /// The current secret.
    fn current(&self) -> impl Future<Output = Result<Arc<token::Secret>, SecretsError>> + Send;
}
