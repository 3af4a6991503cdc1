//! `GET /authorize`: what a proxy asks before it passes a request on (nginx `auth_request`, Traefik
//! `forwardAuth`, Caddy `forward_auth`). 204 lets it pass, 401 and 403 do not.
//!
//! The account decides, as it is now. The role in the token does not count, so one that is stale is as
//! good as a fresh one: a browser that sends a cookie cannot refresh it in between.

use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, COOKIE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use tierlift_core::{
    codes::Code,
    config::CookieName,
    policy::Role,
    ports::Store,
    wire::{problem, session::Session},
};

use crate::{Access, Answer, bearer, last_known};

/// Why a proxy may not pass a request on.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The query is misspelt: taken for less than it asks, it would let everybody in.
    #[error("ask for role=…, feature=… or both, each once")]
    Query,
    /// The policy does not have the role.
    #[error("there is no role {0:?}; the roles are {1}")]
    RoleUnknown(String, String),
    /// The user lacks the feature.
    #[error("this needs the feature {0}")]
    FeatureRequired(String),
    /// The token is not valid, or the role too low.
    #[error(transparent)]
    Access(#[from] crate::Error),
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::Query => (StatusCode::BAD_REQUEST, Code::QueryInvalid),
            Self::RoleUnknown(..) => (StatusCode::BAD_REQUEST, Code::RoleUnknown),
            Self::FeatureRequired(_) => (StatusCode::FORBIDDEN, Code::FeatureRequired),
            Self::Access(error) => return error.to_response().into_response(),
        };
        problem::response(status, code, &self.to_string()).into_response()
    }
}

struct Authorize<S> {
    access: Arc<Access<S>>,
    cookie: Option<CookieName>,
}

/// The route. The token is a bearer token or, if there is none, in a cookie of that name.
pub fn router<S: Store + 'static>(access: Arc<Access<S>>, cookie: Option<CookieName>) -> Router {
    Router::new()
        .route("/authorize", get(authorize::<S>))
        .with_state(Arc::new(Authorize { access, cookie }))
}

async fn authorize<S: Store>(
    State(state): State<Arc<Authorize<S>>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let Query(query) = query.map_err(|_| Error::Query)?;
    let (role, feature) = asked(query)?;
    let role = role.map(|name| state.role(name)).transpose()?;
    let token = match (bearer(&headers), &state.cookie) {
        ("", Some(name)) => cookie(&headers, name.as_str()),
        (token, _) => token,
    };
    let Answer { session, as_of } = state.access.current(token, role.as_ref()).await?;
    if let Some(feature) = feature
        && !session.standing.features.contains(feature.as_str())
    {
        return Err(Error::FeatureRequired(feature));
    }
    let mut response = allowed(&session);
    last_known::mark(response.headers_mut(), as_of);
    Ok(response)
}

/// The role and the feature of a query.
fn asked(query: Vec<(String, String)>) -> Result<(Option<String>, Option<String>), Error> {
    let mut names = HashSet::new();
    let (mut role, mut feature) = (None, None);
    for (name, value) in query {
        let to = match name.as_str() {
            "role" => &mut role,
            "feature" => &mut feature,
            _ => return Err(Error::Query),
        };
        if value.is_empty() || !names.insert(name) {
            return Err(Error::Query);
        }
        *to = Some(value);
    }
    if names.is_empty() { Err(Error::Query) } else { Ok((role, feature)) }
}

impl<S> Authorize<S> {
    fn role(&self, name: String) -> Result<Role, Error> {
        let policy = self.access.policy.current();
        let roles = || policy.roles().map(Role::as_str).collect::<Vec<_>>().join(", ");
        policy.role(&name).cloned().ok_or_else(|| Error::RoleUnknown(name, roles()))
    }
}

/// The value of a cookie (RFC 6265, section 5.4); empty if it was not sent.
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(found, _)| found.trim() == name).map(|(_, value)| value.trim());
    named.next().unwrap_or_default()
}

/// Lets the request pass, and says whose it is.
fn allowed(session: &Session) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-tierlift-user", header(&session.user_id));
    headers.insert("x-tierlift-role", header(&session.role));
    if let Some(members) = &session.members {
        headers.insert("x-tierlift-account", header(members.account_id.as_str()));
    }
    headers.insert("x-tierlift-revocation-id", HeaderValue::from(session.revocation_id.0));
    response
}

/// A text as a header: what is not visible ASCII, and `%`, is percent-encoded.
fn header(text: &str) -> HeaderValue {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            value.push(byte.into());
        } else {
            let _ = write!(value, "%{byte:02X}");
        }
    }
    // Visible ASCII is a value.
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_asks_for_nothing_known_is_refused() {
        let parse = |text: &str| {
            let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
            asked(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parse("role=paid").unwrap(), (some("paid"), None));
        assert_eq!(parse("feature=x&role=paid").unwrap(), (some("paid"), some("x")));
        for text in ["", "rol=paid", "role=", "role=paid&role=free", "role=paid&more=1"] {
            assert!(matches!(parse(text), Err(Error::Query)), "{text}");
        }
    }

    #[test]
    fn one_cookie_of_many_is_read_by_its_name() {
        let headers =
            HeaderMap::from_iter([(COOKIE, "a=b; token=x.y.z;token2=q".parse().unwrap())]);
        for (name, value) in [("token", "x.y.z"), ("a", "b"), ("token2", "q"), ("oken", "")] {
            assert_eq!(cookie(&headers, name), value, "{name}");
        }
    }

    #[test]
    fn an_id_of_any_letters_fits_into_a_header() {
        for (text, value) in [("auth0|12@x", "auth0|12@x"), ("zoë 5%", "zo%C3%AB%205%25")] {
            assert_eq!(header(text), value);
        }
    }
}
