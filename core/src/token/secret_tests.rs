//! Tests of the shared secret: what a refreshed token says and for how long, and two secrets at a time.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::{account::Account, time::Timestamp};
use crate::{
    id::RevocationId,
    limits::TOKEN_TTL_SECS,
    policy::tests::policy,
    token::{
        Error, Secret, TokenKeys,
        tests::{
            EXP, NOW, SECRET, Vector, account, good, issuers_keys, keys, rules, signed, vectors,
        },
    },
};

/// The claims of one of our tokens.
fn payload(token: &str) -> Value {
    let claims = keys().verify(token, NOW).unwrap();
    Value::Object(claims.own.unwrap())
}

#[test]
fn a_refreshed_token_says_all_that_the_old_one_said_and_lives_as_long() {
    let account = Account { revocation_id: RevocationId(3), ..account() };
    let refreshed = |claims: &Value, now: Timestamp| {
        let token = signed(SECRET.as_bytes(), Algorithm::HS256, claims);
        let claims = keys().verify(&token, NOW).unwrap();
        keys().reissue(&claims, &account.clone().into(), &policy(), now)
    };
    let (now, week) = (NOW.as_secs(), 7 * 86_400);
    let host = json!({
        "sub": "ada", "iat": now - 100, "exp": now - 100 + week, "rev": 2, "nbf": now - 100,
        "email": "ada@example.com", "tenant": {"id": 7}, "aud": ["app"], "iss": "us",
        "scope": "read write", "jti": "1",
    });
    let issued = refreshed(&host, NOW).unwrap();
    assert_eq!(issued.expires_in, week);
    let mut expected = host;
    for (name, value) in [
        ("iat", json!(now)),
        ("exp", json!(now + week)),
        ("rev", json!(3)),
        ("epoch", json!(0)),
        ("auth_time", json!(now - 100)),
    ] {
        expected[name] = value;
    }
    assert_eq!(payload(&issued.access_token), expected);
    // Without `iat` nobody knows how long it lived, nor when the session began.
    let issued = refreshed(&json!({"sub": "ada", "exp": EXP}), NOW).unwrap();
    assert_eq!(issued.expires_in, TOKEN_TTL_SECS);
    assert_eq!(payload(&issued.access_token)["auth_time"], now);
}

#[test]
fn no_refresh_goes_beyond_the_age_of_the_session() {
    let days = |days: i64| days * 86_400;
    let now = NOW.as_secs();
    let verified = |auth_time: Option<i64>, iat: i64| {
        let claims = json!({"sub": "ada", "exp": EXP, "iat": iat, "auth_time": auth_time});
        keys().verify(&signed(SECRET.as_bytes(), Algorithm::HS256, &claims), NOW)
    };
    let lifetime = |auth_time, iat| {
        let claims = verified(auth_time, iat)?;
        keys().reissue(&claims, &account().into(), &policy(), NOW).map(|issued| issued.expires_in)
    };
    let minute_ago = now - 60;
    for (auth_time, iat, expected) in [
        (None, minute_ago, Ok(EXP - minute_ago)),
        (Some(now - days(29)), minute_ago, Ok(EXP - minute_ago)),
        (Some(now - days(30) + 5), minute_ago, Ok(5)),
        (Some(now - days(30)), minute_ago, Err(Error::SessionExpired)),
        (None, now - days(30), Err(Error::SessionExpired)),
        // Nobody signs in tomorrow.
        (Some(now + days(300)), minute_ago, Ok(EXP - minute_ago)),
    ] {
        assert_eq!(lifetime(auth_time, iat), expected, "{auth_time:?} {iat}");
    }
    assert!(verified(None, now - days(30)).is_ok(), "a host's own token lives as long as it says");
    let short = verified(Some(now - days(30) + 5), minute_ago).unwrap();
    assert_eq!(short.valid_until, NOW.plus_secs(5));
}

#[test]
fn a_token_of_another_issuer_is_never_refreshed_into_ours() {
    let both = keys()
        .with_public_keys_of(issuers_keys())
        .with_rules(rules(&["https://issuer.example.com/"], &["app"]));
    for Vector { what, token, .. } in
        vectors().vectors.into_iter().filter(|vector| vector.expected == "ok")
    {
        let claims = both.verify(&token, NOW).unwrap();
        assert_eq!(
            both.reissue(&claims, &account().into(), &policy(), NOW),
            Err(Error::Foreign),
            "{what}"
        );
    }
    let ours = both.verify(&good(), NOW).unwrap();
    assert!(both.reissue(&ours, &account().into(), &policy(), NOW).is_ok());
    assert_eq!(
        issuers_keys().reissue(&ours, &account().into(), &policy(), NOW),
        Err(Error::Foreign)
    );
}

#[test]
fn while_a_secret_is_rotated_the_new_one_signs_and_both_verify() {
    let [old, new] = ["the old secret of thirty-two bytes", "the new secret of thirty-two bytes"];
    let keys = |list: &str| TokenKeys::new(Some(Secret::new(list).unwrap()));
    let token = |keys: &TokenKeys| keys.issue(&account(), &policy(), NOW).unwrap().access_token;
    let rotating = keys(&format!("{new}, {old}"));
    for (signer, [by_old, by_both, by_new]) in
        [(old, [true, true, false]), (new, [false, true, true])]
    {
        let token = token(&keys(signer));
        for (verifier, expected) in
            [(&keys(old), by_old), (&rotating, by_both), (&keys(new), by_new)]
        {
            assert_eq!(verifier.verify(&token, NOW).is_ok(), expected, "{signer}");
        }
    }
    assert!(keys(new).verify(&token(&rotating), NOW).is_ok());
    assert!(keys(old).verify(&token(&rotating), NOW).is_err());
}

#[test]
fn a_weak_secret_is_refused() {
    let long = "a secret of at least thirty-two bytes";
    let error = |list: &str| Secret::new(list).map(|_| ()).unwrap_err().to_string();
    for (list, part) in [
        ("", "this one has 0"),
        (" , ", "this one has 0"),
        (&long[..31], "this one has 31"),
        (&format!("{long},short"), "this one has 5"),
        (&format!("{long},{long},{long}"), "at most 2 JWT secrets"),
        (&"x".repeat(64), "is a placeholder"),
        ("changeme-changeme-changeme-changeme", "is a placeholder"),
    ] {
        assert!(error(list).contains(part), "{list}: {}", error(list));
    }
}
