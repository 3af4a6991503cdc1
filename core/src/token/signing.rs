//! Keys with which tierlift signs the tokens that it issues (EdDSA, RFC 8037): whoever has their public halves can
//! check a token, and none can make one. A host checks them offline, with the key set that tierlift publishes.
//!
//! While they are rotated there are two. The first signs; both verify, and both are published.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use serde_json::{Map, Value};

use super::{Error, KeyError};
use crate::limits::SIGNING_KEYS_MAX;

/// One key, and its public half.
#[derive(Clone)]
struct SigningKey {
    kid: String,
    sign: EncodingKey,
    verify: DecodingKey,
    published: Jwk,
}

/// The keys. `Debug` shows their ids alone.
#[derive(Clone)]
pub struct SigningKeys {
    first: SigningKey,
    /// The other one, while they are rotated.
    second: Option<SigningKey>,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all().map(|key| &key.kid)).finish()
    }
}

impl SigningKeys {
    /// Parses one private key of Ed25519 in PKCS #8, or two: as PEM, one below the other, or as the base64 of their
    /// DER, separated by a comma.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let keys = split(text);
        if keys.len() > SIGNING_KEYS_MAX {
            return Err(KeyError::TooManySigningKeys);
        }
        let parsed = keys
            .iter()
            .enumerate()
            .map(|(index, key)| SigningKey::parse(key).ok_or(KeyError::SigningKey(index + 1)));
        let mut parsed = parsed.collect::<Result<Vec<_>, _>>()?.into_iter();
        let first = parsed.next().ok_or(KeyError::SigningKey(1))?;
        Ok(Self { first, second: parsed.next() })
    }

    /// Their public halves (RFC 7517).
    #[must_use]
    pub fn key_set(&self) -> JwkSet {
        JwkSet { keys: self.all().map(|key| key.published.clone()).collect() }
    }

    /// The key of that id.
    pub(super) fn of_id(&self, kid: &str) -> Option<&DecodingKey> {
        self.all().find(|key| key.kid == kid).map(|key| &key.verify)
    }

    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Result<String, Error> {
        let kid = Some(self.first.kid.clone());
        let header = Header { kid, ..Header::new(Algorithm::EdDSA) };
        // The key has signed before, and these claims always have a JSON text.
        encode(&header, claims, &self.first.sign).map_err(|_| Error::Invalid)
    }

    fn all(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.first).chain(&self.second)
    }
}

/// The base64 of each key: the lines of PEM that begin and end one separate them, as a comma does.
fn split(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let separated: Vec<&str> =
        lines.map(|line| if line.starts_with("-----") { "," } else { line }).collect();
    let plain = |part: &str| part.split_whitespace().collect::<String>();
    separated.concat().split(',').map(plain).filter(|part| !part.is_empty()).collect()
}

impl SigningKey {
    fn parse(base64: &str) -> Option<Self> {
        let sign = EncodingKey::from_ed_der(&STANDARD.decode(base64).ok()?);
        let mut published = Jwk::from_encoding_key(&sign, Algorithm::EdDSA).ok()?;
        let kid = published.thumbprint(ThumbprintHash::SHA256).ok()?;
        published.common.key_id = Some(kid.clone());
        published.common.public_key_use = Some(PublicKeyUse::Signature);
        let verify = DecodingKey::from_jwk(&published).ok()?;
        Some(Self { kid, sign, verify, published })
    }
}

#[cfg(test)]
#[path = "signing_tests.rs"]
mod tests;
