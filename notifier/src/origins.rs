//! Origins whose pages may open sockets.
//!
//! A browser sends the origin of its page with every handshake, and only listed origins are accepted. A
//! client that sends none is no browser, and its token is enough.

use http::{HeaderMap, HeaderValue, header::ORIGIN};
use tierlift_core::config::Origin;

/// The allowed origins.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<HeaderValue>);

impl FromIterator<Origin> for Origins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self(origins.into_iter().map(|origin| origin.as_header().clone()).collect())
    }
}

impl Origins {
    /// Parses a list of origins. The error is the first text that is not one.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, S> {
        texts.into_iter().map(|text| text.as_ref().parse::<Origin>().map_err(|_| text)).collect()
    }

    /// The list.
    #[must_use]
    pub fn listed(&self) -> Vec<HeaderValue> {
        self.0.clone()
    }

    /// Whether a request comes from a page of an allowed origin, or from no page.
    #[must_use]
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        headers.get(ORIGIN).is_none_or(|origin| self.0.contains(origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_origin_is_refused_and_what_is_no_page_is_not() {
        let origins = Origins::parse(["https://app.example.com", "http://localhost:3000"]).unwrap();
        let from = |origin: &'static str| {
            HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
        };
        for (origin, is_allowed) in [
            ("https://app.example.com", true),
            ("http://localhost:3000", true),
            ("https://evil.example.com", false),
            ("https://app.example.com.evil.example", false),
            ("https://app.example.com:8443", false),
            ("http://app.example.com", false),
            // No browser writes it so.
            ("https://App.example.com", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.allow(&from(origin)), is_allowed, "{origin}");
        }
        assert!(origins.allow(&HeaderMap::new()));
        assert_eq!(Origins::parse(["https://a.example", "b"]).unwrap_err(), "b");
    }
}
