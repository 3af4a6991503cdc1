//! The secret that the host and tierlift share: it signs tokens and verifies them (HS256).
//!
//! While it is rotated there are two. The first, the new one, signs; both verify.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde::Serialize;
use serde_json::json;

use super::KeyError;
use crate::{
    id::{RevocationId, UserId},
    is_placeholder,
    limits::{JWT_SECRET_BYTES_MIN, JWT_SECRETS_MAX, TOKEN_TTL_SECS},
    time::Timestamp,
};

/// A shared secret, and the one before it while it is rotated.
#[derive(Clone)]
pub struct Secret {
    pub(super) verify: Vec<DecodingKey>,
    sign: EncodingKey,
}

impl Secret {
    /// A secret of at least [`JWT_SECRET_BYTES_MIN`] bytes, or two that are separated by a comma: the new one
    /// and the old one.
    pub fn new(list: &str) -> Result<Self, KeyError> {
        let secrets: Vec<&str> =
            list.split(',').map(str::trim).filter(|secret| !secret.is_empty()).collect();
        if secrets.len() > JWT_SECRETS_MAX {
            return Err(KeyError::TooManySecrets);
        }
        for secret in &secrets {
            if secret.len() < JWT_SECRET_BYTES_MIN {
                return Err(KeyError::SecretTooShort(secret.len()));
            }
            if is_placeholder(secret) {
                return Err(KeyError::Placeholder);
            }
        }
        let Some(first) = secrets.first() else { return Err(KeyError::SecretTooShort(0)) };
        let verify = secrets.iter().map(|secret| DecodingKey::from_secret(secret.as_bytes()));
        Ok(Self { verify: verify.collect(), sign: EncodingKey::from_secret(first.as_bytes()) })
    }

    /// Issues a token as a host would, which knows a revocation id and no epoch.
    #[must_use]
    pub fn mint(&self, user: &UserId, revocation_id: RevocationId, now: Timestamp) -> String {
        let iat = now.as_secs();
        let exp = iat.saturating_add(TOKEN_TTL_SECS);
        let claims = json!({ "sub": user.as_str(), "iat": iat, "exp": exp, "rev": revocation_id });
        self.sign(&claims)
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> String {
        // HMAC takes a key of any length, and these claims always have a JSON text.
        encode(&Header::new(Algorithm::HS256), claims, &self.sign).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
