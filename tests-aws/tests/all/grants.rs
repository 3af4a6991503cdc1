//! The routes by which services grant and withdraw, over the AWS store.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::{Value, json};
use tierlift_core::{
    ports::Store as _,
    shared::Shared,
    token::{ServiceTokens, TokenKeys},
};
use tierlift_session::{Access, Keyring, LastKnown, service};
use tierlift_testkit::{
    facts::{policy, user_id},
    harness::{now, token_secret},
};
use tower::ServiceExt as _;

use super::table::Table;

const TOKEN: &str = "3f9a1c5e7b2d4f6088aacce1f35792b4";

async fn post(routes: &Router, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header("authorization", format!("Bearer {TOKEN}"));
    let request = request.body(Body::from(body.to_string())).unwrap();
    let (head, body) = routes.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (head.status.as_u16(), serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_service_grants_once_and_withdraws() {
    let table = Table::create().await;
    let store = table.store().await;
    let clock = tierlift_core::time::Clock::new(now);
    let keyring = Keyring::fixed(TokenKeys::new(Some(token_secret())));
    let last_known = LastKnown::default();
    let access =
        Access { store: store.clone(), policy: policy().into(), keyring, clock, last_known };
    let tokens = ServiceTokens::parse(&format!("web:{TOKEN}")).unwrap();
    let routes = service::router(Arc::new(access), Shared::new(tokens), ());
    let grant = json!({ "grantId": "t1", "userId": "ada", "role": "paid", "reason": "Paddle" });
    let (status, first) = post(&routes, "/v1/grants", &grant).await;
    assert_eq!((status, &first["expiresAt"]), (200, &Value::Null), "{first}");
    assert_eq!(post(&routes, "/v1/grants", &grant).await, (200, first));
    let role = async |user: &str| {
        let account = store.account(&user_id(user)).await.unwrap();
        account.map(|account| account.role.as_str().to_owned())
    };
    assert_eq!(role("ada").await.as_deref(), Some("paid"));
    let mut other = grant.clone();
    other["userId"] = json!("bob");
    let (status, refused) = post(&routes, "/v1/grants", &other).await;
    assert_eq!((status, &refused["code"]), (409, &json!("grant.conflict")));
    assert_eq!(role("bob").await, None);
    let withdrawal = json!({ "grantId": "t1", "userId": "ada", "reason": "refunded" });
    let (status, withdrawn) = post(&routes, "/v1/grants:withdraw", &withdrawal).await;
    assert_eq!(status, 200, "{withdrawn}");
    assert_eq!(post(&routes, "/v1/grants:withdraw", &withdrawal).await, (200, withdrawn));
    assert_eq!(role("ada").await.as_deref(), Some("free"));
}
