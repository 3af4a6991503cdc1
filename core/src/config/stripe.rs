//! How Stripe's API is asked. Its key is in no file.

use std::str::FromStr;

use super::{
    fault::{API_BASE_FORMAT, ValueError},
    jwks_url::{is_safe, without_credentials},
    words,
};
use crate::limits::STRIPE_SHARE_PERCENT_DEFAULT;

/// What `[stripe]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeConfig {
    /// The address of the API.
    pub api_base: ApiBase,
    /// The part of Stripe's rate limits to use, in percent.
    pub share_percent: u32,
    /// Whether a server reconciles by itself.
    pub reconcile: Reconcile,
    /// When a server asks about one customer.
    pub fetch: Fetch,
}

impl Default for StripeConfig {
    fn default() -> Self {
        Self {
            api_base: ApiBase::default(),
            share_percent: STRIPE_SHARE_PERCENT_DEFAULT,
            reconcile: Reconcile::Daily,
            fetch: Fetch::WhenNeeded,
        }
    }
}

/// Scheme and host of Stripe's API, or of a stand-in on this machine. Whoever can alter the answers can grant
/// roles, so it is `https` elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiBase(String);

impl ApiBase {
    /// The format, for error messages.
    pub const FORMAT: &str = API_BASE_FORMAT;
    /// Stripe's.
    pub const DEFAULT: &str = "https://api.stripe.com";

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ApiBase {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl FromStr for ApiBase {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let is_base = |uri: &http::Uri| {
            is_safe(uri) && uri.path() == "/" && uri.query().is_none() && !text.contains('@')
        };
        match text.parse::<http::Uri>() {
            Ok(uri) if is_base(&uri) => Ok(Self(text.trim_end_matches('/').to_owned())),
            _ => Err(ValueError::ApiBase(without_credentials(text))),
        }
    }
}

words! {
    /// Whether a server with a key reconciles by itself.
    Reconcile, "\"daily\" or \"never\"", [
        /// Once a day, and at the first start.
        Daily = "daily",
        /// Only when somebody runs the command.
        Never = "never",
    ]
}

words! {
    /// When a server with a key asks about one customer.
    Fetch, "\"when_needed\", \"always\" or \"never\"", [
        /// When the events leave something open.
        WhenNeeded = "when_needed",
        /// After every event of a subscription.
        Always = "always",
        /// Never.
        Never = "never",
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_has_an_https_address_or_is_on_this_machine() {
        for (text, is_base) in [
            ("https://api.stripe.com", true),
            ("https://api.stripe.com/", true),
            ("http://127.0.0.1:8420", true),
            ("http://localhost:8420", true),
            ("http://api.stripe.com", false),
            ("https://api.stripe.com/v1", false),
            ("https://api.stripe.com?a=b", false),
            ("https://ada:pass@api.stripe.com", false),
            ("api.stripe.com", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<ApiBase>().is_ok(), is_base, "{text}");
        }
        assert_eq!(ApiBase::DEFAULT.parse(), Ok(ApiBase::default()));
        let error = "https://ada:pass@api.stripe.com".parse::<ApiBase>().unwrap_err().to_string();
        assert!(!error.contains("pass"), "{error}");
    }
}
