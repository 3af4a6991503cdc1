//! How every HTTP route says no: `application/problem+json` (RFC 9457) with a stable code.

use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
}

/// The answer for a refusal. `code` is for programs and never changes, `detail` is for people.
#[must_use]
pub fn response(status: StatusCode, code: &str, detail: &str) -> Response<String> {
    let problem = Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        code,
        detail,
    };
    // Strings and a number always have a JSON text.
    let mut response = Response::new(serde_json::to_string(&problem).unwrap_or_default());
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

/// The refusal of a path that nobody serves.
#[must_use]
pub fn no_route() -> Response<String> {
    response(StatusCode::NOT_FOUND, "not_found", "no such route")
}

/// The refusal of a method that a route does not have.
#[must_use]
pub fn other_method() -> Response<String> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    response(status, "method_not_allowed", "this route has other methods")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_documented_members() {
        let response = response(StatusCode::UNAUTHORIZED, "token_stale", "refresh \"it\"");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            response.body(),
            r#"{"type":"about:blank","title":"Unauthorized","status":401,"code":"token_stale","detail":"refresh \"it\""}"#
        );
    }
}
