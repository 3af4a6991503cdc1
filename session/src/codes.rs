//! `GET /codes/{code}`: the page of a code, as Markdown. It is what the `type` of a problem document
//! points to, so it needs no token, no store and no secret.

use axum::{
    Router,
    extract::{Path, rejection::PathRejection},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tierlift_core::{
    codes::{Code, PAGES_PATH},
    wire::problem,
};

/// The route.
pub fn router() -> Router {
    Router::new().route(&format!("{PAGES_PATH}{{code}}"), get(page))
}

async fn page(code: Result<Path<String>, PathRejection>) -> Response {
    match code.ok().and_then(|Path(code)| Code::parse(&code)) {
        Some(code) => {
            ([(CONTENT_TYPE, "text/markdown; charset=utf-8")], code.page()).into_response()
        }
        None => problem::response(StatusCode::NOT_FOUND, Code::RouteNotFound, "no such code")
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn every_code_has_its_page_and_nothing_else_has_one() {
        let paths = Code::ALL.iter().map(|code| (code.page_path(), 200, code.page()));
        let unknown = ["/codes/token.unknown", "/codes/%ff"].map(|path| (path.to_owned(), 404, ""));
        for (path, status, page) in paths.chain(unknown) {
            let request = Request::get(&path).body(Body::empty()).unwrap();
            let response = router().oneshot(request).await.unwrap();
            let (head, body) = response.into_parts();
            assert_eq!(head.status, status, "{path}");
            let body = to_bytes(body, usize::MAX).await.unwrap();
            if status == 200 {
                assert_eq!(
                    (&head.headers[CONTENT_TYPE], &body[..]),
                    (&"text/markdown; charset=utf-8".parse().unwrap(), page.as_bytes())
                );
            } else {
                let problem = String::from_utf8(body.to_vec()).unwrap();
                assert!(problem.contains(r#""code":"route.not_found""#), "{problem}");
            }
        }
    }
}
