//! The rules of configuration: which values each key allows, and how a value that it does not is
//! reported.
//!
//! A file and an environment name the same settings differently, so a [`Fault`] carries the path of
//! its [`Key`] and nothing about a place. Whoever reads the configuration adds file, line and column,
//! or the name of the variable.

mod cookie;
mod fault;
mod jwks_url;
mod origin;
mod stripe;
mod webhook_url;
mod words;

use crate::limits::{GRACE_DAYS_MAX, SESSION_DAYS_MAX, STALE_OK_SECS_MAX};

pub use cookie::CookieName;
pub use fault::{Fault, Faults, Key, ValueError};
pub use jwks_url::JwksUrl;
pub use origin::Origin;
pub use stripe::{ApiBase, Fetch, Reconcile, StripeConfig};
pub use webhook_url::WebhookUrl;
pub(crate) use words::words;

/// Parses `true` or `false`, as `livemode` is written in an environment.
pub fn parse_livemode(text: &str) -> Result<bool, ValueError> {
    let error = || ValueError::Word { value: text.to_owned(), allowed: "true or false" };
    text.parse().map_err(|_| error())
}

/// Parses `session_max_age_days`: a decimal number of days within the limit.
pub fn parse_session_max_age_days(text: &str) -> Result<u32, ValueError> {
    let days = text.parse().ok().filter(|days| (1..=SESSION_DAYS_MAX).contains(days));
    days.ok_or_else(|| ValueError::SessionDays(text.to_owned()))
}

/// Parses `stale_ok_seconds`: a decimal number of seconds within the limit.
pub fn parse_stale_ok_seconds(text: &str) -> Result<u32, ValueError> {
    let secs = text.parse().ok().filter(|secs| *secs <= STALE_OK_SECS_MAX);
    secs.ok_or_else(|| ValueError::StaleOkSeconds(text.to_owned()))
}

/// Parses `grace_days`: a decimal number of days within the limit.
pub fn parse_grace_days(text: &str) -> Result<u32, ValueError> {
    let days = text.parse().ok().filter(|days| *days <= GRACE_DAYS_MAX);
    days.ok_or_else(|| ValueError::GraceDays(text.to_owned()))
}

/// Parses `share_percent`: a decimal number from 1 to 100.
pub fn parse_share_percent(text: &str) -> Result<u32, ValueError> {
    let percent = text.parse().ok().filter(|percent| (1..=100).contains(percent));
    percent.ok_or_else(|| ValueError::SharePercent(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_parsed_within_their_limits() {
        for (text, days) in [("0", Some(0)), ("90", Some(90)), ("91", None), ("-1", None)] {
            assert_eq!(parse_grace_days(text).ok(), days, "{text}");
        }
        for (text, days) in [("1", Some(1)), ("366", Some(366)), ("0", None), ("367", None)] {
            assert_eq!(parse_session_max_age_days(text).ok(), days, "{text}");
        }
        for (text, secs) in [("0", Some(0)), ("86400", Some(86_400)), ("86401", None), ("1m", None)]
        {
            assert_eq!(parse_stale_ok_seconds(text).ok(), secs, "{text}");
        }
        for (text, share) in [("1", Some(1)), ("100", Some(100)), ("0", None), ("101", None)] {
            assert_eq!(parse_share_percent(text).ok(), share, "{text}");
        }
        for (text, flag) in [("true", Some(true)), ("false", Some(false)), ("yes", None)] {
            assert_eq!(parse_livemode(text).ok(), flag, "{text}");
        }
        let error = parse_livemode("yes").unwrap_err().at(Key::Livemode).to_string();
        assert_eq!(error, "livemode is \"yes\"; allowed: true or false");
    }
}
