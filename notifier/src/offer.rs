//! What a client offers to open a socket, and whose page it is.
//!
//! The token travels as a second subprotocol, never in the URL, which ends up in logs. A browser
//! sends its page's origin, and only listed ones are let in; without an origin it is no browser.

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL},
};
use tierlift_core::{
    codes::Code,
    config::Origin,
    wire::{
        frame::{BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL},
        problem,
    },
};

/// Why a socket is refused before anybody looks at its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The page's origin is not listed.
    #[error("this origin is not in allowed_origins")]
    Origin,
    /// Our subprotocol is not among those offered.
    #[error("offer the subprotocols {SUBPROTOCOL} and {BEARER_SUBPROTOCOL_PREFIX}<token>")]
    Subprotocol,
}

impl Refused {
    /// The answer to whoever wanted to open it.
    #[must_use]
    pub fn answer(self) -> Response<String> {
        let (status, code) = match self {
            Self::Origin => (StatusCode::FORBIDDEN, Code::OriginRefused),
            Self::Subprotocol => (StatusCode::BAD_REQUEST, Code::SubprotocolRequired),
        };
        problem::response(status, code, &self.to_string())
    }
}

/// Origins whose pages may open sockets.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<HeaderValue>);

impl FromIterator<Origin> for Origins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self(origins.into_iter().map(|origin| origin.as_header().clone()).collect())
    }
}

impl Origins {
    /// Parses a list; the error is the first text that is no origin.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, S> {
        texts.into_iter().map(|text| text.as_ref().parse::<Origin>().map_err(|_| text)).collect()
    }

    /// The list.
    #[must_use]
    pub fn listed(&self) -> Vec<HeaderValue> {
        self.0.clone()
    }

    /// Refuses a page of another origin.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refused> {
        match headers.get(ORIGIN) {
            Some(origin) if !self.0.contains(origin) => Err(Refused::Origin),
            _ => Ok(()),
        }
    }
}

/// The token among the subprotocols, which may stand in several headers; empty where there is none.
pub fn offered_token(headers: &HeaderMap) -> Result<&str, Refused> {
    let offers = || {
        let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).map(str::trim)
    };
    if !offers().any(|offer| offer == SUBPROTOCOL) {
        return Err(Refused::Subprotocol);
    }
    Ok(offers().find_map(|offer| offer.strip_prefix(BEARER_SUBPROTOCOL_PREFIX)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_a_second_subprotocol() {
        for (values, token) in [
            (vec!["tierlift.v1, bearer.abc"], Some("abc")),
            (vec!["tierlift.v1", "bearer.abc"], Some("abc")),
            (vec!["bearer.abc,tierlift.v1"], Some("abc")),
            (vec!["tierlift.v1"], Some("")),
            (vec!["bearer.abc"], None),
            (vec!["tierlift.v2, bearer.abc"], None),
            (vec![], None),
        ] {
            let name = || SEC_WEBSOCKET_PROTOCOL;
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(name(), HeaderValue::from_static(value));
            }
            assert_eq!(offered_token(&headers).ok(), token, "{values:?}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused_and_what_is_no_page_is_not() {
        let origins = Origins::parse(["https://app.example.com"]).unwrap();
        let from = |origin: &'static str| {
            HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
        };
        assert_eq!(origins.check(&from("https://app.example.com")), Ok(()));
        assert_eq!(origins.check(&from("https://evil.example.com")), Err(Refused::Origin));
        assert_eq!(origins.check(&HeaderMap::new()), Ok(()));
        assert_eq!(Origins::parse(["https://a.example", "b"]).unwrap_err(), "b");
    }
}
