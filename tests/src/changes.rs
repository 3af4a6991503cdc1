//! What `GET /v1/changes` means on every backend: hosts follow what changes, in order and without a gap.

use serde_json::Value;
use tierlift_testkit::harness::client::Response;

use crate::deployment::{Deployment, SERVICE_TOKEN, get};

/// The users and revocation ids of an answer's changes, and its cursor.
#[must_use]
pub fn changes(answer: &Response) -> (Vec<(String, u64)>, String) {
    answer.assert(200, "");
    let json = answer.json();
    let change = |change: &Value| {
        let user = change["userId"].as_str().unwrap().to_owned();
        (user, change["revocationId"].as_u64().unwrap())
    };
    let changes = json["changes"].as_array().unwrap().iter().map(change).collect();
    (changes, json["cursor"].as_str().unwrap().to_owned())
}

fn of(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(user, rev)| ((*user).to_owned(), *rev)).collect()
}

/// A host that keeps its cursor misses nothing and hears nothing twice.
pub async fn changes_are_followed_in_order_and_without_a_gap(host: &impl Deployment) {
    let ask = async |query: &str| get(host, &format!("/v1/changes{query}"), SERVICE_TOKEN).await;
    // Waits until there is a change behind a place.
    let next = async |cursor: &str| loop {
        let (found, end) = changes(&ask(&format!("?after={cursor}&wait=25")).await);
        if !found.is_empty() {
            return (found, end);
        }
    };
    let (none, beginning) = changes(&ask("?after=latest").await);
    assert_eq!((none.len(), beginning.as_str()), (0, "0-0000000000000000"));
    let ((first, after_ada), ()) =
        tokio::join!(next(&beginning), host.subscription("ada", "active"));
    assert_eq!(first, of(&[("ada", 1)]));
    host.subscription("bob", "active").await;
    let (second, after_bob) = next(&after_ada).await;
    assert_eq!(second, of(&[("bob", 1)]));
    host.subscription("ada", "canceled").await;
    let (third, end) = next(&after_bob).await;
    assert_eq!(third, of(&[("ada", 2)]));
    for (query, expected) in [
        (String::new(), of(&[("ada", 1), ("bob", 1), ("ada", 2)])),
        (format!("?after={beginning}"), of(&[("ada", 1), ("bob", 1), ("ada", 2)])),
        (format!("?after={after_ada}"), of(&[("bob", 1), ("ada", 2)])),
        (format!("?after={end}"), of(&[])),
        (format!("?after={end}&wait=1"), of(&[])),
    ] {
        assert_eq!(changes(&ask(&query).await), (expected, end.clone()), "{query}");
    }
    for query in ["after=x", "wait=26", "wait=-1", "since=1"] {
        ask(&format!("?{query}")).await.assert(400, "query.invalid");
    }
    // Another change at the same position, as after a restore; and one that is not there yet.
    let (position, _) = after_ada.split_once('-').unwrap();
    for cursor in [format!("{position}-0123456789abcdef"), "9-0123456789abcdef".to_owned()] {
        ask(&format!("?after={cursor}")).await.assert(410, "cursor.expired");
    }
    get(host, "/v1/changes", "").await.assert(401, "service_token.missing");
    get(host, "/v1/changes", "3f9a1c5e7b2d4f6088aacce1f35792b5")
        .await
        .assert(401, "service_token.invalid");
}
