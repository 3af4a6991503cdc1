//! Origins, as browsers send them in the `Origin` header.

use std::{fmt, str::FromStr};

use http::{HeaderValue, Uri};

use super::fault::{ORIGIN_FORMAT, ValueError};

/// The origin of a page: `scheme://host[:port]` and nothing after it (RFC 6454, section 6.2).
///
/// It is compared byte for byte with the `Origin` header, so it must be written as browsers write it:
/// in lower case, and without the default port of its scheme.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(HeaderValue);

impl Origin {
    /// The format, for error messages.
    pub const FORMAT: &str = ORIGIN_FORMAT;

    /// The value of the `Origin` header.
    #[must_use]
    pub const fn as_header(&self) -> &HeaderValue {
        &self.0
    }

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // An origin is ASCII: `parse` accepts nothing else.
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Origin {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        parse(text).ok_or_else(|| ValueError::Origin(text.to_owned())).map(Self)
    }
}

fn parse(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    // The parser adds a path, and accepts any case, a user and a `*`.
    let is_bare = format!("{scheme}://{authority}") == text && !authority.contains(['@', '*']);
    let is_lower_case = !text.contains(|c: char| c.is_ascii_uppercase());
    let is_canonical = match uri.authority()?.port() {
        Some(port) => !is_default_port(scheme, port.as_str()),
        // Such as in `http://a.example:`.
        None => !authority.ends_with(':'),
    };
    (is_bare && is_lower_case && is_canonical).then(|| text.parse().ok())?
}

fn is_default_port(scheme: &str, port: &str) -> bool {
    matches!((scheme, port), ("http", "80") | ("https", "443"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for (text, is_origin) in [
            ("https://app.example.com", true),
            ("http://127.0.0.1:8787", true),
            ("http://[::1]:8787", true),
            ("https://app.example.com:8443", true),
            ("http://localhost:443", true),
            // Of the web view of an application.
            ("capacitor://localhost", true),
            ("https://app.example.com/", false),
            ("https://app.example.com/path", false),
            ("https://app.example.com?a", false),
            ("https://app.example.com#a", false),
            ("https://App.example.com", false),
            ("HTTPS://app.example.com", false),
            ("https://user@app.example.com", false),
            ("https://app.example.com:443", false),
            ("http://app.example.com:80", false),
            ("http://app.example.com:", false),
            ("https://*.example.com", false),
            ("https://a.example,https://b.example", false),
            (" https://app.example.com", false),
            ("https://größe.example", false),
            ("https://", false),
            ("app.example.com", false),
            ("localhost:3000", false),
            ("*", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Origin>().is_ok(), is_origin, "{text}");
        }
        let origin: Origin = "https://app.example.com".parse().unwrap();
        assert_eq!(origin.as_str(), "https://app.example.com");
        let error = "*".parse::<Origin>().unwrap_err().to_string();
        assert!(error.starts_with("is \"*\"; allowed: scheme and host"), "{error}");
    }
}
