//! The address of an issuer's key set.

use std::{fmt, net::IpAddr, str::FromStr};

use http::Uri;

use super::fault::{JWKS_URL_FORMAT, ValueError};

/// The URL at which the issuer of access tokens publishes its keys (RFC 7517). Whoever can alter the answer
/// can sign tokens, so it is `https`; `http` is for an issuer on the same machine. Shown without a password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JwksUrl(String);

impl JwksUrl {
    /// The format, for error messages.
    pub const FORMAT: &str = JWKS_URL_FORMAT;

    /// The URL as text, with the password, if it has one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_credentials(&self.0))
    }
}

impl fmt::Debug for JwksUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JwksUrl({self})")
    }
}

impl FromStr for JwksUrl {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse::<Uri>() {
            Ok(uri) if is_safe(&uri) => Ok(Self(text.to_owned())),
            _ => Err(ValueError::JwksUrl(without_credentials(text))),
        }
    }
}

pub(super) fn is_safe(uri: &Uri) -> bool {
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A URL without what stands in front of its host: a user and a password.
pub(super) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => format!("…@{host}{path}"),
        Some((_, host)) => format!("{scheme}://…@{host}{path}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_has_an_https_address_or_is_on_this_machine() {
        for (text, is_url) in [
            ("https://issuer.example.com/.well-known/jwks.json", true),
            ("https://issuer.example.com", true),
            ("https://10.0.0.7:8443/keys", true),
            ("http://127.0.0.1:9/keys?tenant=a", true),
            ("http://[::1]:9/keys", true),
            ("http://localhost:9/keys", true),
            ("http://issuer.example.com/jwks.json", false),
            ("http://10.0.0.7/keys", false),
            ("http://localhost.example.com/keys", false),
            ("http://127.0.0.1@issuer.example.com/keys", false),
            ("issuer.example.com/jwks.json", false),
            ("ftp://issuer.example.com/jwks.json", false),
            ("https://", false),
            ("issuer", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<JwksUrl>().is_ok(), is_url, "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_never_shown() {
        let url: JwksUrl = "https://ada:pass@issuer.example.com/keys?a=b@c".parse().unwrap();
        assert_eq!(url.to_string(), "https://…@issuer.example.com/keys?a=b@c");
        assert_eq!(format!("{url:?}"), "JwksUrl(https://…@issuer.example.com/keys?a=b@c)");
        assert_eq!(url.as_str(), "https://ada:pass@issuer.example.com/keys?a=b@c");
        for text in ["http://ada:pass@issuer.example.com/keys", "ada:pass@issuer.example.com"] {
            let error = text.parse::<JwksUrl>().unwrap_err().to_string();
            assert!(error.contains("…@issuer.example.com") && !error.contains("pass"), "{error}");
        }
    }
}
