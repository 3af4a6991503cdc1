//! The address of an issuer's key set.

use std::{fmt, str::FromStr};

use http::Uri;

use super::fault::{JWKS_URL_FORMAT, ValueError};

/// The URL at which the issuer of access tokens publishes its keys (RFC 7517). `http` is for an
/// issuer on the same machine or network: whoever can alter the answer can sign tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JwksUrl(String);

impl JwksUrl {
    /// The format, for error messages.
    pub const FORMAT: &str = JWKS_URL_FORMAT;

    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<JwksUrl> for String {
    fn from(url: JwksUrl) -> Self {
        url.0
    }
}

impl fmt::Display for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for JwksUrl {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_http = |uri: &Uri| {
            matches!(uri.scheme_str(), Some("https" | "http")) && uri.authority().is_some()
        };
        match text.parse::<Uri>() {
            Ok(uri) if is_http(&uri) => Ok(Self(text.to_owned())),
            _ => Err(ValueError::JwksUrl(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_has_an_http_address() {
        for (text, is_url) in [
            ("https://issuer.example.com/.well-known/jwks.json", true),
            ("http://127.0.0.1:9/keys?tenant=a", true),
            ("https://issuer.example.com", true),
            ("issuer.example.com/jwks.json", false),
            ("ftp://issuer.example.com/jwks.json", false),
            ("https://", false),
            ("issuer", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<JwksUrl>().is_ok(), is_url, "{text}");
        }
    }
}
