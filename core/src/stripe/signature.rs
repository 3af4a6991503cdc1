//! Stripe's webhook signature: `Stripe-Signature: t=…,v1=…[,v1=…]`, HMAC-SHA256 over `t.body`.
//!
//! Source: <https://docs.stripe.com/webhooks#verify-manually>. A webhook passes when any `v1`
//! matches any active secret and its time is within the tolerance. Comparison takes constant time.
//! Nothing here interprets the body, and no header makes it panic.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::{
    codes::Code,
    limits::{SECRETS_MAX, SIGNATURE_HEADER_BYTES_MAX, SIGNATURE_TOLERANCE_SECS, SIGNATURES_MAX},
    time::Timestamp,
};

/// Why a signature is refused. Each has a stable [`Error::code`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The header is missing or empty.
    #[error("the Stripe-Signature header is missing")]
    Missing,
    /// The header has no `t=`, several, or an unreadable one; or it is larger than any real one.
    #[error("the Stripe-Signature header is not of the form t=…,v1=…")]
    Malformed,
    /// The header has a time but no `v1` signature.
    #[error("the Stripe-Signature header has no v1 signature")]
    NoV1,
    /// No `v1` matches any active secret.
    #[error("no signature matches; check that the endpoint's signing secret is the configured one")]
    Mismatch,
    /// The signature matches but was made at this time, longer ago than the tolerance: a replay, or a wrong
    /// clock.
    #[error("the signature is older than {SIGNATURE_TOLERANCE_SECS} s; check this machine's clock")]
    Expired(Timestamp),
    /// The signature matches but was made at this time in the future: this machine's clock is wrong.
    #[error("the signature is from the future; check this machine's clock")]
    Future(Timestamp),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing => Code::SignatureMissing,
            Self::Malformed => Code::SignatureMalformed,
            Self::NoV1 => Code::SignatureNoV1,
            Self::Mismatch => Code::SignatureMismatch,
            Self::Expired(_) => Code::SignatureExpired,
            Self::Future(_) => Code::SignatureFuture,
        }
    }
}

/// Why a list of secrets is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SecretsError {
    /// The list is empty.
    #[error("no signing secret given")]
    Empty,
    /// The list has more than [`SECRETS_MAX`] secrets.
    #[error("at most {SECRETS_MAX} signing secrets at a time")]
    TooMany,
}

/// The active signing secrets: several during a rotation. `Debug` does not show them.
#[derive(Clone)]
pub struct Secrets(Vec<Hmac<Sha256>>);

impl Secrets {
    /// Parses a comma-separated list. Blanks around a secret are dropped.
    pub fn parse(list: &str) -> Result<Self, SecretsError> {
        let keys: Vec<_> =
            list.split(',').map(str::trim).filter(|s| !s.is_empty()).map(key).collect();
        match keys.len() {
            0 => Err(SecretsError::Empty),
            1..=SECRETS_MAX => Ok(Self(keys)),
            _ => Err(SecretsError::TooMany),
        }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// The HMAC state after the key's first two blocks, computed once.
fn key(secret: &str) -> Hmac<Sha256> {
    // HMAC takes keys of every length (RFC 2104), so this cannot fail.
    Hmac::new_from_slice(secret.as_bytes()).unwrap_or_else(|_| unreachable!())
}

fn digest(key: &Hmac<Sha256>, time: &[u8], body: &[u8]) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(time);
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

struct Header<'a> {
    time: &'a [u8],
    at: Timestamp,
    v1: Vec<[u8; 32]>,
}

fn parse(header: &[u8]) -> Result<Header<'_>, Error> {
    if header.is_empty() {
        return Err(Error::Missing);
    }
    if header.len() > SIGNATURE_HEADER_BYTES_MAX {
        return Err(Error::Malformed);
    }
    let (mut time, mut v1, mut v1_seen) = (None, Vec::with_capacity(2), false);
    for part in header.split(|b| *b == b',') {
        let part = part.trim_ascii();
        if let Some(t) = part.strip_prefix(b"t=") {
            if time.replace(t).is_some() {
                return Err(Error::Malformed);
            }
        } else if let Some(hexes) = part.strip_prefix(b"v1=") {
            v1_seen = true;
            let mut bytes = [0; 32];
            if v1.len() < SIGNATURES_MAX && hex::decode_to_slice(hexes, &mut bytes).is_ok() {
                v1.push(bytes);
            }
        }
    }
    let time = time.ok_or(Error::Malformed)?;
    let at = seconds(time).ok_or(Error::Malformed)?;
    if v1_seen { Ok(Header { time, at, v1 }) } else { Err(Error::NoV1) }
}

