use axum::http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::lambda::events;

fn read(json: &str) -> Result<SocketEvent, String> {
    let event: Event = serde_json::from_str(json).map_err(|error| error.to_string())?;
    event.into_socket_event().map_err(|error| error.to_string())
}

#[test]
fn a_connect_brings_its_headers() {
    for event in events::read(include_str!("events/socket_connect.json")) {
        let SocketEvent { socket, kind } = read(&event).unwrap();
        assert_eq!(socket.as_str(), "L0SM9cOFvHcCIhw=");
        let SocketEventKind::Connect(headers) = kind else { panic!("{kind:?}") };
        assert_eq!(headers["origin"], "https://app.example.com");
        assert_eq!(headers["sec-websocket-protocol"], "tierlift.v1, bearer.aaaa.bbbb.cccc");
        let ways: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        assert_eq!(ways, ["203.0.113.7", "10.0.0.1"]);
        // A page may set it, and a browser sends it as it is.
        assert_eq!(headers["cookie"].as_bytes(), "name=Jürgen".as_bytes());
    }
}

#[test]
fn either_map_of_headers_is_enough() {
    let mut event: Value =
        serde_json::from_str(include_str!("events/socket_connect.json")).unwrap();
    for (multi, ways) in
        [(Value::Null, 1), (json!({}), 1), (json!({ "X-Forwarded-For": ["a", "b"] }), 2)]
    {
        event["multiValueHeaders"] = multi;
        let SocketEventKind::Connect(headers) = read(&event.to_string()).unwrap().kind else {
            panic!()
        };
        assert_eq!(headers.get_all("x-forwarded-for").iter().count(), ways);
    }
    event["headers"] = json!({ "no name": "a", "x-broken": "a\r\nb: c", "Origin": "https://a.b" });
    event["multiValueHeaders"] = Value::Null;
    let SocketEventKind::Connect(headers) = read(&event.to_string()).unwrap().kind else {
        panic!()
    };
    assert_eq!(headers.len(), 1);
    event["headers"] = Value::Null;
    assert_eq!(read(&event.to_string()).unwrap().kind, SocketEventKind::Connect(HeaderMap::new()));
}

#[test]
fn a_message_is_text_or_bytes() {
    let json = include_str!("events/socket_message.json");
    for event in events::read(json) {
        let SocketEvent { socket, kind } = read(&event).unwrap();
        assert_eq!(socket.as_str(), "L0SM9cOFvHcCIhw=");
        assert_eq!(kind, SocketEventKind::Text(r#"{"action":"sync","revocationId":1}"#.to_owned()));
    }
    let mut event: Value = serde_json::from_str(json).unwrap();
    event["isBase64Encoded"] = true.into();
    assert_eq!(read(&event.to_string()).unwrap().kind, SocketEventKind::Binary);
    event["isBase64Encoded"] = Value::Null;
    event["body"] = Value::Null;
    assert_eq!(read(&event.to_string()).unwrap().kind, SocketEventKind::Text(String::new()));
}

#[test]
fn a_disconnect_needs_no_further_fields() {
    for event in events::read(include_str!("events/socket_disconnect.json")) {
        assert_eq!(read(&event).unwrap().kind, SocketEventKind::Disconnect);
    }
    let bare = json!({ "requestContext": { "eventType": "DISCONNECT", "connectionId": "a" } });
    let closed = SocketEvent { socket: ConnectionId::new("a"), kind: SocketEventKind::Disconnect };
    assert_eq!(read(&bare.to_string()), Ok(closed));
}

#[test]
fn what_is_no_event_of_a_socket_is_refused_with_the_reason() {
    for (context, message) in [
        (json!({ "eventType": "MESSAGE" }), "an event without a connection id"),
        (json!({ "connectionId": "a" }), "an event of an unknown type: None"),
        (json!({ "connectionId": "a", "eventType": "SHOUT" }), "unknown type: Some(\"SHOUT\")"),
    ] {
        let error = read(&json!({ "requestContext": context }).to_string()).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    let error = read(include_str!("events/schedule.json")).unwrap_err();
    assert!(error.contains("missing field `requestContext`"), "{error}");
}

#[test]
fn a_response_is_a_handshake_or_a_frame_or_nothing() {
    let json = |response| serde_json::to_value(gateway_response(response)).unwrap();
    let opened = Response::builder().header("sec-websocket-protocol", "tierlift.v1");
    let opened = json(opened.body(String::new()).unwrap());
    assert_eq!(opened["statusCode"], 200);
    assert_eq!(opened["headers"], json!({ "Sec-WebSocket-Protocol": "tierlift.v1" }));
    assert_eq!(opened["body"], Value::Null);
    let mut refused = Response::new("reason".to_owned());
    *refused.status_mut() = StatusCode::UNAUTHORIZED;
    let refused = json(refused);
    assert_eq!((&refused["statusCode"], &refused["body"]), (&json!(401), &json!("reason")));
    assert_eq!(refused["isBase64Encoded"], false);
}
