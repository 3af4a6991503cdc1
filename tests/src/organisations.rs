//! What tokens that speak for several accounts mean on every backend: a person's own account, and those of their
//! organisations.

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tierlift_core::limits::SOCKETS_PER_USER_MAX;
use tierlift_testkit::harness::{
    client::{Request, Response},
    socket::Socket,
};
use tokio_tungstenite::tungstenite::Message;

use crate::deployment::{Deployment, SERVICE_TOKEN, get};

/// A token of a user who acts for these organisations.
pub async fn member(host: &impl Deployment, user: &str, organisations: &[&str]) -> String {
    let body = json!({ "userId": user, "claims": { "org_id": organisations } }).to_string();
    let request = Request::new("POST", &host.path("/v1/tokens")).bearer(SERVICE_TOKEN);
    let request = request.header("content-type", "application/json").body(body.as_bytes());
    let answer = host.send(request).await;
    answer.assert(200, "");
    answer.json()["accessToken"].as_str().unwrap().to_owned()
}

async fn in_step(host: &impl Deployment, token: &str) -> Socket {
    let mut socket = host.socket(token).await;
    socket.sync().await;
    socket
}

fn role(answer: &Value) -> (&str, &str) {
    (answer["role"].as_str().unwrap(), answer["accountId"].as_str().unwrap())
}

