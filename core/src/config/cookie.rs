//! The name of a cookie.

use std::str::FromStr;

use super::fault::{COOKIE_NAME_FORMAT, ValueError};

/// The name of a cookie: a token (RFC 6265, section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(String);

impl CookieName {
    /// The format, for error messages.
    pub const FORMAT: &str = COOKIE_NAME_FORMAT;

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CookieName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_token) {
            return Err(ValueError::CookieName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_token() {
        for (text, is_name) in
            [("token", true), ("__Host-token", true), ("", false), ("a b", false), ("a=b", false)]
        {
            assert_eq!(text.parse::<CookieName>().is_ok(), is_name, "{text}");
        }
    }
}
