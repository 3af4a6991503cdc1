//! The secret that the host and tierlift share: it signs tokens and verifies them (HS256).
//!
//! While it is rotated there are two. The first, the new one, signs; both verify.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, encode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Claims, Error, KeyError, SUBJECT, accounts, claims::numeric_date, config::Rules};
use crate::{
    account::Account,
    accounts::Accounts,
    id::{RevocationId, UserId},
    is_placeholder,
    limits::{JWT_SECRET_BYTES_MIN, JWT_SECRETS_MAX, TOKEN_TTL_SECS},
    time::Timestamp,
};

/// A token that was just issued, as clients get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// The token.
    pub access_token: String,
    /// Its lifetime in seconds.
    pub expires_in: i64,
}

/// How somebody signed in at a host that has a token issued for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignIn {
    /// When; `None` is now.
    pub at: Option<Timestamp>,
    /// Claims of the host's, beside tierlift's own.
    pub claims: Map<String, Value>,
}

impl SignIn {
    /// Claims that are tierlift's to set.
    pub const RESERVED: [&str; 8] =
        ["sub", "iat", "exp", "nbf", "auth_time", "rev", "epoch", "jti"];
}

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

    /// Issues the first token of a session for the user of an account.
    #[must_use]
    pub fn issue(&self, account: &Account, now: Timestamp) -> Issued {
        let claims = Map::from_iter([(SUBJECT.to_owned(), json!(account.user.as_str()))]);
        let accounts = Accounts::from(account.clone());
        self.issue_with(claims, &accounts, now, now.plus_secs(TOKEN_TTL_SECS), now)
    }

    /// Issues a token for somebody who signed in at the host some time ago, with claims of the host's.
    pub(super) fn issue_for(
        &self,
        accounts: &Accounts,
        sign_in: SignIn,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let began_at = sign_in.at.unwrap_or(now).min(now);
        let session_end = rules.check_sign_in(accounts, began_at, now)?;
        let mut claims = sign_in.claims;
        claims.insert(SUBJECT.to_owned(), json!(accounts.user().as_str()));
        let expires_at = now.plus_secs(TOKEN_TTL_SECS).min(session_end);
        Ok(self.issue_with(claims, accounts, began_at, expires_at, now))
    }

    /// Issues a token in place of one that is valid: with the same claims and the same lifetime, up to the end
    /// of the session.
    pub(super) fn reissue(
        &self,
        claims: &Claims,
        accounts: &Accounts,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let own = claims.own.clone().ok_or(Error::Foreign)?;
        let auth_time = own.get("auth_time").and_then(Value::as_f64).and_then(numeric_date);
        // A token that does not say when its session began is the first that is known of it.
        let began_at = auth_time.or(claims.issued_at).unwrap_or(now).min(now);
        let session_end = rules.session_end(Some(began_at), now).unwrap_or(now);
        if session_end <= now {
            return Err(Error::SessionExpired);
        }
        let lifetime = claims.issued_at.map(|at| claims.expires_at.as_secs() - at.as_secs());
        let lifetime = lifetime.filter(|secs| *secs > 0).unwrap_or(TOKEN_TTL_SECS);
        let expires_at = now.plus_secs(lifetime).min(session_end);
        Ok(self.issue_with(own, accounts, began_at, expires_at, now))
    }

    fn issue_with(
        &self,
        mut claims: Map<String, Value>,
        accounts: &Accounts,
        began_at: Timestamp,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Issued {
        let (iat, exp) = (now.as_secs(), expires_at.as_secs());
        let ours =
            [("iat", json!(iat)), ("exp", json!(exp)), ("auth_time", json!(began_at.as_secs()))];
        let ours = ours.into_iter().chain(accounts::claims_of(accounts));
        claims.extend(ours.map(|(name, value)| (name.to_owned(), value)));
        Issued { access_token: self.sign(&claims), expires_in: exp.saturating_sub(iat) }
    }

    /// Issues a token as a host would, which knows a revocation id and no epoch.
    #[must_use]
    pub fn mint(&self, user: &UserId, revocation_id: RevocationId, now: Timestamp) -> String {
        let iat = now.as_secs();
        let exp = iat.saturating_add(TOKEN_TTL_SECS);
        let claims = json!({ "sub": user.as_str(), "iat": iat, "exp": exp, "rev": revocation_id });
        self.sign(&claims)
    }

    fn sign(&self, claims: &impl Serialize) -> String {
        // HMAC takes a key of any length, and these claims always have a JSON text.
        encode(&Header::new(Algorithm::HS256), claims, &self.sign).unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
