//! Tests of our own keys: what is published of them is that of RFC 8037, and what a token says that can be checked
//! offline.

use serde_json::json;

use super::*;
use crate::{
    account::Account,
    accounts::Accounts,
    decide::{Granted, ServiceRequest, grant},
    id::{RevocationId, ServiceGrantId, UserId},
    ledger::Act,
    limits::TOKEN_TTL_SECS,
    policy::{Role, tests::policy},
    token::{
        Claims, Secret, SignIn, TokenKeys,
        tests::{NOW, SECRET, account, keys, signed},
    },
};

/// The key of RFC 8037, appendix A, in PKCS #8.
const RFC_KEY: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
/// Another one.
const OTHER_KEY: &str = "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banW+IHEsTFpSs3DGaUYVSYmZPyfg1z5Qh";

fn signing(text: &str) -> SigningKeys {
    SigningKeys::parse(text).unwrap()
}

/// Keys of a server that signs by itself, and one that shares a secret with the host, too.
fn with(text: &str) -> TokenKeys {
    TokenKeys::default().with_signing_keys(Some(signing(text)))
}

fn ids(text: &str) -> Vec<String> {
    signing(text).key_set().keys.into_iter().filter_map(|key| key.common.key_id).collect()
}

fn own(claims: Claims) -> serde_json::Value {
    serde_json::Value::Object(claims.own.unwrap())
}

#[test]
fn the_public_half_and_its_id_are_those_of_the_rfc() {
    let set = serde_json::to_value(signing(RFC_KEY).key_set()).unwrap();
    assert_eq!(
        set,
        json!({ "keys": [{
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "alg": "EdDSA",
            "use": "sig",
        }] })
    );
}

#[test]
fn keys_are_read_as_pem_and_as_base64_and_what_is_none_is_refused_without_being_shown() {
    let pem =
        |key: &str| format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
    let both = ids(&format!("{RFC_KEY},{OTHER_KEY}"));
    assert_eq!(both, [ids(RFC_KEY), ids(OTHER_KEY)].concat());
    assert_eq!(ids(&format!("{}{}", pem(RFC_KEY), pem(OTHER_KEY))), both);
    assert_eq!(ids(&format!(" {} ,\n", &pem(RFC_KEY))), both[..1]);
    let public = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let cut = &RFC_KEY[..60];
    for (text, number) in [
        ("", 1),
        (" , ", 1),
        ("secret", 1),
        (public, 1),
        (cut, 1),
        (&format!("{RFC_KEY},{cut}"), 2),
        (&pem("bm9uZQ=="), 1),
    ] {
        let error = SigningKeys::parse(text).unwrap_err();
        assert!(matches!(error, KeyError::SigningKey(found) if found == number), "{text}: {error}");
        assert!(!error.to_string().contains(cut), "{error}");
    }
    let three = [RFC_KEY; 3].join(",");
    assert!(matches!(SigningKeys::parse(&three), Err(KeyError::TooManySigningKeys)));
    let shown = format!("{:?} {:?}", signing(RFC_KEY), with(RFC_KEY));
    assert!(shown.contains(&both[0]) && !shown.contains(cut), "{shown}");
}

#[test]
fn a_token_that_can_be_checked_offline_says_the_role_and_the_features_of_now() {
    let keys = with(RFC_KEY);
    let paid = Account {
        manual_role: Some(Role::new("paid")),
        revocation_id: RevocationId(1),
        ..account()
    };
    let team = Account { user: UserId::new("org").unwrap(), ..paid.clone() };
    let claims =
        |issued: crate::token::Issued| own(keys.verify(&issued.access_token, NOW).unwrap());
    let free = keys.issue(&account(), &policy(), NOW).unwrap();
    assert_eq!(free.expires_in, TOKEN_TTL_SECS);
    let first = keys.verify(&free.access_token, NOW).unwrap();
    assert!(first.is_own() && !keys.needs_key_set(&free.access_token));
    assert_eq!(own(first.clone())["role"], "free");
    let refreshed = claims(keys.reissue(&first, &paid.clone().into(), &policy(), NOW).unwrap());
    let features = json!(policy().features(&Role::new("paid")));
    assert_eq!((&refreshed["role"], &refreshed["features"]), (&json!("paid"), &features));
    assert_eq!((&refreshed["sub"], &refreshed["rev"]), (&json!("ada"), &json!(1)));
    let names = [("role", json!("operator")), ("tenant", json!(7))];
    let names = names.map(|(name, value)| (name.to_owned(), value));
    let sign_in = SignIn { at: None, claims: names.into_iter().collect() };
    let both = Accounts::new(account(), vec![team]);
    let issued = claims(keys.issue_for(&both, sign_in, &policy(), NOW).unwrap());
    assert_eq!((&issued["role"], &issued["tenant"]), (&json!("paid"), &json!(7)));
    // One of the shared secret says neither: whoever checks it asks.
    let shared = super::super::tests::keys().issue(&paid, &policy(), NOW).unwrap();
    let shared = own(super::super::tests::keys().verify(&shared.access_token, NOW).unwrap());
    assert!(shared.get("role").is_none() && shared.get("features").is_none());
}