/// Parses decimal digits and nothing else: the signature covers these bytes, so nothing is normalized.
fn seconds(digits: &[u8]) -> Option<Timestamp> {
    if digits.is_empty() || digits.len() > 12 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok().map(Timestamp::from_secs)
}

/// Verifies a webhook's raw body against its `Stripe-Signature` header; returns the time of signing.
///
/// The time is checked last, so that a forged header reveals nothing about the clock.
///
/// ```
/// use tierlift_core::{
///     stripe::signature::{self, Error, Secrets},
///     time::Timestamp,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // During a rotation both secrets are active.
/// let secrets = Secrets::parse("whsec_new, whsec_old")?;
/// let (body, signed_at) = (br#"{"id":"evt_1"}"#, Timestamp::from_secs(1_795_000_000));
/// let header = signature::sign("whsec_old", body, signed_at);
///
/// let verify = |body: &[u8], now| signature::verify(&secrets, header.as_bytes(), body, now);
/// assert_eq!(verify(body, signed_at.plus_secs(5)), Ok(signed_at));
/// assert_eq!(verify(b"{}", signed_at), Err(Error::Mismatch));
/// assert_eq!(verify(body, signed_at.plus_secs(301)), Err(Error::Expired(signed_at)));
/// # Ok(())
/// # }
/// ```
pub fn verify(
    secrets: &Secrets,
    header: &[u8],
    body: &[u8],
    now: Timestamp,
) -> Result<Timestamp, Error> {
    let header = parse(header)?;
    let mut matched = Choice::from(0);
    for key in &secrets.0 {
        let ours = digest(key, header.time, body);
        for theirs in &header.v1 {
            matched |= ours.ct_eq(theirs);
        }
    }
    if !bool::from(matched) {
        return Err(Error::Mismatch);
    }
    let age_secs = now.as_secs().saturating_sub(header.at.as_secs());
    if age_secs > SIGNATURE_TOLERANCE_SECS {
        return Err(Error::Expired(header.at));
    }
    if age_secs < -SIGNATURE_TOLERANCE_SECS {
        return Err(Error::Future(header.at));
    }
    Ok(header.at)
}

