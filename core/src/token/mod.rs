//! Access tokens: whose they are, and whether they are still valid. Time is an argument.
//!
//! HS256 by a shared secret, EdDSA by tierlift's own key, or RS256, ES256 and EdDSA by the issuer's JWKS (RFC 7517). The
//! algorithm is pinned by the key, never taken from the token; `exp` is required. The rules are those of
//! RFC 8725.

mod accounts;
mod claims;
mod config;
mod issue;
mod keys;
mod named;
mod operator;
mod secret;
mod signing;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    account::Account,
    codes::Code,
    id::UserId,
    limits::{
        ACCOUNTS_PER_TOKEN_MAX, ID_BYTES_MAX, JWT_SECRET_BYTES_MIN, JWT_SECRETS_MAX, RSA_BITS_MIN,
        SIGNING_KEYS_MAX, TOKEN_BYTES_MAX,
    },
    time::Timestamp,
};

pub use accounts::Known;
pub use config::{Rules, TokenConfig};
pub use issue::{Issued, SignIn};
pub use keys::TokenKeys;
/// The tokens of a host's services.
pub use named::NamedTokens as ServiceTokens;
pub use named::{NamedTokens, NamedTokensError};
pub use operator::{OperatorTokens, Right};
pub use secret::Secret;
pub use signing::SigningKeys;

/// The claim that names the user.
pub const SUBJECT: &str = "sub";

/// Why a token is refused. Each has a stable [`Error::code`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No token was sent.
    #[error("a bearer token is needed")]
    Missing,
    /// It is malformed, has a claim twice or none that says when it expires, or is signed with another key or
    /// algorithm.
    #[error("the token is not valid here")]
    Invalid,
    /// It is longer than the limit.
    #[error("the token has {0} bytes; at most {TOKEN_BYTES_MAX} are taken")]
    TooLong(usize),
    /// Its header has extensions that a receiver must understand.
    #[error("the token has critical header parameters (crit), none of which is understood here")]
    Critical,
    /// It is a JWT of another type, such as an ID token.
    #[error("the token is no access token, by its typ or token_use")]
    Type,
    /// Its subject is no id of a user.
    #[error("sub of the token must be a text of 1 to {ID_BYTES_MAX} bytes; a number is no text")]
    Subject,
    /// A claim that names accounts names none, or too many.
    #[error(
        "a claim of account_claims must be a text, or a list of texts, of 1 to {ID_BYTES_MAX} bytes, and a \
         token speaks for at most {ACCOUNTS_PER_TOKEN_MAX} accounts"
    )]
    AccountClaim,
    /// Its `iss` is not listed.
    #[error("the token is of another issuer: its iss is not in issuer")]
    Issuer,
    /// Its audience is not listed.
    #[error("the token is for somebody else: its aud, azp or client_id is not in audience")]
    Audience,
    /// Its `nbf` is still to come.
    #[error("the token is not valid yet, by its nbf")]
    NotYetValid,
    /// None of the known keys is the one that it names, or fits if it names none. The issuer may have
    /// rotated its keys.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// The session that it belongs to has reached its maximum age.
    #[error("the session has reached its maximum age; sign in again")]
    SessionExpired,
    /// The role has changed since it was issued. It can be refreshed.
    #[error("the role has changed since this token was issued; refresh it")]
    Stale,
    /// It was issued before the user's tokens were revoked, and cannot be refreshed.
    #[error("the token was revoked; sign in again")]
    Revoked,
    /// Tokens, or this one, are issued by another issuer, and only that one can replace them.
    #[error("tokens are issued by another issuer; get a new one there")]
    Foreign,
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Invalid
            | Self::TooLong(_)
            | Self::Critical
            | Self::Type
            | Self::Subject
            | Self::AccountClaim
            | Self::Issuer
            | Self::Audience
            | Self::NotYetValid
            | Self::UnknownKey => Code::TokenInvalid,
            Self::Expired => Code::TokenExpired,
            Self::SessionExpired => Code::TokenSessionExpired,
            Self::Stale => Code::TokenStale,
            Self::Revoked => Code::TokenRevoked,
            Self::Foreign => Code::RefreshUnavailable,
        }
    }
}

/// Why keys are refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret is too short for HS256 (RFC 7518, section 3.2).
    #[error("a JWT secret needs at least {JWT_SECRET_BYTES_MIN} bytes, this one has {0}")]
    SecretTooShort(usize),
    /// There are too many secrets.
    #[error(
        "at most {JWT_SECRETS_MAX} JWT secrets, separated by a comma: the new one and the old one"
    )]
    TooManySecrets,
    /// The secret is none: it was copied from a manual.
    #[error("this JWT secret is a placeholder; `openssl rand -hex 32` makes one")]
    Placeholder,
    /// A signing key is no private key of Ed25519.
    #[error(
        "signing key {0} is no private key of Ed25519 in PKCS #8; `openssl genpkey -algorithm ed25519` makes one"
    )]
    SigningKey(usize),
    /// There are too many signing keys.
    #[error(
        "at most {SIGNING_KEYS_MAX} signing keys: the one that signs, and one that is rotated in or out"
    )]
    TooManySigningKeys,
    /// The key set cannot be read.
    #[error("the key set cannot be read: {0}")]
    KeySet(#[source] serde_json::Error),
    /// The key set has no usable key.
    #[error(
        "the key set has no RS256, ES256 or EdDSA signing key, or its RSA keys have less than \
         {RSA_BITS_MIN} bits"
    )]
    NoUsableKey,
}

/// The claims of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the user.
    pub user: UserId,
    /// The accounts beside the user's own that the token speaks for.
    pub others: Vec<UserId>,
    /// What `rev` and `epoch` say about each account.
    known: BTreeMap<UserId, Known>,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// `exp`.
    pub expires_at: Timestamp,
    /// Time from which it is refused: `exp` and some clock skew, or the end of the session if that is earlier.
    pub valid_until: Timestamp,
    /// All claims, if the shared secret or a key of tierlift's own signed them.
    own: Option<Map<String, Value>>,
}

/// The times of a token with which a socket was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTimes {
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// Time from which the token is refused.
    pub valid_until: Timestamp,
}

impl TokenTimes {
    /// Whether the token was issued before its user's tokens were revoked at that time. One that does not say
    /// when it was issued may be older.
    #[must_use]
    pub fn is_revoked(&self, revoked_before: Timestamp) -> bool {
        self.issued_at.is_none_or(|at| at < revoked_before)
    }
}

impl Claims {
    /// What a socket remembers of its token.
    #[must_use]
    pub const fn times(&self) -> TokenTimes {
        TokenTimes { issued_at: self.issued_at, valid_until: self.valid_until }
    }

    /// Whether the shared secret, or a key of tierlift's own, signed the token.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        self.own.is_some()
    }
}

/// Checks that no role change of an account followed the issue of a valid token, and that the account
/// has not lost one since.
pub fn check_fresh(claims: &Claims, account: &Account) -> Result<(), Error> {
    let known = claims.known(&account.user);
    let is_of_epoch = known.epoch.is_none_or(|epoch| epoch == account.epoch);
    let is_behind = known.revocation_id.is_some_and(|rev| rev < account.revocation_id);
    if is_behind || !is_of_epoch || known.seen().is_ahead_of(account) {
        return Err(Error::Stale);
    }
    Ok(())
}

/// Checks that a token was issued after the last revocation of its user's tokens.
pub fn check_not_revoked(token: TokenTimes, account: &Account) -> Result<(), Error> {
    match account.revoked_before {
        Some(revoked_before) if token.is_revoked(revoked_before) => Err(Error::Revoked),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
