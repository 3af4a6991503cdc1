//! The address of the host's webhooks.

use std::{fmt, str::FromStr};

use http::Uri;

use super::{
    fault::{ValueError, WEBHOOK_URL_FORMAT},
    jwks_url::{is_safe, without_credentials},
};

/// The URL at which the host takes webhooks: `https`, or `http` on the same machine. Shown without a password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// The format, for error messages.
    pub const FORMAT: &str = WEBHOOK_URL_FORMAT;

    /// The URL as text, with the password, if it has one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_credentials(&self.0))
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

impl FromStr for WebhookUrl {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text.parse::<Uri>() {
            Ok(uri) if is_safe(&uri) => Ok(Self(text.to_owned())),
            _ => Err(ValueError::WebhookUrl(without_credentials(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_go_over_tls_or_stay_on_this_machine() {
        for (text, is_url) in [
            ("https://app.example.com/hooks?tenant=a", true),
            ("http://127.0.0.1:3000/hooks", true),
            ("http://app.example.com/hooks", false),
            ("app.example.com/hooks", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<WebhookUrl>().is_ok(), is_url, "{text}");
        }
        let url: WebhookUrl = "https://ada:pass@app.example.com/hooks".parse().unwrap();
        assert_eq!(format!("{url:?}"), "WebhookUrl(https://…@app.example.com/hooks)");
    }
}
