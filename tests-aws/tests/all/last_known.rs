//! While the table cannot be read, hosts and proxies get the role that was last read, for as long as they allow.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::{Value, json};
use tierlift_aws::store::Store;
use tierlift_core::{
    id::RevocationId,
    shared::Shared,
    time::Timestamp,
    token::{ServiceTokens, TokenKeys},
};
use tierlift_session::{Access, Keyring, LastKnown, authorize, service};
use tierlift_testkit::{
    clock::ManualClock,
    facts::{policy, user_id},
    harness::token_secret,
};
use tower::ServiceExt as _;

use super::{
    emulator::sdk_at,
    proxy::{Fault, Proxy, Rule},
    table::Table,
};

const START: Timestamp = Timestamp::from_secs(1_795_000_000);
const TOKEN: &str = "3f9a1c5e7b2d4f6088aacce1f35792b4";

async fn ask(routes: &Router, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", format!("Bearer {token}"));
    let request = request.body(Body::from(body.to_string())).unwrap();
    let (head, body) = routes.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let mut body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    if let Some(as_of) = head.headers.get("x-tierlift-as-of") {
        body["head"] = json!(as_of.to_str().unwrap());
    }
    (head.status.as_u16(), body)
}

#[tokio::test]
async fn a_table_that_cannot_be_read_leaves_the_last_known_role_for_as_long_as_allowed() {
    let table = Table::on_dynoxide().await;
    let proxy = Proxy::start(table.address().unwrap()).await;
    let clock = ManualClock::new(START);
    let access = Arc::new(Access {
        store: Store::new(&sdk_at(proxy.address()), &table.name),
        policy: policy().into(),
        keyring: Keyring::fixed(TokenKeys::new(Some(token_secret()))),
        clock: clock.clock(),
        last_known: LastKnown::for_secs(60),
    });
    let tokens = Shared::new(ServiceTokens::parse(&format!("web:{TOKEN}")).unwrap());
    let routes = service::router(Arc::clone(&access), tokens, ())
        .merge(authorize::router(Arc::clone(&access), None));
    let users_token = token_secret().mint(&user_id("ada"), RevocationId(1), START);
    let grant = json!({ "grantId": "t1", "userId": "ada", "role": "paid", "reason": "Paddle" });
    assert_eq!(ask(&routes, "POST", "/v1/grants", TOKEN, &grant).await.0, 200);
    let ids = json!({ "userIds": ["bob", "ada"] });
    let all = async || {
        let user = ask(&routes, "GET", "/v1/users/ada", TOKEN, &Value::Null).await;
        let batch = ask(&routes, "POST", "/v1/users:batch", TOKEN, &ids).await;
        let path = "/authorize?role=paid";
        let authorized = ask(&routes, "GET", path, &users_token, &Value::Null).await;
        ([user.0, batch.0, authorized.0], [user.1, batch.1, authorized.1])
    };
    let (statuses, fresh) = all().await;
    assert_eq!((statuses, &fresh[0]["role"]), ([200, 200, 204], &json!("paid")));
    assert!(fresh.iter().all(|body| body.get("head").is_none() && body.get("asOf").is_none()));
    let error = json!({ "__type": "com.amazonaws.dynamodb.v20120810#AccessDeniedException" });
    let denied = |operation| Rule {
        operation,
        calls: 1..=usize::MAX,
        fault: Fault::Response(400, error.clone()),
    };
    proxy.set_rules(["GetItem", "BatchGetItem"].map(denied).into());
    clock.advance_secs(60);
    let (statuses, known) = all().await;
    assert_eq!(statuses, [200, 200, 204], "{known:?}");
    let start = json!(START.to_string());
    assert!(known.iter().all(|body| body["head"] == start), "{known:?}");
    assert_eq!((&known[0]["role"], &known[0]["asOf"]), (&json!("paid"), &start));
    assert_eq!(known[1]["users"][1]["asOf"], start);
    clock.advance_secs(1);
    let (statuses, refused) = all().await;
    assert_eq!(statuses, [503; 3]);
    assert!(refused.iter().all(|body| body["code"] == "store.unavailable"), "{refused:?}");
    proxy.set_rules(Vec::new());
    let (_, again) = all().await;
    assert_eq!(again, fresh);
}
