//! Tests of `token`: shared secrets as rows, public keys with tokens that node:crypto signed.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::{
    id::{Epoch, RevocationId},
    limits::{TOKEN_CLOCK_SKEW_SECS, TOKEN_TTL_SECS},
    policy::tests::policy,
};

pub(super) const SECRET: &str = "a secret that is only for these tests";
pub(super) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(super) const EXP: i64 = 1_700_000_100;

pub(super) fn keys() -> TokenKeys {
    TokenKeys::new(Some(Secret::new(SECRET).unwrap()))
}

pub(super) fn rules(issuer: &[&str], audience: &[&str]) -> Rules {
    let list = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    let (issuer, audience) = (list(issuer), list(audience));
    TokenConfig { issuer, audience, ..TokenConfig::default() }.rules()
}

pub(super) fn issuers_keys() -> TokenKeys {
    let keys = TokenKeys::new(None).with_rules(rules(&["https://issuer.example.com/"], &["app"]));
    keys.with_jwks(vectors().jwks.to_string().as_bytes()).unwrap()
}

pub(super) fn account() -> Account {
    Account::new(UserId::new("ada").unwrap(), &policy())
}

pub(super) fn signed(secret: &[u8], algorithm: Algorithm, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

pub(super) fn good() -> String {
    signed(SECRET.as_bytes(), Algorithm::HS256, &json!({"sub": "ada", "exp": EXP}))
}

#[derive(Deserialize)]
pub(super) struct Vectors {
    jwks: Value,
    pub(super) vectors: Vec<Vector>,
}

#[derive(Deserialize)]
pub(super) struct Vector {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) token: String,
}

pub(super) fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../testdata/token_vectors.json")).unwrap()
}

fn word(got: &Result<Claims, Error>) -> &'static str {
    match got {
        Ok(_) => "ok",
        Err(Error::Expired) => "expired",
        Err(Error::UnknownKey) => "unknown key",
        Err(Error::Invalid) => "invalid",
        Err(Error::TooLong(_)) => "too long",
        Err(Error::Critical) => "critical",
        Err(Error::Type) => "type",
        Err(Error::Subject) => "subject",
        Err(Error::AccountClaim) => "account claim",
        Err(Error::Issuer) => "issuer",
        Err(Error::Audience) => "audience",
        Err(Error::NotYetValid) => "not yet",
        Err(Error::SessionExpired) => "session",
        Err(Error::Missing | Error::Stale | Error::Revoked | Error::Foreign) => "not of verify",
    }
}

#[test]
fn claims_of_a_shared_secret() {
    let now = NOW.as_secs();
    for (claims, expected) in [
        (json!({"sub": "ada", "exp": EXP}), "ok"),
        (json!({"sub": "ada", "exp": EXP, "rev": 7, "iat": now, "aud": "x", "more": [1]}), "ok"),
        (json!({"sub": "ada", "exp": EXP, "rev": null, "nbf": null}), "ok"),
        (json!({"sub": "ada", "exp": 1_700_000_100.75}), "ok"),
        (json!({"sub": "ada", "exp": now - 60}), "expired"),
        (json!({"sub": "ada", "exp": now - 59}), "ok"),
        (json!({"sub": "ada", "exp": 0}), "expired"),
        (json!({"sub": "ada", "exp": EXP, "nbf": now + 60}), "ok"),
        (json!({"sub": "ada", "exp": EXP, "nbf": now + 61}), "not yet"),
        (json!({"sub": "ada", "exp": EXP, "nbf": -1}), "invalid"),
        (json!({"sub": "ada"}), "invalid"),
        (json!({"sub": "ada", "exp": null}), "invalid"),
        (json!({"sub": "ada", "exp": "1700000100"}), "invalid"),
        (json!({"sub": "ada", "exp": -1}), "invalid"),
        (json!({"sub": "ada", "exp": 1e300}), "invalid"),
        (json!({"exp": EXP}), "subject"),
        (json!({"sub": "", "exp": EXP}), "subject"),
        (json!({"sub": "a\nb", "exp": EXP}), "subject"),
        (json!({"sub": "x".repeat(256), "exp": EXP}), "subject"),
        (json!({"sub": 7, "exp": EXP}), "subject"),
        (json!({"sub": "ada", "exp": EXP, "rev": -1}), "invalid"),
        (json!({"sub": "ada", "exp": EXP, "rev": "7"}), "invalid"),
        (json!([]), "invalid"),
    ] {
        let token = signed(SECRET.as_bytes(), Algorithm::HS256, &claims);
        assert_eq!(word(&keys().verify(&token, NOW)), expected, "{claims}");
    }
}

