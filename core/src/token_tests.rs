//! Tests of `token`: shared secrets as rows, public keys with tokens that node:crypto signed.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::policy::tests::policy;

const SECRET: &str = "a secret that is only for these tests";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const EXP: i64 = 1_700_000_100;

fn keys() -> TokenKeys {
    TokenKeys::new(Some(Secret::new(SECRET).unwrap()))
}

fn signed(secret: &[u8], algorithm: Algorithm, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn good() -> String {
    signed(SECRET.as_bytes(), Algorithm::HS256, &json!({"sub": "ada", "exp": EXP}))
}

#[derive(Deserialize)]
struct Vectors {
    jwks: Value,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    what: String,
    expected: String,
    token: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../testdata/token_vectors.json")).unwrap()
}

fn word(got: &Result<Claims, Error>) -> &'static str {
    match got {
        Ok(_) => "ok",
        Err(Error::Expired) => "expired",
        Err(Error::UnknownKey) => "unknown key",
        Err(Error::Invalid) => "invalid",
        Err(Error::Missing | Error::Stale | Error::Revoked) => "not of verify",
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
        (json!({"sub": "ada", "exp": now}), "expired"),
        (json!({"sub": "ada", "exp": now + 1}), "ok"),
        (json!({"sub": "ada", "exp": 0}), "expired"),
        (json!({"sub": "ada", "exp": EXP, "nbf": now + 60}), "ok"),
        (json!({"sub": "ada", "exp": EXP, "nbf": now + 61}), "invalid"),
        (json!({"sub": "ada", "exp": EXP, "nbf": -1}), "invalid"),
        (json!({"sub": "ada"}), "invalid"),
        (json!({"sub": "ada", "exp": null}), "invalid"),
        (json!({"sub": "ada", "exp": "1700000100"}), "invalid"),
        (json!({"sub": "ada", "exp": -1}), "invalid"),
        (json!({"sub": "ada", "exp": 1e300}), "invalid"),
        (json!({"exp": EXP}), "invalid"),
        (json!({"sub": "", "exp": EXP}), "invalid"),
        (json!({"sub": "a\nb", "exp": EXP}), "invalid"),
        (json!({"sub": "x".repeat(256), "exp": EXP}), "invalid"),
        (json!({"sub": 7, "exp": EXP}), "invalid"),
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
    let both = keys().with_jwks(vectors().jwks.to_string().as_bytes()).unwrap();
    let public = TokenKeys::default().with_jwks(vectors().jwks.to_string().as_bytes()).unwrap();
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
        ("too long", &keys(), "x".repeat(TOKEN_BYTES_MAX + 1), "invalid"),
    ] {
        assert_eq!(word(&keys.verify(&token, NOW)), expected, "{what}");
    }
    assert_eq!(keys().verify("", NOW), Err(Error::Missing));
    let long = json!({"sub": "ada", "exp": EXP, "pad": "x".repeat(TOKEN_BYTES_MAX)});
    let long = signed(SECRET.as_bytes(), Algorithm::HS256, &long);
    assert_eq!(keys().verify(&long, NOW), Err(Error::Invalid), "right, and too long");
}

/// `testdata/make_token_vectors.mjs` made these.
#[test]
fn tokens_of_an_issuer_with_a_key_set() {
    let Vectors { jwks, vectors } = vectors();
    let keys = TokenKeys::default().with_jwks(jwks.to_string().as_bytes()).unwrap();
    assert_eq!(format!("{keys:?}"), "TokenKeys(secret: false, public: 3)");
    for Vector { what, expected, token } in vectors {
        let got = keys.verify(&token, NOW);
        assert_eq!(word(&got), expected, "{what}");
        if let Ok(claims) = got {
            assert_eq!((claims.user.as_str(), claims.revocation_id), ("ada", None), "{what}");
            assert_eq!(claims.expires_at, Timestamp::from_secs(4_102_444_800));
            let later = claims.expires_at;
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
    assert!(matches!(Secret::new(&"x".repeat(31)), Err(KeyError::SecretTooShort(31))));
}

#[test]
fn a_minted_token_says_who_and_at_which_revocation_id() {
    let user = UserId::new("ada \"ü\"").unwrap();
    let token = keys().secret().unwrap().mint(&user, RevocationId(7), NOW);
    let expires_at = NOW.plus_secs(TOKEN_TTL_SECS);
    let claims = Claims { user, revocation_id: Some(RevocationId(7)), epoch: None, expires_at };
    assert_eq!(keys().verify(&token, NOW), Ok(claims));
    assert!(!format!("{:?}", keys()).contains(SECRET));
}

#[test]
fn a_token_is_stale_below_the_revocation_id_and_revoked_below_its_floor() {
    let user = UserId::new("ada").unwrap();
    let account = Account {
        revocation_id: RevocationId(7),
        revoked_before: RevocationId(5),
        ..Account::new(user.clone(), &policy())
    };
    for (rev, fresh, refreshable) in [
        (None, Ok(()), Ok(())),
        (Some(8), Ok(()), Ok(())),
        (Some(7), Ok(()), Ok(())),
        (Some(6), Err(Error::Stale), Ok(())),
        (Some(5), Err(Error::Stale), Ok(())),
        (Some(4), Err(Error::Stale), Err(Error::Revoked)),
    ] {
        let revocation_id = rev.map(RevocationId);
        let claims = Claims { user: user.clone(), revocation_id, epoch: None, expires_at: NOW };
        assert_eq!(check_fresh(&claims, &account), fresh, "{rev:?}");
        assert_eq!(check_refreshable(&claims, &account), refreshable, "{rev:?}");
    }
}

#[test]
fn a_token_of_another_epoch_is_stale_and_so_is_one_that_knows_more_than_the_account() {
    let user = UserId::new("ada").unwrap();
    let account = Account {
        epoch: Epoch(100),
        revocation_id: RevocationId(7),
        ..Account::new(user.clone(), &policy())
    };
    for (epoch, rev, fresh) in [
        (100, 7, Ok(())),
        (100, 6, Err(Error::Stale)),
        (100, 8, Err(Error::Stale)),
        (99, 7, Err(Error::Stale)),
        (99, 8, Err(Error::Stale)),
        (101, 7, Err(Error::Stale)),
        (0, 7, Err(Error::Stale)),
    ] {
        let (epoch, revocation_id) = (Some(Epoch(epoch)), Some(RevocationId(rev)));
        let claims = Claims { user: user.clone(), revocation_id, epoch, expires_at: NOW };
        assert_eq!(check_fresh(&claims, &account), fresh, "{claims:?}");
    }
    let issued = keys().secret().unwrap().issue(&account, NOW);
    let claims = keys().verify(&issued, NOW).unwrap();
    assert_eq!((claims.epoch, claims.revocation_id), (Some(Epoch(100)), Some(RevocationId(7))));
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
