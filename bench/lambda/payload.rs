//! Events in the shapes that AWS gives to a function, as its documentation shows them:
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-services.html>.
//!
//! Webhooks are signed when they are built, since a signature is good for minutes.

use anyhow::Result;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value, json};

use tierlift_bench::{
    clock,
    event::{Event, Signer},
    id,
};

/// Name and text of the secrets.
pub(crate) const WEBHOOK_SECRET: (&str, &str) = (
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:tierlift/webhook-AbCdEf",
    "whsec_bench5cK0qYtV7nXz3LwR8aHd",
);
pub(crate) const JWT_SECRET: (&str, &str) = (
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:tierlift/jwt-GhIjKl",
    "bench-only-secret-of-no-worth-at-all-0123456789",
);
pub(crate) const ORIGIN: &str = "https://app.example.com";

const TOKEN_TTL_SECS: u64 = 3600;
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";
const CONNECTION: &str = "L0SM9cOFvHcCIhw=";

/// `POST /webhooks/stripe` of an HTTP API: the first event of a user of its own, an upgrade.
pub(crate) fn webhook(index: usize) -> Result<Value> {
    let now = clock::now_secs();
    let mut body = Vec::new();
    Event { index, user: index, turn: 0, started_secs: now }.write_body(&mut body);
    let signature = Signer::new(WEBHOOK_SECRET.1)?.header(now, &body);
    let headers = json!({
        "accept": "*/*; q=0.5, application/xml",
        "cache-control": "no-cache",
        "content-length": body.len().to_string(),
        "content-type": "application/json; charset=utf-8",
        "stripe-signature": signature,
        "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    });
    Ok(http_api("POST", "/webhooks/stripe", &headers, &String::from_utf8(body)?))
}

/// `GET /session` of an HTTP API.
pub(crate) fn session(index: usize) -> Result<Value> {
    let headers = json!({"authorization": format!("Bearer {}", token(index)?), "origin": ORIGIN});
    Ok(http_api("GET", "/session", &headers, ""))
}

fn http_api(method: &str, path: &str, headers: &Value, body: &str) -> Value {
    let all = json!({
        "host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "x-forwarded-for": "3.18.12.63",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    let route = format!("{method} {path}");
    let event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": with(all, headers),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1",
                     "sourceIp": "3.18.12.63", "userAgent": "Stripe/1.0"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "$default",
            "time": "22/Nov/2026:12:00:00 +0000",
            "timeEpoch": clock::now_secs() * 1_000,
        },
        "isBase64Encoded": false,
    });
    if body.is_empty() { event } else { with(event, &json!({"body": body})) }
}

/// One object with all of another's members.
fn with(mut object: Value, more: &Value) -> Value {
    if let (Some(object), Some(more)) = (object.as_object_mut(), more.as_object()) {
        object.extend(more.clone());
    }
    object
}

/// A batch of one message, as the FIFO queue hands out what was sent to it.
pub(crate) fn queue(message: &Value) -> Value {
    let sent_at = (clock::now_secs() * 1_000).to_string();
    let given = message.get("MessageAttributes").and_then(Value::as_object);
    let attributes: Map<_, _> =
        given.into_iter().flatten().map(|(name, value)| (name.clone(), attribute(value))).collect();
    json!({"Records": [{
        "messageId": "5fea7756-0ea4-451a-a703-a558b933e274",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": message["MessageBody"],
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": sent_at,
            "SequenceNumber": "18849496460467696128",
            "MessageGroupId": message["MessageGroupId"],
            "SenderId": "AROAIIENQ",
            "MessageDeduplicationId": message["MessageDeduplicationId"],
            "ApproximateFirstReceiveTimestamp": sent_at,
        },
        "messageAttributes": attributes,
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:tierlift.fifo"),
        "awsRegion": REGION,
    }]})
}

fn attribute(given: &Value) -> Value {
    json!({"stringValue": given["StringValue"], "stringListValues": [], "binaryListValues": [],
           "dataType": given["DataType"]})
}

/// One record of the table's stream: an account whose role a commit changed.
pub(crate) fn stream(item: &Value) -> Value {
    json!({"Records": [{
        "eventID": "c81e728d9d4c2f636f067f89cc14862c",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": clock::now_secs(),
            "Keys": {"pk": item["pk"]},
            "NewImage": item,
            "SequenceNumber": "4421584500000000017450439091",
            "SizeBytes": 512,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": format!(
            "arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/tierlift/stream/2026-11-22T00:00:00.000"
        ),
    }]})
}

/// A browser opens its socket.
pub(crate) fn connect(index: usize) -> Result<Value> {
    let headers = json!({
        "Host": "w1x2y3z4a5.execute-api.us-east-1.amazonaws.com",
        "Origin": ORIGIN,
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": format!("tierlift.v1, bearer.{}", token(index)?),
        "Sec-WebSocket-Version": "13",
        "X-Forwarded-For": "203.0.113.7",
    });
    let several: Map<_, _> = headers
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    let more = json!({"headers": headers, "multiValueHeaders": several});
    Ok(with(socket("$connect", "CONNECT"), &more))
}

/// A browser sends a frame of that action.
pub(crate) fn frame(action: &str, text: &str) -> Value {
    with(socket(action, "MESSAGE"), &json!({"body": text}))
}

fn socket(route: &str, kind: &str) -> Value {
    let now = clock::now_secs() * 1_000;
    json!({
        "requestContext": {
            "routeKey": route,
            "eventType": kind,
            "extendedRequestId": "L0SM9EXAMPLE=",
            "requestTime": "22/Nov/2026:12:00:00 +0000",
            "messageDirection": "IN",
            "stage": "prod",
            "connectedAt": now,
            "requestTimeEpoch": now,
            "identity": {"userAgent": "Mozilla/5.0", "sourceIp": "203.0.113.7"},
            "requestId": "L0SM9EXAMPLE=",
            "domainName": "w1x2y3z4a5.execute-api.us-east-1.amazonaws.com",
            "messageId": "L0SNAcOFvHcCJ5w=",
            "connectionId": CONNECTION,
            "apiId": "w1x2y3z4a5",
        },
        "isBase64Encoded": false,
    })
}

/// The minute is over.
pub(crate) fn schedule() -> Value {
    json!({
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": "2026-11-22T12:00:00Z",
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/tierlift-expiry")],
        "detail": {},
    })
}

fn token(index: usize) -> Result<String> {
    let claims = json!({"sub": id::user(index), "exp": clock::now_secs() + TOKEN_TTL_SECS});
    let key = EncodingKey::from_secret(JWT_SECRET.1.as_bytes());
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &key)?)
}
