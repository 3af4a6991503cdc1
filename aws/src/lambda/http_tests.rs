use axum::http::{StatusCode, request::Parts};
use serde_json::{Value, json};

use super::*;
use crate::lambda::events;

/// What the routes see of a payload: method, address, headers, body.
async fn read(event: &str) -> (Parts, Vec<u8>) {
    let event: Event = serde_json::from_str(event).unwrap();
    let (head, body) = event.into_request().unwrap().into_parts();
    (head, to_bytes(body, usize::MAX).await.unwrap().to_vec())
}

fn json_of(event: &str) -> Value {
    serde_json::from_str(event).unwrap()
}

#[tokio::test]
async fn a_request_of_an_api_is_the_one_that_was_sent() {
    for event in events::read(include_str!("events/http.json")) {
        let (head, body) = read(&event).await;
        assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/webhooks/stripe"));
        assert_eq!(head.uri.query(), Some("source=a%20b&source=c"));
        assert_eq!(head.headers["cookie"], "consent=yes; theme=dark");
        assert_eq!(head.headers["stripe-signature"], "t=1795000000,v1=aaaa,v1=bbbb");
        assert_eq!(head.headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(body, r#"{"id":"evt_1","name":"Jürgen zahlt 5 €"}"#.as_bytes());
    }
}

#[tokio::test]
async fn a_body_in_base64_is_the_bytes_that_were_sent_and_a_stage_is_no_path() {
    for event in events::read(include_str!("events/http_base64.json")) {
        let (head, body) = read(&event).await;
        assert_eq!(head.uri.path(), "/webhooks/stripe");
        assert_eq!(head.headers.get("content-type"), None);
        assert_eq!(body, b"{\"id\":\"evt_1\",\"bytes\":\"\xff\0\"}");
    }
}

#[tokio::test]
async fn a_request_of_a_function_url_has_no_body_and_no_stage() {
    for event in events::read(include_str!("events/function_url.json")) {
        let (head, body) = read(&event).await;
        assert_eq!((head.method.as_str(), head.uri.path()), ("GET", "/session"));
        assert_eq!(head.headers["authorization"], "Bearer aaaa.bbbb.cccc");
        assert!(body.is_empty());
    }
}

#[tokio::test]
async fn only_a_whole_stage_is_taken_off() {
    for (stage, path, seen) in [
        ("live", "/live/session", "/session"),
        ("live", "/session", "/session"),
        ("live", "/lively/session", "/lively/session"),
        ("live", "/live", "/live"),
        ("$default", "/session/refresh", "/session/refresh"),
        ("", "/session", "/session"),
    ] {
        let mut event = json_of(include_str!("events/function_url.json"));
        event["requestContext"]["stage"] = stage.into();
        event["rawPath"] = path.into();
        assert_eq!(read(&event.to_string()).await.0.uri.path(), seen, "{stage} {path}");
    }
}

/// `GET /authorize?role=paid` without its query would let everybody in.
#[tokio::test]
async fn a_query_is_kept_and_what_may_not_stand_there_is_escaped() {
    for (query, address) in [
        (json!("role=paid&feature=a%26b"), "/authorize?role=paid&feature=a%26b"),
        (json!(""), "/authorize"),
        (json!(null), "/authorize"),
        (json!("role=paid x"), "/authorize?role=paid%20x"),
        (json!("role=<ü>\"#|^&feature=a"), "/authorize?role=%3C%C3%BC%3E%22%23|^&feature=a"),
        (json!("role=paid\u{0}\u{7f}"), "/authorize?role=paid%00%7F"),
    ] {
        let mut event = json_of(include_str!("events/function_url.json"));
        event["rawPath"] = "/authorize".into();
        event["rawQueryString"] = query;
        assert_eq!(read(&event.to_string()).await.0.uri, address);
    }
}

/// Whatever a stranger sends, the routes respond to it; a failed invocation would raise an alarm.
#[tokio::test]
async fn odd_requests_are_requests() {
    for (pointer, odd) in [
        ("/rawPath", json!("/with space/ü/%/\"")),
        ("/rawPath", json!("")),
        ("/rawPath", json!(null)),
        ("/rawQueryString", json!("a=b c&d=ü|^{}\"<>")),
        ("/queryStringParameters", json!(null)),
        ("/headers/host", json!("a b:c/d?e#f\u{7f}")),
        ("/headers/user-agent", json!("Jürgen 🎉")),
        ("/headers/x-forwarded-proto", json!("no proto")),
        ("/cookies", json!(["name=Jürgen\n"])),
        ("/headers", json!({ "no name": "" })),
        ("/headers", json!(null)),
        ("/requestContext/http/method", json!("POST")),
        ("/requestContext/stage", json!(null)),
        ("/body", json!(null)),
        ("/isBase64Encoded", json!(null)),
    ] {
        let mut event = json_of(include_str!("events/http.json"));
        *event.pointer_mut(pointer).unwrap() = odd.clone();
        let (head, _) = read(&event.to_string()).await;
        assert_eq!(head.method, "POST", "{pointer} {odd}");
    }
}

#[tokio::test]
async fn a_header_is_kept_byte_for_byte() {
    let mut event = json_of(include_str!("events/http.json"));
    event["headers"]["user-agent"] = "Jürgen 🎉".into();
    let (head, _) = read(&event.to_string()).await;
    assert_eq!(head.headers["user-agent"].as_bytes(), "Jürgen 🎉".as_bytes());
}

#[test]
fn what_is_no_request_is_refused_with_the_reason() {
    let error = serde_json::from_str::<Event>(include_str!("events/schedule.json")).unwrap_err();
    assert!(error.to_string().contains("missing field `requestContext`"), "{error}");
    for (pointer, odd) in [("/body", "no base64"), ("/requestContext/http/method", "NO METHOD")] {
        let mut event = json_of(include_str!("events/http_base64.json"));
        *event.pointer_mut(pointer).unwrap() = odd.into();
        let event: Event = serde_json::from_str(&event.to_string()).unwrap();
        assert!(event.into_request().is_err(), "{pointer}");
    }
}

#[tokio::test]
async fn a_response_is_a_status_headers_and_text() {
    let response = Response::builder()
        .status(StatusCode::UNAUTHORIZED)
        .header("content-type", "application/problem+json")
        .header("vary", "a")
        .header("vary", "b");
    let response =
        gateway_response(response.body(Body::from("{\"für\":5}")).unwrap()).await.unwrap();
    let expected = json!({
        "statusCode": 401,
        "headers": { "content-type": "application/problem+json", "vary": "a, b" },
        "body": "{\"für\":5}",
        "isBase64Encoded": false,
    });
    assert_eq!(serde_json::to_value(response).unwrap(), expected);
}