/// The header that Stripe would send for this body, for generated events and tests.
#[must_use]
pub fn sign(secret: &str, body: &[u8], at: Timestamp) -> String {
    let time = at.as_secs().to_string();
    format!("t={time},v1={}", hex::encode(digest(&key(secret), time.as_bytes(), body)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const BODY: &[u8] = br#"{"id":"evt_1","object":"event"}"#;

    fn secrets(list: &str) -> Secrets {
        Secrets::parse(list).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "rows read better without borrows")]
    fn check(header: &str, expected: Result<(), Error>) {
        let got = verify(&secrets("whsec_a,whsec_b"), header.as_bytes(), BODY, NOW);
        assert_eq!(got.map(|_| ()), expected, "header: {header}");
    }

    #[test]
    fn headers_of_every_kind() {
        let good = sign("whsec_a", BODY, NOW);
        let (t, v1) = good.split_once(',').unwrap();
        let rotated = sign("whsec_b", BODY, NOW);
        let v1_of_b = rotated.split_once(',').unwrap().1;
        let zeros = "0".repeat(64);
        check(&good, Ok(()));
        check(&rotated, Ok(()));
        check(&format!("{t},v1={zeros},{v1}"), Ok(()));
        check(&format!("{t},{v1_of_b},{v1}"), Ok(()));
        check(&format!("{t},v0=abc,{v1},v2=x,nonsense"), Ok(()));
        check(&format!("{v1}, {t}"), Ok(()));
        check(&sign("whsec_c", BODY, NOW), Err(Error::Mismatch));
        check(&format!("{t},v1={zeros}"), Err(Error::Mismatch));
        check(&format!("{t},v1=short"), Err(Error::Mismatch));
        check(&format!("{t},{}", v1.replace("v1", "v0")), Err(Error::NoV1));
        check(t, Err(Error::NoV1));
        check("", Err(Error::Missing));
        check(v1, Err(Error::Malformed));
        check(&format!("{t},{t},{v1}"), Err(Error::Malformed));
        check(&format!("t=,{v1}"), Err(Error::Malformed));
        check(&format!("t=-5,{v1}"), Err(Error::Malformed));
        check(&format!("t=99999999999999999999,{v1}"), Err(Error::Malformed));
        check(&format!("{good},{}", "x".repeat(5_000)), Err(Error::Malformed));
    }

    /// `testdata/make_signature_vectors.*` made these.
    #[test]
    fn what_stripes_own_libraries_sign_passes() {
        #[derive(serde::Deserialize)]
        struct File {
            made_with: String,
            vectors: Vec<Vector>,
        }
        #[derive(serde::Deserialize)]
        struct Vector {
            secret: String,
            timestamp: i64,
            payload: String,
            header: String,
        }
        for json in [
            include_str!("../../testdata/signature_vectors_node.json"),
            include_str!("../../testdata/signature_vectors_python.json"),
        ] {
            let File { made_with, vectors } = serde_json::from_str(json).unwrap();
            assert_eq!(vectors.len(), 8, "{made_with}");
            for Vector { secret, timestamp, payload, header } in vectors {
                let (at, body) = (Timestamp::from_secs(timestamp), payload.as_bytes());
                let verify = |list: &str| verify(&secrets(list), header.as_bytes(), body, at);
                assert_eq!(verify(&secret), Ok(at), "{made_with}: {payload}");
                assert_eq!(verify(&format!("whsec_new,{secret}")), Ok(at), "{made_with}: rotated");
                assert_eq!(verify("whsec_new"), Err(Error::Mismatch), "{made_with}");
                assert_eq!(sign(&secret, body, at), header, "{made_with}: ours is the same");
            }
        }
    }

    #[test]
    fn tolerance_is_300_seconds_either_way() {
        for (age, refusal) in [
            (300, None),
            (-300, None),
            (301, Some(Error::Expired as fn(Timestamp) -> Error)),
            (-301, Some(Error::Future)),
        ] {
            let signed_at = NOW.plus_secs(-age);
            let expected = refusal.map(|refusal| refusal(signed_at));
            let header = sign("whsec_a", BODY, signed_at);
            let got = verify(&secrets("whsec_a"), header.as_bytes(), BODY, NOW);
            assert_eq!(got.err(), expected, "age {age}");
        }
    }

    #[test]
    fn every_single_bit_counts() {
        let header = sign("whsec_a", BODY, NOW);
        for bit in 0..BODY.len() * 8 {
            let mut body = BODY.to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&secrets("whsec_a"), header.as_bytes(), &body, NOW).is_err());
        }
        for bit in 0..header.len() * 8 {
            let mut changed = header.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let got = verify(&secrets("whsec_a"), &changed, BODY, NOW);
            // Bit 5 of a hex digit a-f is its case: the same signature, written differently.
            let same = changed.eq_ignore_ascii_case(header.as_bytes()) && changed[..2] == *b"t=";
            let prefix_kept = changed.windows(3).any(|w| w == b"v1=");
            assert_eq!(got.is_ok(), same && prefix_kept, "bit {bit}");
        }
    }

    #[test]
    fn secrets_are_listed_and_never_shown() {
        assert_eq!(Secrets::parse(" , ").unwrap_err(), SecretsError::Empty);
        assert_eq!(Secrets::parse(&"s,".repeat(9)).unwrap_err(), SecretsError::TooMany);
        assert_eq!(format!("{:?}", secrets("whsec_a, whsec_b")), "Secrets(2)");
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_never_passes(header: Vec<u8>, body: Vec<u8>) {
            prop_assert!(verify(&secrets("whsec_a"), &header, &body, NOW).is_err());
        }

        #[test]
        fn nearly_right_headers_never_panic(
            parts in proptest::collection::vec("(t|v1|v0|)=?[0-9a-fA-F]{0,70}", 0..8)
        ) {
            let _ = verify(&secrets("whsec_a"), parts.join(",").as_bytes(), BODY, NOW);
        }
    }
}