#[test]
fn only_our_secret_and_our_algorithm_count() {
    let claims = json!({"sub": "ada", "exp": EXP});
    let hs = |secret: &str, algorithm| signed(secret.as_bytes(), algorithm, &claims);
    let good = good();
    let body = good.split('.').nth(1).unwrap();
    let modulus = vectors().jwks["keys"][0]["n"].as_str().unwrap().to_owned();
    let both = keys().with_public_keys_of(issuers_keys());
    let public = issuers_keys();
    for (what, keys, token, expected) in [
        ("ours", &keys(), good.clone(), "ok"),
        ("ours, beside public keys", &both, good.clone(), "ok"),
        ("another secret", &keys(), hs(&"y".repeat(32), Algorithm::HS256), "invalid"),
        ("another length", &keys(), hs(SECRET, Algorithm::HS512), "invalid"),
        ("none", &keys(), format!("eyJhbGciOiJub25lIn0.{body}."), "invalid"),
        ("None", &keys(), format!("eyJhbGciOiJOb25lIn0.{body}."), "invalid"),
        ("no signature", &keys(), format!("{}.", good.rsplit_once('.').unwrap().0), "invalid"),
        ("a public key as the secret", &both, hs(&modulus, Algorithm::HS256), "invalid"),
        ("the same without a secret", &public, hs(&modulus, Algorithm::HS256), "unknown key"),
        (
            "a key set's symmetric key",
            &public,
            hs(&"x".repeat(32), Algorithm::HS256),
            "unknown key",
        ),
        ("no keys at all", &TokenKeys::default(), good.clone(), "invalid"),
        ("two parts", &keys(), "a.b".to_owned(), "invalid"),
        ("four parts", &keys(), format!("{good}.x"), "invalid"),
        ("blank around", &keys(), format!(" {good}"), "invalid"),
        ("too long", &keys(), "x".repeat(TOKEN_BYTES_MAX + 1), "too long"),
    ] {
        assert_eq!(word(&keys.verify(&token, NOW)), expected, "{what}");
    }
    assert_eq!(keys().verify("", NOW), Err(Error::Missing));
    let long = json!({"sub": "ada", "exp": EXP, "pad": "x".repeat(TOKEN_BYTES_MAX)});
    let long = signed(SECRET.as_bytes(), Algorithm::HS256, &long);
    assert_eq!(keys().verify(&long, NOW), Err(Error::TooLong(long.len())));
}

/// `testdata/make_token_vectors.mjs` made these.
#[test]
fn tokens_of_an_issuer_with_a_key_set() {
    let Vectors { vectors, .. } = vectors();
    let keys = issuers_keys();
    assert_eq!(format!("{keys:?}"), "TokenKeys(secret: false, signing: None, public: 3)");
    for Vector { what, expected, token } in vectors {
        let got = keys.verify(&token, NOW);
        assert_eq!(word(&got), expected, "{what}");
        if let Ok(claims) = got {
            let known = claims.known(&claims.user);
            assert_eq!((claims.user.as_str(), known.revocation_id), ("ada", None), "{what}");
            assert_eq!(claims.expires_at, Timestamp::from_secs(4_102_444_800));
            let later = claims.valid_until;
            assert_eq!(later, claims.expires_at.plus_secs(TOKEN_CLOCK_SKEW_SECS));
            assert!(!claims.is_own());
            assert_eq!(keys.verify(&token, later), Err(Error::Expired), "{what}");
        }
    }
}

