//! The trace of a request. API Gateway gives every request one (`X-Amzn-Trace-Id`), and a sender may bring its own
//! (`traceparent`), which counts. tierlift carries it through queue and stream in the form of the W3C.

use axum::http::{HeaderMap, HeaderValue};

/// W3C's header (<https://www.w3.org/TR/trace-context/#traceparent-header>).
const TRACEPARENT: &str = "traceparent";
/// API Gateway's and X-Ray's
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
const AMAZON: &str = "x-amzn-trace-id";

/// Gives a request without a `traceparent` that of Amazon's trace.
pub(super) fn adopt(headers: &mut HeaderMap) {
    if headers.contains_key(TRACEPARENT) {
        return;
    }
    let amazon = headers.get(AMAZON).and_then(|value| value.to_str().ok());
    let converted = amazon.and_then(traceparent).and_then(|text| HeaderValue::try_from(text).ok());
    headers
        .extend(converted.map(|value| (axum::http::HeaderName::from_static(TRACEPARENT), value)));
}

/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`; the last two may be missing.
fn traceparent(amazon: &str) -> Option<String> {
    let part = |name: &str| amazon.split(';').find_map(|part| part.trim().strip_prefix(name));
    let (epoch, random) = part("Root=1-")?.split_once('-')?;
    let trace = format!("{epoch}{random}");
    let trace = Some(trace).filter(|trace| is_hex(trace, 32))?;
    // A root without a parent has no span of its own; half of its id stands for one.
    let parent = part("Parent=").filter(|parent| is_hex(parent, 16)).or_else(|| trace.get(16..))?;
    let sampled = if part("Sampled=") == Some("1") { "01" } else { "00" };
    Some(format!("00-{trace}-{parent}-{sampled}"))
}

fn is_hex(text: &str, length: usize) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == length && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_senders_trace_or_amazons() {
        let full = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let w3c = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (amazon, sent, expected) in [
            (full, None, Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01")),
            (
                "Root=1-5759e988-bd862e3fe1be46a994272793",
                None,
                Some("00-5759e988bd862e3fe1be46a994272793-e1be46a994272793-00"),
            ),
            (full, Some(w3c), Some(w3c)),
            ("Root=2-5759e988-bd862e3fe1be46a994272793", None, None),
            ("Root=1-5759e988-bd862e3fe1be46a99427279G", None, None),
            ("Self=1-2;Lineage=a", None, None),
            ("", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AMAZON, HeaderValue::from_static(amazon));
            headers.extend(sent.map(|sent| {
                (axum::http::HeaderName::from_static(TRACEPARENT), HeaderValue::from_static(sent))
            }));
            adopt(&mut headers);
            let found = headers.get(TRACEPARENT).map(|value| value.to_str().unwrap());
            assert_eq!(found, expected, "{amazon}");
        }
    }
}
