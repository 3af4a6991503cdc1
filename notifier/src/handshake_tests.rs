use std::{collections::HashMap, sync::Mutex};

use http::header::ORIGIN;
use tierlift_core::{
    id::RevocationId,
    limits::{TOKEN_CLOCK_SKEW_SECS, TOKEN_TTL_SECS},
};

use super::*;
use crate::memory::{Accounts, ManualClock, START, access, secret, user};

const PAGE: &str = "https://app.example.com";

fn headers(fields: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name, value.parse().unwrap());
    }
    headers
}

#[test]
fn the_token_is_a_second_subprotocol() {
    for (values, token) in [
        (&["tierlift.v1, bearer.abc"][..], Some("abc")),
        (&["tierlift.v1", "bearer.abc"], Some("abc")),
        (&["bearer.abc,tierlift.v1"], Some("abc")),
        (&["tierlift.v1"], Some("")),
        (&["tierlift.v1, bearer.abc, bearer.def"], Some("abc")),
        (&["bearer.abc"], None),
        (&["tierlift.v2, bearer.abc"], None),
        (&["tierlift.v10, bearer.abc"], None),
        (&[], None),
    ] {
        let fields: Vec<_> = values.iter().map(|value| (SEC_WEBSOCKET_PROTOCOL, *value)).collect();
        assert_eq!(bearer_from_subprotocol(&headers(&fields)).ok(), token, "{values:?}");
    }
}

#[tokio::test]
async fn a_handshake_needs_an_allowed_page_its_subprotocol_and_a_fresh_token() {
    let clock = ManualClock::new();
    let access = access(Accounts(Some(Mutex::default())), &clock);
    let origins = Origins::parse([PAGE]).unwrap();
    let token = |at| format!("bearer.{}", secret().mint(&user("ada"), RevocationId(0), at));
    let (good, old) =
        (token(START), token(START.plus_secs(-TOKEN_TTL_SECS - TOKEN_CLOCK_SKEW_SECS)));
    let evil = "https://evil.example.com";
    for (page, offered, code) in [
        (Some(PAGE), format!("tierlift.v1, {good}"), None),
        (None, format!("tierlift.v1, {good}"), None),
        (Some(evil), format!("tierlift.v1, {good}"), Some("origin.refused")),
        (Some(evil), String::new(), Some("origin.refused")),
        (Some(PAGE), format!("tierlift.v2, {good}"), Some("subprotocol.required")),
        (Some(PAGE), good.clone(), Some("subprotocol.required")),
        (Some(PAGE), "tierlift.v1".to_owned(), Some("token.missing")),
        (Some(PAGE), "tierlift.v1, bearer.garbage".to_owned(), Some("token.invalid")),
        (Some(PAGE), format!("tierlift.v1, {old}"), Some("token.expired")),
    ] {
        let mut fields = vec![(SEC_WEBSOCKET_PROTOCOL, offered.as_str())];
        fields.extend(page.map(|page| (ORIGIN, page)));
        let refused = match accept(&access, &origins, &headers(&fields)).await {
            Ok(authenticated) => {
                assert_eq!(*authenticated.accounts.user(), user("ada"));
                None
            }
            Err(error) => Some(code_of(&error)),
        };
        assert_eq!(refused.as_deref(), code, "{page:?} {offered}");
    }
}

/// The code of the problem document that refuses a handshake.
fn code_of(error: &HandshakeError) -> String {
    let problem: serde_json::Value = serde_json::from_str(error.to_response().body()).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

#[test]
fn each_refusal_has_a_status_and_a_code() {
    let cause = || Box::<dyn std::error::Error + Send + Sync>::from("a table name");
    let secrets = tierlift_core::ports::SecretsError(cause());
    for (error, status, code) in [
        (HandshakeError::OriginRefused, 403, "origin.refused"),
        (HandshakeError::UpgradeRequired, 426, "upgrade.required"),
        (HandshakeError::SubprotocolRequired, 400, "subprotocol.required"),
        (HandshakeError::SocketsExhausted, 503, "sockets.exhausted"),
        (HandshakeError::Sockets(SocketsError(cause())), 503, "store.unavailable"),
        (tierlift_session::Error::from(secrets).into(), 503, "secrets.unavailable"),
    ] {
        let response = error.to_response();
        assert_eq!((response.status().as_u16(), &*code_of(&error)), (status, code));
        let upgrade: HashMap<_, _> = upgrade_headers().into_iter().collect();
        for (name, value) in &upgrade {
            let expected = (status == 426).then_some(value);
            assert_eq!(response.headers().get(name), expected, "{error}");
        }
        assert!(!response.body().contains("a table name"), "the cause is in the log only");
    }
}
