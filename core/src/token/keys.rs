//! The keys that verify tokens: the shared secret, our own, and the public keys of an issuer (RFC 7517).
//!
//! The key pins the algorithm; the token never chooses it.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, Header, Validation, decode, decode_header,
    jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Claims, Error, KeyError, Rules, Secret, SigningKeys, accounts,
    claims::{ClaimSet, Signer},
};
use crate::{
    accounts::Accounts,
    id::UserId,
    limits::{RSA_BITS_MIN, TOKEN_BYTES_MAX},
    time::Timestamp,
};

/// The types of token that are taken, in lower case (RFC 8725, section 3.11; RFC 9068, section 4).
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// One public key of an issuer and the algorithm that it is for.
#[derive(Clone)]
struct PublicKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// A JWKS document, whose keys may be of any kind.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// The keys with which tokens are verified, and what the tokens must say.
#[derive(Clone, Default)]
pub struct TokenKeys {
    pub(super) secret: Option<Secret>,
    pub(super) signing: Option<SigningKeys>,
    public: Vec<PublicKey>,
    pub(super) rules: Rules,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { secret, signing, public, .. } = self;
        let (secret, public) = (secret.is_some(), public.len());
        write!(f, "TokenKeys(secret: {secret}, signing: {signing:?}, public: {public})")
    }
}

impl TokenKeys {
    /// Keys with a shared secret, or none.
    #[must_use]
    pub fn new(secret: Option<Secret>) -> Self {
        Self { secret, ..Self::default() }
    }

    /// The shared secret, if there is one.
    #[must_use]
    pub const fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// What tokens must say.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The same keys with another shared secret.
    #[must_use]
    pub fn with_secret(self, secret: Secret) -> Self {
        Self { secret: Some(secret), ..self }
    }

    /// The same keys with others with which tokens are signed.
    #[must_use]
    pub fn with_signing_keys(self, signing: Option<SigningKeys>) -> Self {
        Self { signing, ..self }
    }

    /// The keys with which tokens are signed, if they can be checked offline.
    #[must_use]
    pub const fn signing_keys(&self) -> Option<&SigningKeys> {
        self.signing.as_ref()
    }

    /// The same keys for tokens that must say something else.
    #[must_use]
    pub fn with_rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The same keys with the usable keys of a JWKS document in place of the public ones. Keys of other kinds
    /// are ignored (RFC 7517, section 5).
    pub fn with_jwks(self, json: &[u8]) -> Result<Self, KeyError> {
        let set: KeySet = serde_json::from_slice(json).map_err(KeyError::KeySet)?;
        let known = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let public: Vec<_> = known.filter_map(|jwk: Jwk| public_key(&jwk)).collect();
        if public.is_empty() {
            return Err(KeyError::NoUsableKey);
        }
        Ok(Self { public, ..self })
    }

    /// The same keys with the public keys of others in place of the public ones.
    #[must_use]
    pub fn with_public_keys_of(self, other: Self) -> Self {
        Self { public: other.public, ..self }
    }

    /// Whether a token can only be verified with an issuer's key set.
    #[must_use]
    pub fn needs_key_set(&self, token: &str) -> bool {
        const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
        token.len() <= TOKEN_BYTES_MAX
            && decode_header(token).is_ok_and(|header| {
                ALGORITHMS.contains(&header.alg) && self.signing_key(&header).is_none()
            })
    }

    /// Verifies a token's signature, its times, and whom it is meant for.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Error> {
        if token.is_empty() {
            return Err(Error::Missing);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Error::TooLong(token.len()));
        }
        let header = decode_header(token).map_err(|_| Error::Invalid)?;
        check_header(&header)?;
        let (claims, signer) = match (header.alg, &self.secret, self.signing_key(&header)) {
            (Algorithm::EdDSA, _, Some(key)) => {
                (claims(token, key, header.alg).ok_or(Error::Invalid)?, Signer::Own)
            }
            (Algorithm::HS256, Some(secret), _) => {
                let claims = secret.verify.iter().find_map(|key| claims(token, key, header.alg));
                (claims.ok_or(Error::Invalid)?, Signer::Own)
            }
            _ => (self.verify_public(token, &header)?, Signer::Issuer),
        };
        claims.check(signer, &self.rules, now)
    }

    /// Checks that a sign-in at the host still counts for all of the accounts.
    pub fn check_sign_in(
        &self,
        accounts: &Accounts,
        signed_in_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.rules.check_sign_in(accounts, signed_in_at, now).map(|_| ())
    }

    /// The accounts beside the user's own for which a token with these claims speaks.
    pub fn others_named(
        &self,
        claims: &Map<String, Value>,
        user: &UserId,
    ) -> Result<Vec<UserId>, Error> {
        accounts::others(claims, &self.rules.account_claims, user)
    }

    /// Our own key that a token names. One that names none is not ours.
    fn signing_key(&self, header: &Header) -> Option<&DecodingKey> {
        self.signing.as_ref()?.of_id(header.kid.as_deref()?)
    }

    fn verify_public(&self, token: &str, header: &Header) -> Result<ClaimSet, Error> {
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

/// Refuses what is not understood: extensions that must be (RFC 7515, section 4.1.11), and other types of JWT.
fn check_header(header: &Header) -> Result<(), Error> {
    if header.crit.is_some() {
        return Err(Error::Critical);
    }
    let is_known = |typ: &String| TYPES.contains(&typ.to_ascii_lowercase().as_str());
    if header.typ.as_ref().is_none_or(is_known) { Ok(()) } else { Err(Error::Type) }
}

fn public_key(jwk: &Jwk) -> Option<PublicKey> {
    let operations = jwk.common.key_operations.as_ref();
    if jwk.common.public_key_use == Some(PublicKeyUse::Encryption)
        || operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify))
    {
        return None;
    }
    let algorithm = match jwk.common.key_algorithm {
        Some(KeyAlgorithm::RS256) => Algorithm::RS256,
        Some(KeyAlgorithm::ES256) => Algorithm::ES256,
        Some(KeyAlgorithm::EdDSA) => Algorithm::EdDSA,
        Some(_) => return None,
        None => default_algorithm(jwk)?,
    };
    let key = DecodingKey::from_jwk(jwk).ok().filter(is_strong)?;
    Some(PublicKey { kid: jwk.common.key_id.clone(), algorithm, key })
}

/// Whether a key is long enough. Only RSA has keys of different lengths here.
fn is_strong(key: &DecodingKey) -> bool {
    let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind() else { return true };
    let digits = n.iter().skip_while(|byte| **byte == 0);
    let first_bits = digits.clone().next().map_or(0, |byte| 8 - byte.leading_zeros() as usize);
    digits.count().saturating_sub(1) * 8 + first_bits >= RSA_BITS_MIN
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

fn claims(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<ClaimSet> {
    let mut validation = Validation::new(algorithm);
    // The library would read the system's time; `ClaimSet::check` checks the claims instead.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode(token, key, &validation).ok().map(|data| data.claims)
}
