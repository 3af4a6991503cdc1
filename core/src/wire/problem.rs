//! Problem documents: the refusals of every HTTP route, as `application/problem+json` (RFC 9457).

use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;

use crate::codes::Code;

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'static str,
    status: u16,
    code: Code,
    detail: &'a str,
}

/// A refusal. The code is for programs and never changes, `detail` is for people, and `type` is the path of
/// the code's page.
#[must_use]
pub fn response(status: StatusCode, code: Code, detail: &str) -> Response<String> {
    let problem = Problem {
        r#type: &code.page_path(),
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

/// The refusal of a path without a route.
#[must_use]
pub fn route_not_found() -> Response<String> {
    response(StatusCode::NOT_FOUND, Code::RouteNotFound, "no such route")
}

/// The refusal of a method that a route does not have.
#[must_use]
pub fn method_not_allowed() -> Response<String> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    response(status, Code::MethodNotAllowed, "this route does not have this method")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_the_documented_members() {
        let response = response(StatusCode::UNAUTHORIZED, Code::TokenStale, "refresh \"it\"");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            response.body(),
            r#"{"type":"/codes/token.stale","title":"Unauthorized","status":401,"code":"token.stale","detail":"refresh \"it\""}"#
        );
    }
}
