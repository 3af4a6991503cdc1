//! Origins whose pages may open sockets.
//!
//! A browser sends the origin of its page with every handshake, and only listed origins are accepted. A
//! client that sends none is no browser, and its token is enough.

use http::{HeaderMap, HeaderValue, Uri, header::ORIGIN};

use crate::HandshakeError;

/// The allowed origins.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Parses a list of origins. The error is the first text that is not one.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, S> {
        let origins = texts.into_iter().map(|text| origin(text.as_ref()).ok_or(text));
        origins.collect::<Result<_, _>>().map(Self)
    }

    /// The list.
    #[must_use]
    pub fn listed(&self) -> Vec<HeaderValue> {
        self.0.clone()
    }

    /// Refuses a page of any other origin.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), HandshakeError> {
        match headers.get(ORIGIN) {
            Some(origin) if !self.0.contains(origin) => Err(HandshakeError::OriginRefused),
            _ => Ok(()),
        }
    }
}

/// An origin as browsers write it: `scheme://host[:port]`, in lower case, with nothing behind it.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let exact = format!("{scheme}://{authority}") == text && !authority.as_str().contains('@');
    (exact && text == text.to_ascii_lowercase()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for (text, fits) in [
            ("https://app.example.com", true),
            ("http://127.0.0.1:8787", true),
            ("http://[::1]:8787", true),
            ("https://app.example.com/", false),
            ("https://app.example.com/path", false),
            ("https://App.example.com", false),
            ("https://user@app.example.com", false),
            ("app.example.com", false),
            ("*", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origin(text).is_some(), fits, "{text}");
        }
    }

    #[test]
    fn a_page_of_another_origin_is_refused_and_what_is_no_page_is_not() {
        let origins = Origins::parse(["https://app.example.com"]).unwrap();
        let from = |origin: &'static str| {
            HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))])
        };
        assert!(origins.check(&from("https://app.example.com")).is_ok());
        let refused = origins.check(&from("https://evil.example.com"));
        assert!(matches!(refused, Err(HandshakeError::OriginRefused)));
        assert!(origins.check(&HeaderMap::new()).is_ok());
        assert_eq!(Origins::parse(["https://a.example", "b"]).unwrap_err(), "b");
    }
}