/// The code with which a server ends a socket: of the close frame, or of the frame that says it before, where a
/// gateway closes with a code of its own.
async fn closed_with(socket: &mut Socket) -> u64 {
    loop {
        match socket.wire.next().await.expect("a reason").unwrap() {
            Message::Close(frame) => return u16::from(frame.unwrap().code).into(),
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] == "CLOSE" {
                    return frame["code"].as_u64().unwrap();
                }
            }
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

/// One event, and every open tab of every member knows; a token that knew less is stale.
pub async fn what_an_organisation_pays_for_reaches_every_member_at_once(host: &impl Deployment) {
    let (ada, bob) = (member(host, "ada", &["org"]).await, member(host, "bob", &["org"]).await);
    let eve = member(host, "eve", &["other"]).await;
    let mut tabs = [in_step(host, &ada).await, in_step(host, &bob).await];
    let mut foreign = in_step(host, &eve).await;
    host.subscription("org", "active").await;
    for (tab, user) in tabs.iter_mut().zip(["ada", "bob"]) {
        let frame = tab.hear().await;
        assert_eq!((&frame["type"], &frame["userId"]), (&json!("ROLE_UPGRADED"), &json!(user)));
        assert_eq!((role(&frame), &frame["previousRole"]), (("paid", "org"), &json!("free")));
        assert_eq!(frame["accounts"], json!([user, "org"]));
        assert_eq!(frame["revocationId"], 1);
    }
    // Nobody else is notified: the next frame is the answer to a question.
    assert_eq!(role(&foreign.sync().await), ("free", "eve"));
    get(host, "/session", &ada).await.assert(401, "token.stale");
    let refresh = Request::new("POST", &host.path("/session/refresh")).bearer(&ada);
    let refreshed = host.send(refresh).await;
    refreshed.assert(200, "");
    assert_eq!(role(&refreshed.json()["user"]), ("paid", "org"));
    let fresh = refreshed.json()["accessToken"].as_str().unwrap().to_owned();
    let session = get(host, "/session", &fresh).await;
    session.assert(200, "");
    assert_eq!(role(&session.json()), ("paid", "org"));
    proxies_and_backends_ask(host, &ada, &eve, &session).await;
}

async fn proxies_and_backends_ask(
    host: &impl Deployment,
    ada: &str,
    eve: &str,
    session: &Response,
) {
    let passed = get(host, "/authorize?role=paid", ada).await;
    assert_eq!((passed.status, &passed.headers["x-tierlift-account"]), (204, &value("org")));
    assert_eq!(passed.headers["x-tierlift-user"], "ada");
    get(host, "/authorize?role=paid", eve).await.assert(403, "role.required");
    // A host asks for a member by the ids that it knows.
    let asked = get(host, "/v1/users/ada?account=org", SERVICE_TOKEN).await;
    assert_eq!(asked.json(), session.json());
    let alone = get(host, "/v1/users/ada", SERVICE_TOKEN).await;
    assert_eq!(alone.json()["role"], "free");
    for query in [
        "accounts=org",
        "account=",
        "account=1&account=2&account=3&account=4&account=5&account=6&account=7&account=8",
    ] {
        let refused = get(host, &format!("/v1/users/ada?{query}"), SERVICE_TOKEN).await;
        assert_eq!(refused.status, 400, "{query}");
    }
}

fn value(text: &'static str) -> http::HeaderValue {
    http::HeaderValue::from_static(text)
}

/// The user's own account counts as well, and whoever leaves has what is their own.
pub async fn a_person_keeps_the_best_of_their_accounts(host: &impl Deployment) {
    let mut alone = in_step(host, &member(host, "ada", &[]).await).await;
    let mut of_org = in_step(host, &member(host, "org", &[]).await).await;
    host.subscription("org", "active").await;
    host.subscription("ada", "active").await;
    alone.reach(1).await;
    of_org.reach(1).await;
    let (ada, bob) = (member(host, "ada", &["org"]).await, member(host, "bob", &["org"]).await);
    assert_eq!(role(&get(host, "/session", &ada).await.json()), ("paid", "ada"));
    let [mut of_ada, mut of_bob] = [in_step(host, &ada).await, in_step(host, &bob).await];
    host.subscription("org", "unpaid").await;
    let frame = of_ada.hear().await;
    assert_eq!((&frame["type"], role(&frame)), (&json!("SUBSCRIPTION_CHANGED"), ("paid", "ada")));
    let frame = of_bob.hear().await;
    assert_eq!((&frame["type"], role(&frame)), (&json!("ROLE_DOWNGRADED"), ("free", "bob")));
    host.subscription("org", "active").await;
    assert_eq!(role(&of_bob.hear().await), ("paid", "org"));
    let left = member(host, "bob", &[]).await;
    let session = get(host, "/session", &left).await.json();
    assert_eq!((&session["role"], session.get("accountId")), (&json!("free"), None));
}

/// An organisation has as many sockets as its members open.
pub async fn sockets_are_limited_for_each_person_and_not_for_an_organisation(
    host: &impl Deployment,
) {
    let mut members = Vec::new();
    for number in 0..=SOCKETS_PER_USER_MAX {
        let token = member(host, &format!("user{number}"), &["org"]).await;
        members.push(in_step(host, &token).await);
    }
    let ada = member(host, "ada", &["org"]).await;
    let mut first = in_step(host, &ada).await;
    let mut others = Vec::new();
    for _ in 0..SOCKETS_PER_USER_MAX {
        others.push(in_step(host, &ada).await);
    }
    assert_eq!(closed_with(&mut first).await, 4008);
    host.subscription("org", "active").await;
    for socket in members.iter_mut().chain(&mut others) {
        assert_eq!(role(&socket.hear().await), ("paid", "org"));
    }
}

/// Whoever may revoke an organisation's tokens ends the sockets of all of its members.
pub async fn tokens_of_an_organisation_are_revoked_for_all_of_its_members(host: &impl Deployment) {
    let ada = member(host, "ada", &["org"]).await;
    let mut socket = in_step(host, &ada).await;
    host.revoke("org").await;
    assert_eq!(closed_with(&mut socket).await, 4003);
    get(host, "/session", &ada).await.assert(401, "token.revoked");
    host.next_second().await;
    get(host, "/session", &member(host, "ada", &["org"]).await).await.assert(200, "");
}

/// Makes a test of each of these promises: `$start` starts a deployment.
#[macro_export]
macro_rules! organisation_tests {
    ($start:expr) => {
        $crate::organisation_tests! { $start =>
            what_an_organisation_pays_for_reaches_every_member_at_once
            a_person_keeps_the_best_of_their_accounts
            sockets_are_limited_for_each_person_and_not_for_an_organisation
            tokens_of_an_organisation_are_revoked_for_all_of_its_members
        }
    };
    ($start:expr => $($promise:ident)*) => {
        $(#[tokio::test]
        async fn $promise() {
            $crate::organisations::$promise(&$start.await).await;
        })*
    };
}
