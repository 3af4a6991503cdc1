//! A demo, from its first start to a changed role.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::serving::Serving;

#[test]
fn a_demo_takes_an_upgrade_to_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    let secret = std::fs::metadata(folder.path().join("demo.db.jwt-secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);

    let (_, before) = demo.ask("/session", &demo.login("ada"));
    assert_eq!((&before["role"], &before["revocationId"]), (&json!("free"), &json!(0)));
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada: role paid, expected paid, revocation id 1");
    let (_, after) = demo.ask("/session", &demo.login("ada"));
    assert_eq!((&after["role"], &after["subscriptionActive"]), (&json!("paid"), &json!(true)));

    for (action, verdict) in [
        ("past_due", "OK ada: role paid"),
        ("downgrade", "OK ada: role free"),
        ("upgrade", "OK ada: role paid"),
        ("cancel", "OK ada: role free"),
        ("upgrade", "OK ada: role paid"),
    ] {
        demo.trigger(&folder, action, &[], 0, verdict);
    }
    check_metrics(&demo);
    let storm = ["--count", "700", "--duplicates", "100", "--shuffle", "--seed", "7"];
    demo.trigger(&folder, "storm", &storm, 0, "OK ada-3: role paid");
    // The same command again is another storm; with its time it is nothing but repeats.
    demo.trigger(&folder, "storm", &storm, 0, "OK ada-3: role paid");
    let dated = ["--count", "700", "--shuffle", "--seed", "7", "--at", "1795000000"];
    for _ in 0..2 {
        demo.trigger(&folder, "storm", &dated, 0, "OK ada-3: role paid");
    }
    demo.trigger(&folder, "downgrade", &[], 0, "OK ada: role free");
    demo.end();
}

/// Every metric that the server shows is documented.
fn check_metrics(demo: &Serving) {
    let (_, metrics) = demo.ask("/metrics", "");
    let protocol = include_str!("../../../docs/protocol.md");
    let names: Vec<_> = metrics
        .as_str()
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(protocol.contains(&format!("`{name}`")), "{name} is not in docs/protocol.md");
    }
}

#[test]
fn a_demo_is_for_pages_of_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    let login = |host: &str, origin: &str| {
        let request = ureq::post(format!("{}/demo/login", demo.url)).config();
        let request = request.http_status_as_error(false).build();
        let request = request.header("host", host).header("content-type", "application/json");
        let mut answer = request.header("origin", origin).send(r#"{"userId":"ada"}"#).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let code =
            serde_json::from_str::<Value>(&text).unwrap()["code"].as_str().map(str::to_owned);
        (answer.status().as_u16(), code.unwrap_or_default())
    };
    let (local, other) = ("localhost:8787", "evil.example:8787");
    assert_eq!(login(local, "http://localhost:8787").0, 200);
    assert_eq!(login(other, "http://localhost:8787"), (403, "host.refused".to_owned()));
    assert_eq!(login(local, "http://evil.example"), (403, "origin.refused".to_owned()));
    assert_eq!(login(local, "null"), (403, "origin.refused".to_owned()));
    for path in ["/demo", "/demo/", "/demo/plain"] {
        let page = ureq::get(format!("{}{path}", demo.url)).call().unwrap();
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self' 'sha256-"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(page.headers()["x-frame-options"], "DENY");
    }
    demo.end();
}

#[test]
fn time_that_passes_pays_periods_or_ends_them() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    demo.trigger(&folder, "wait", &["--advance", "70d"], 0, "OK ada: role paid");
    demo.trigger(&folder, "cancel_at_period_end", &[], 0, "OK ada: role paid");
    demo.trigger(&folder, "wait", &["--advance", "1d"], 0, "OK ada: role paid");
    demo.trigger(&folder, "wait", &["--advance", "120d"], 0, "OK ada: role free");
    demo.trigger(&folder, "wait", &["--advance", "1y"], 2, "such as 35d");
    demo.end();
}

#[test]
fn a_trigger_with_another_outcome_fails() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    demo.trigger(&folder, "upgrade", &["--expect", "free"], 1, "MISMATCH ada: role paid");
    demo.trigger(&folder, "upgrade", &["--expect", "free"], 1, "error[role.unexpected]");
    let wrong = ["--secret", "whsec_wrong"];
    demo.trigger(&folder, "upgrade", &wrong, 1, "signature.mismatch");
    demo.trigger(&folder, "storm", &["--price", "price_x"], 1, "is the price in [plans]?");
    demo.end();
}

#[test]
fn the_demos_own_actions_follow_each_other_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    assert_eq!(demo.simulate("ben", "downgrade").1["code"], "subscription.missing");
    for action in ["upgrade", "past_due", "upgrade", "downgrade", "upgrade", "storm"] {
        let (status, body) = demo.simulate("ben", action);
        assert_eq!((status, &body["status"]), (202, &json!("sent")), "{action}: {body}");
    }
    // `trigger` waits until everything is applied: the next process reads the store.
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada");
    demo.end();

    let demo = Serving::demo(&folder);
    assert_eq!(demo.simulate("ben", "downgrade").0, 202);
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada");
    let (status, session) = demo.ask("/session", &demo.login("ben"));
    assert_eq!((status, &session["role"]), (200, &json!("free")), "{session}");
    demo.end();
}

#[test]
fn the_demo_answers_what_it_cannot_do_with_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    for (path, body, status, code) in [
        ("/demo/login", r#"{"userId":""}"#, 400, "user.invalid"),
        ("/demo/login", r#"{"userId":7}"#, 400, "body.invalid"),
        ("/demo/login", "nonsense", 400, "body.invalid"),
        ("/demo/simulate", r#"{"userId":"ada"}"#, 400, "body.invalid"),
        ("/demo/simulate", r#"{"userId":"ada","action":"explode"}"#, 400, "action.unknown"),
        ("/demo/simulate", r#"{"userId":"ada","action":"past_due"}"#, 409, "subscription.missing"),
        (
            "/demo/simulate",
            r#"{"userId":"ada","action":"slow","delayMs":60001}"#,
            400,
            "delay.invalid",
        ),
    ] {
        let (got, answer) = demo.post(path, body);
        assert_eq!((got, &answer["code"]), (status, &json!(code)), "{path} {body}: {answer}");
    }
    let (status, premium) = demo.ask("/demo/premium", &demo.login("ada"));
    assert_eq!((status, &premium["code"]), (403, &json!("role.required")));
    let stale = demo.login("ada");
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada: role paid");
    assert_eq!(demo.ask("/demo/premium", &stale).1["code"], "token.stale");
    let (status, premium) = demo.ask("/demo/premium", &demo.login("ada"));
    assert_eq!((status, &premium["role"]), (200, &json!("paid")));
    let (status, page) = demo.ask("/demo/plain", "");
    assert!(status == 200 && page.as_str().unwrap().starts_with("<!doctype html>"));
    assert_eq!(demo.ask("/demo/assets/none.js", "").0, 404);
    demo.end();
}