#[test]
fn it_ends_when_something_that_it_says_does() {
    let keys = with(RFC_KEY);
    let until = |secs: i64| {
        let request = ServiceRequest {
            id: ServiceGrantId::new("web:1").unwrap(),
            role: Role::new("paid"),
            until: Some(NOW.plus_secs(secs)),
            act: Act::new("web", "a pass").unwrap(),
        };
        let Granted::Commit(commit, _) = grant(account(), &request, &policy(), NOW).unwrap() else {
            panic!("it is granted already")
        };
        commit.accounts.into_iter().next().unwrap()
    };
    for (ends, expected) in [(60, 60), (TOKEN_TTL_SECS, TOKEN_TTL_SECS), (10_000, TOKEN_TTL_SECS)] {
        let issued = keys.issue(&until(ends), &policy(), NOW).unwrap();
        assert_eq!(issued.expires_in, expected, "{ends}");
        let claims = own(keys.verify(&issued.access_token, NOW).unwrap());
        assert_eq!(claims["role"], "paid");
        // With the shared secret it lasts as long as ever: the account decides.
        let shared = super::super::tests::keys().issue(&until(ends), &policy(), NOW).unwrap();
        assert_eq!(shared.expires_in, TOKEN_TTL_SECS);
    }
}

#[test]
fn while_keys_are_rolled_the_first_signs_and_both_verify() {
    let token = |text: &str| with(text).issue(&account(), &policy(), NOW).unwrap().access_token;
    let both = format!("{OTHER_KEY},{RFC_KEY}");
    for (signer, [by_rfc, by_both, by_other]) in [
        (RFC_KEY, [true, true, false]),
        (OTHER_KEY, [false, true, true]),
        (&both, [false, true, true]),
    ] {
        let token = token(signer);
        for (verifier, expected) in [(RFC_KEY, by_rfc), (&both, by_both), (OTHER_KEY, by_other)] {
            assert_eq!(with(verifier).verify(&token, NOW).is_ok(), expected, "{signer} {verifier}");
        }
    }
}

#[test]
fn the_shared_secret_still_verifies_what_the_host_signs_and_nothing_else_is_ours() {
    let secret = Secret::new(SECRET).unwrap();
    let both = keys().with_signing_keys(Some(signing(RFC_KEY)));
    let hosts = secret.mint(&UserId::new("ada").unwrap(), RevocationId(0), NOW);
    let claims = both.verify(&hosts, NOW).unwrap();
    let refreshed = both.reissue(&claims, &account().into(), &policy(), NOW).unwrap();
    assert!(with(RFC_KEY).verify(&refreshed.access_token, NOW).is_ok(), "it is signed by our key");
    assert!(keys().verify(&refreshed.access_token, NOW).is_err());
    // The algorithm is the key's: neither half of the key is a secret of HS256.
    let public = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let claims = json!({ "sub": "eve", "exp": NOW.plus_secs(60).as_secs() });
    for secret in [public, RFC_KEY] {
        let forged = signed(secret.as_bytes(), Algorithm::HS256, &claims);
        assert!(both.verify(&forged, NOW).is_err());
    }
    let other = with(OTHER_KEY).issue(&account(), &policy(), NOW).unwrap().access_token;
    let (head, rest) = other.split_once('.').unwrap();
    assert!(both.verify(&other, NOW).is_err());
    // With the id of our key in its head.
    let ours = refreshed.access_token.split_once('.').unwrap().0;
    assert_ne!(head, ours);
    assert!(both.verify(&format!("{ours}.{rest}"), NOW).is_err());
    let later = NOW.plus_secs(TOKEN_TTL_SECS + 60);
    let expired = with(RFC_KEY).verify(&refreshed.access_token, later);
    assert_eq!(expired, Err(Error::Expired));
}