#[test]
fn key_sets_without_a_usable_key_are_refused() {
    let all = vectors().jwks;
    let only = |kid: &str| {
        let keys = all["keys"].as_array().unwrap().iter().filter(|key| key["kid"] == kid);
        json!({"keys": keys.collect::<Vec<_>>()}).to_string()
    };
    for (jwks, usable) in [
        (only("rsa"), true),
        (only("p256"), true),
        (only("ed25519"), true),
        (only("weak"), false),
        (only("rsa").replace(r#""use":"sig""#, r#""key_ops":["verify"]"#), true),
        (only("rsa").replace(r#""use":"sig""#, r#""key_ops":["encrypt"]"#), false),
        (
            only("rsa")
                .replace("[{", r#"[{"kty":"new"},7,{"kty":"EC","crv":"P-999","x":"","y":""},{"#),
            true,
        ),
        (only("p384"), false),
        (only("encryption"), false),
        (only("shared"), false),
        (r#"{"keys":[]}"#.to_owned(), false),
        ("{}".to_owned(), false),
        ("<html>".to_owned(), false),
        (String::new(), false),
    ] {
        let got = TokenKeys::default().with_jwks(jwks.as_bytes());
        assert_eq!(got.is_ok(), usable, "{jwks}: {:?}", got.err());
    }
}

#[test]
fn a_minted_token_says_who_and_at_which_revocation_id() {
    let user = UserId::new("ada \"ü\"").unwrap();
    let token = keys().secret().unwrap().mint(&user, RevocationId(7), NOW);
    let claims = keys().verify(&token, NOW).unwrap();
    let known = claims.known(&user);
    assert_eq!((&claims.user, known.epoch), (&user, None));
    assert_eq!(known.revocation_id, Some(RevocationId(7)));
    assert_eq!(claims.expires_at, NOW.plus_secs(TOKEN_TTL_SECS));
    assert!(claims.is_own());
    assert!(!format!("{:?}", keys()).contains(SECRET));
}

fn claims(revocation_id: Option<u64>, epoch: Option<i64>) -> Claims {
    let user = UserId::new("ada").unwrap();
    let known = Known { revocation_id: revocation_id.map(RevocationId), epoch: epoch.map(Epoch) };
    Claims {
        known: [(user.clone(), known)].into(),
        user,
        others: Vec::new(),
        issued_at: None,
        expires_at: NOW,
        valid_until: NOW,
        own: None,
    }
}

#[test]
fn a_token_is_stale_below_the_revocation_id() {
    let account = Account { revocation_id: RevocationId(7), ..account() };
    for (rev, fresh) in [
        (None, Ok(())),
        (Some(8), Ok(())),
        (Some(7), Ok(())),
        (Some(6), Err(Error::Stale)),
        (Some(0), Err(Error::Stale)),
    ] {
        assert_eq!(check_fresh(&claims(rev, None), &account), fresh, "{rev:?}");
    }
}

#[test]
fn a_token_that_was_issued_before_a_revocation_counts_no_more() {
    let account = Account { revoked_before: Some(NOW), ..account() };
    for (issued_at, expected) in [
        (Some(NOW), Ok(())),
        (Some(NOW.plus_secs(5)), Ok(())),
        (Some(NOW.plus_secs(-1)), Err(Error::Revoked)),
        (None, Err(Error::Revoked)),
    ] {
        let token = TokenTimes { issued_at, valid_until: NOW };
        assert_eq!(check_not_revoked(token, &account), expected, "{issued_at:?}");
        assert_eq!(check_not_revoked(token, &self::account()), Ok(()));
    }
}

#[test]
fn a_token_of_another_epoch_is_stale_and_so_is_one_that_knows_more_than_the_account() {
    let account = Account { epoch: Epoch(100), revocation_id: RevocationId(7), ..account() };
    for (epoch, rev, fresh) in [
        (100, 7, Ok(())),
        (100, 6, Err(Error::Stale)),
        (100, 8, Err(Error::Stale)),
        (99, 7, Err(Error::Stale)),
        (99, 8, Err(Error::Stale)),
        (101, 7, Err(Error::Stale)),
        (0, 7, Err(Error::Stale)),
    ] {
        let claims = claims(Some(rev), Some(epoch));
        assert_eq!(check_fresh(&claims, &account), fresh, "{claims:?}");
    }
    let issued = keys().issue(&account, &policy(), NOW).unwrap();
    assert_eq!(issued.expires_in, TOKEN_TTL_SECS);
    let claims = keys().verify(&issued.access_token, NOW).unwrap();
    let known = claims.known(&claims.user);
    assert_eq!((known.epoch, known.revocation_id), (Some(Epoch(100)), Some(RevocationId(7))));
}

#[test]
fn whoever_knows_the_secret_may_leave_out_issuer_and_audience_but_not_name_others() {
    let keys = keys().with_rules(rules(&["us"], &["app"]));
    for (more, expected) in [
        (json!({}), "ok"),
        (json!({"iss": "us", "aud": "app"}), "ok"),
        (json!({"iss": null, "aud": ["x", "app"]}), "ok"),
        (json!({"iss": "them"}), "issuer"),
        (json!({"aud": "other"}), "audience"),
        // Only an issuer with a key set leaves these out of `aud`.
        (json!({"azp": "other"}), "ok"),
    ] {
        let mut claims = json!({"sub": "ada", "exp": EXP});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let token = signed(SECRET.as_bytes(), Algorithm::HS256, &claims);
        assert_eq!(word(&keys.verify(&token, NOW)), expected, "{claims}");
        assert_eq!(word(&self::keys().verify(&token, NOW)), "ok", "nothing is listed");
    }
}

#[test]
fn a_key_set_without_rules_lets_nobody_in() {
    let keys = TokenKeys::default().with_public_keys_of(issuers_keys());
    let ok = vectors().vectors.into_iter().filter(|vector| vector.expected == "ok");
    assert!(ok.map(|vector| keys.verify(&vector.token, NOW)).all(|got| got == Err(Error::Issuer)));
}

proptest! {
    #[test]
    fn garbage_is_no_panic_and_no_token(text in "\\PC*", parts in "[A-Za-z0-9_-]{0,99}(\\.[A-Za-z0-9_-]{0,99}){0,4}") {
        prop_assert!(keys().verify(&text, NOW).is_err());
        prop_assert!(keys().verify(&parts, NOW).is_err());
    }

    #[test]
    fn every_character_of_a_token_counts(place: proptest::sample::Index, with in "[A-Za-z0-9_.-]") {
        let good = good();
        let place = place.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(place..=place, &with);
        prop_assert_eq!(keys().verify(&changed, NOW).is_ok(), changed == good);
    }
}
