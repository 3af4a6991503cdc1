//! The configuration file: parsed in full, and refused as a whole if anything in it is wrong.
//!
//! The rules of each value are core's. This maps TOML to them, and adds file, line and column to every
//! fault. All faults are reported at once. An unknown key is a fault: a misspelt `grace_days` must not
//! mean the default.

mod reader;

use std::fmt;

use tierlift_core::{
    config::{CookieName, Origin, StripeConfig, WebhookUrl},
    policy::PolicyConfig,
    token::TokenConfig,
};

/// The keys at the top level.
pub(crate) const ROOT_KEYS: &[&str] = &[
    "roles",
    "livemode",
    "user_id_keys",
    "connected_accounts",
    "allowed_origins",
    "jwks_url",
    "issuer",
    "audience",
    "account_claims",
    "session_max_age_days",
    "stale_ok_seconds",
    "authorize",
    "plans",
    "features",
    "policy",
    "purchases",
    "stripe",
    "webhooks_out",
];
/// The keys of `[authorize]`.
pub(crate) const AUTHORIZE_KEYS: &[&str] = &["cookie"];
/// The keys of a plan that is a table.
pub(crate) const PLAN_KEYS: &[&str] = &["role", "days"];
/// The keys of `[policy]`.
pub(crate) const POLICY_KEYS: &[&str] = &[
    "past_due",
    "grace_days",
    "unmapped_price",
    "ignore_prices",
    "pause_collection",
    "refund",
    "dispute",
];
/// The keys of `policy.pause_collection` when it is a table: the behaviors, as Stripe names them.
pub(crate) const PAUSE_COLLECTION_KEYS: &[&str] = &["keep_as_draft", "mark_uncollectible", "void"];
/// The keys of `[purchases]`.
pub(crate) const PURCHASES_KEYS: &[&str] = &["refund", "dispute", "stack"];

/// The keys of `[stripe]`.
pub(crate) const STRIPE_KEYS: &[&str] = &["api_base", "share_percent", "reconcile", "fetch"];

/// The keys of `[webhooks_out]`.
pub(crate) const WEBHOOKS_OUT_KEYS: &[&str] = &["url"];

/// The content of a configuration file. Whether it suffices for a server is another question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// Roles, plans, and what events mean for access.
    pub(crate) policy: PolicyConfig,
    /// Origins whose pages may use the session routes and sockets.
    pub(crate) allowed_origins: Vec<Origin>,
    /// Access tokens: who issues them, and for whom.
    pub(crate) tokens: TokenConfig,
    /// The cookie in which a request's token is, where a proxy asks.
    pub(crate) authorize_cookie: Option<CookieName>,
    /// For how long a last-known role is answered while the store is unavailable, in seconds.
    pub(crate) stale_ok_seconds: u32,
    /// How Stripe's API is asked.
    pub(crate) stripe: StripeConfig,
    /// Where the host takes webhooks.
    pub(crate) webhooks_out: Option<WebhookUrl>,
}

/// One thing that is wrong, and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// Everything that is wrong with a file, in the order of the file. Never empty.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub(crate) struct Error(pub(crate) Vec<Fault>);

impl Config {
    /// Parses the text of a file; `file` is its name in faults.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Error> {
        reader::read(file, text)
    }
}

#[cfg(test)]
mod tests;
