//! Access tokens: whose they are, and whether they are still valid. Time is an argument.
//!
//! HS256 by a shared secret, or RS256, ES256 and EdDSA by the issuer's JWKS (RFC 7517). The
//! algorithm is pinned by the key, never taken from the token; `exp` is required.

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
    jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::Account,
    codes::Code,
    epoch::Seen,
    id::{Epoch, RevocationId, UserId},
    limits::{JWT_SECRET_BYTES_MIN, TOKEN_BYTES_MAX, TOKEN_NOT_BEFORE_SKEW_SECS, TOKEN_TTL_SECS},
    time::Timestamp,
};

/// Why a token is refused. Each has a stable [`Error::code`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No token was sent.
    #[error("a bearer token is needed")]
    Missing,
    /// It is malformed, signed with another key or algorithm, or without `sub` or `exp`.
    #[error("the token is not valid here")]
    Invalid,
    /// None of the known keys is the one that it names, or fits if it names none. The issuer may have
    /// rotated its keys.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// It has expired.
    #[error("the token has expired")]
    Expired,
    /// The role has changed since it was issued. It can be refreshed.
    #[error("the role has changed since this token was issued; refresh it")]
    Stale,
    /// It was revoked and cannot be refreshed: the user has to log in again.
    #[error("the token was revoked; log in again")]
    Revoked,
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Invalid | Self::UnknownKey | Self::Revoked => Code::TokenInvalid,
            Self::Expired => Code::TokenExpired,
            Self::Stale => Code::TokenStale,
        }
    }
}

/// Why keys are refused.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret is too short for HS256 (RFC 7518, section 3.2).
    #[error("a JWT secret needs at least {JWT_SECRET_BYTES_MIN} bytes, this one has {0}")]
    SecretTooShort(usize),
    /// The key set cannot be read.
    #[error("the key set cannot be read: {0}")]
    KeySet(#[source] serde_json::Error),
    /// The key set has no usable key.
    #[error("the key set has no RS256, ES256 or EdDSA signing key")]
    NoUsableKey,
}

/// The claims of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the user.
    pub user: UserId,
    /// `rev`: the revocation id at the time of issue. A token from another issuer has none and is never
    /// stale.
    pub revocation_id: Option<RevocationId>,
    /// `epoch`: the epoch of the revocation id, in the tokens that tierlift issues.
    pub epoch: Option<Epoch>,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl Claims {
    /// How much of the account whoever issued the token had seen.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            epoch: self.epoch,
            revocation_id: self.revocation_id.unwrap_or_default(),
            ..Seen::default()
        }
    }
}

#[derive(Deserialize)]
struct RawClaims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    rev: Option<u64>,
    epoch: Option<i64>,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    sub: &'a str,
    iat: i64,
    exp: i64,
    rev: RevocationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<Epoch>,
}

/// A shared secret that both issues and verifies.
#[derive(Clone)]
pub struct Secret {
    verify: DecodingKey,
    sign: EncodingKey,
}

impl Secret {
    /// A secret of at least [`JWT_SECRET_BYTES_MIN`] bytes.
    pub fn new(secret: &str) -> Result<Self, KeyError> {
        if secret.len() < JWT_SECRET_BYTES_MIN {
            return Err(KeyError::SecretTooShort(secret.len()));
        }
        let bytes = secret.as_bytes();
        Ok(Self { verify: DecodingKey::from_secret(bytes), sign: EncodingKey::from_secret(bytes) })
    }

    /// Issues a token for the user of an account.
    #[must_use]
    pub fn issue(&self, account: &Account, now: Timestamp) -> String {
        self.sign(&account.user, account.revocation_id, Some(account.epoch), now)
    }

    /// Issues a token as a host would, which knows a revocation id and no epoch.
    #[must_use]
    pub fn mint(&self, user: &UserId, revocation_id: RevocationId, now: Timestamp) -> String {
        self.sign(user, revocation_id, None, now)
    }

    fn sign(
        &self,
        user: &UserId,
        rev: RevocationId,
        epoch: Option<Epoch>,
        now: Timestamp,
    ) -> String {
        let iat = now.as_secs();
        let exp = iat.saturating_add(TOKEN_TTL_SECS);
        let claims = NewClaims { sub: user.as_str(), iat, exp, rev, epoch };
        // HMAC takes a key of any length, and these claims always have a JSON text.
        encode(&Header::new(Algorithm::HS256), &claims, &self.sign).unwrap_or_default()
    }
}

/// One public key of an issuer and the algorithm that it is for.
#[derive(Clone)]
struct PublicKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// The keys with which tokens are verified.
#[derive(Clone, Default)]
pub struct TokenKeys {
    secret: Option<Secret>,
    public: Vec<PublicKey>,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TokenKeys(secret: {}, public: {})", self.secret.is_some(), self.public.len())
    }
}

impl TokenKeys {
    /// Keys with a shared secret, or none.
    #[must_use]
    pub const fn new(secret: Option<Secret>) -> Self {
        Self { secret, public: Vec::new() }
    }

    /// The shared secret, if there is one. Tokens can be issued only with it.
    #[must_use]
    pub const fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// The same keys with another shared secret.
    #[must_use]
    pub fn with_secret(self, secret: Secret) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// The same keys with the usable keys of a JWKS document in place of the public ones.
    pub fn with_jwks(self, json: &[u8]) -> Result<Self, KeyError> {
        let set: JwkSet = serde_json::from_slice(json).map_err(KeyError::KeySet)?;
        let public: Vec<_> = set.keys.iter().filter_map(public_key).collect();
        if public.is_empty() {
            return Err(KeyError::NoUsableKey);
        }
        Ok(Self { public, ..self })
    }

    /// Verifies a token's signature and time.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Error> {
        if token.is_empty() {
            return Err(Error::Missing);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Error::Invalid);
        }
        let header = decode_header(token).map_err(|_| Error::Invalid)?;
        let raw = match (header.alg, &self.secret) {
            (Algorithm::HS256, Some(secret)) => {
                claims(token, &secret.verify, Algorithm::HS256).ok_or(Error::Invalid)?
            }
            _ => self.verify_public(token, &header)?,
        };
        check_times(&raw, now)
    }

    fn verify_public(&self, token: &str, header: &Header) -> Result<RawClaims, Error> {
        if self.public.is_empty() {
            return Err(Error::Invalid);
        }
        let mut fitting = self.public.iter().filter(|key| {
            key.algorithm == header.alg && (header.kid.is_none() || key.kid == header.kid)
        });
        let named = header.kid.is_some() && fitting.clone().next().is_some();
        let unfit = if named { Error::Invalid } else { Error::UnknownKey };
        fitting.find_map(|key| claims(token, &key.key, key.algorithm)).ok_or(unfit)
    }
}

fn public_key(jwk: &Jwk) -> Option<PublicKey> {
    if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
        return None;
    }
    let algorithm = match jwk.common.key_algorithm {
        Some(KeyAlgorithm::RS256) => Algorithm::RS256,
        Some(KeyAlgorithm::ES256) => Algorithm::ES256,
        Some(KeyAlgorithm::EdDSA) => Algorithm::EdDSA,
        Some(_) => return None,
        None => default_algorithm(jwk)?,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(PublicKey { kid: jwk.common.key_id.clone(), algorithm, key })
}

/// The algorithm of a JWK without `alg`, which follows from the type of the key.
fn default_algorithm(jwk: &Jwk) -> Option<Algorithm> {
    use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
    match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Some(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            Some(Algorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            Some(Algorithm::EdDSA)
        }
        AlgorithmParameters::EllipticCurve(_)
        | AlgorithmParameters::OctetKeyPair(_)
        | AlgorithmParameters::OctetKey(_)
        | _ => None,
    }
}

fn claims(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<RawClaims> {
    let mut validation = Validation::new(algorithm);
    // The library would read the system's time; `check_times` checks the times instead.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp", "sub"]);
    decode(token, key, &validation).ok().map(|data| data.claims)
}

fn check_times(raw: &RawClaims, now: Timestamp) -> Result<Claims, Error> {
    let expires_at = numeric_date(raw.exp).ok_or(Error::Invalid)?;
    if expires_at <= now {
        return Err(Error::Expired);
    }
    if let Some(nbf) = raw.nbf
        && numeric_date(nbf).is_none_or(|nbf| nbf > now.plus_secs(TOKEN_NOT_BEFORE_SKEW_SECS))
    {
        return Err(Error::Invalid);
    }
    let user = UserId::new(&raw.sub).map_err(|_| Error::Invalid)?;
    let (revocation_id, epoch) = (raw.rev.map(RevocationId), raw.epoch.map(Epoch));
    Ok(Claims { user, revocation_id, epoch, expires_at })
}

/// RFC 7519's `NumericDate` may have a fraction.
fn numeric_date(secs: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "bounded to years that RFC 3339 can write")]
    (0.0..=253_402_300_799.0).contains(&secs).then(|| Timestamp::from_secs(secs as i64))
}

/// Checks that no role change of the account followed the issue of a valid token, and that the account
/// has not lost one since.
pub fn check_fresh(claims: &Claims, account: &Account) -> Result<(), Error> {
    let is_of_epoch = claims.epoch.is_none_or(|epoch| epoch == account.epoch);
    let is_behind = claims.revocation_id.is_some_and(|rev| rev < account.revocation_id);
    if is_behind || !is_of_epoch || claims.seen().is_ahead_of(account) {
        return Err(Error::Stale);
    }
    Ok(())
}

/// Checks that a token, stale or not, may be exchanged for a new one.
pub fn check_refreshable(claims: &Claims, account: &Account) -> Result<(), Error> {
    match claims.revocation_id {
        Some(rev) if rev < account.revoked_before => Err(Error::Revoked),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
