//! The faults of a configuration: the key, what is wrong with its value, and what is allowed instead.
//! It finds none: the types that are configured do.

use std::fmt;

use crate::{
    limits::{
        ACCOUNT_CLAIMS_MAX, FEATURE_NAME_BYTES_MAX, FEATURES_MAX, GRACE_DAYS_MAX,
        METADATA_KEY_BYTES_MAX, PLAN_DAYS_MAX, ROLE_NAME_BYTES_MAX, ROLES_MAX, SESSION_DAYS_MAX,
        STALE_OK_SECS_MAX,
    },
    policy::role::OPERATOR,
};

/// The format of an origin, for error messages.
pub(super) const ORIGIN_FORMAT: &str = "scheme and host in lower case, with a port only where it \
                                        is not the default, and nothing after it, such as \
                                        \"https://app.example.com\" or \"http://127.0.0.1:8787\"";
/// The format of a key set's address, for error messages.
pub(super) const JWKS_URL_FORMAT: &str = "the https address of a key set, such as \
     \"https://issuer.example.com/.well-known/jwks.json\"; http only on this machine";
/// The format of the address of Stripe's API, for error messages.
pub(super) const API_BASE_FORMAT: &str = "https and a host, such as \"https://api.stripe.com\", with \
                                          nothing after it; http only on this machine";

/// The format of the address of the host's webhooks, for error messages.
pub(super) const WEBHOOK_URL_FORMAT: &str = "the https address at which the host takes webhooks, such as \
     \"https://app.example.com/webhooks/tierlift\"; http only on this machine";

/// The format of a cookie's name, for error messages.
pub(super) const COOKIE_NAME_FORMAT: &str = "the name of a cookie, such as \"__Host-token\"";

/// The path of a configuration key, or of one element under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// `roles`
    Roles,
    /// `roles[i]`
    Role(usize),
    /// `livemode`
    Livemode,
    /// `allowed_origins`
    AllowedOrigins,
    /// `allowed_origins[i]`
    AllowedOrigin(usize),
    /// `jwks_url`
    JwksUrl,
    /// `issuer`
    Issuers,
    /// `issuer[i]`
    Issuer(usize),
    /// `audience`
    Audiences,
    /// `audience[i]`
    Audience(usize),
    /// `account_claims`
    AccountClaims,
    /// `session_max_age_days`
    SessionMaxAgeDays,
    /// `stale_ok_seconds`
    StaleOkSeconds,
    /// `authorize`
    Authorize,
    /// `authorize.cookie`
    AuthorizeCookie,
    /// `plans`
    Plans,
    /// `plans.NAME`
    Plan(String),
    /// `features`
    AllFeatures,
    /// `features.ROLE`
    Features(String),
    /// `user_id_keys`
    UserIdKeys,
    /// `user_id_keys[i]`
    UserIdKey(usize),
    /// `connected_accounts`
    ConnectedAccounts,
    /// `connected_accounts[i]`
    ConnectedAccount(usize),
    /// `policy`
    Policy,
    /// `policy.past_due`
    PastDue,
    /// `policy.grace_days`
    GraceDays,
    /// `policy.unmapped_price`
    UnmappedPrice,
    /// `policy.ignore_prices`
    IgnorePrices,
    /// `policy.pause_collection`
    PauseCollection,
    /// `policy.refund`
    Refund,
    /// `policy.dispute`
    Dispute,
    /// `purchases`
    Purchases,
    /// `purchases.refund`
    PurchaseRefund,
    /// `purchases.dispute`
    PurchaseDispute,
    /// `purchases.stack`
    Stack,
    /// `stripe`
    Stripe,
    /// `stripe.api_base`
    ApiBase,
    /// `stripe.share_percent`
    SharePercent,
    /// `stripe.reconcile`
    Reconcile,
    /// `stripe.fetch`
    Fetch,
    /// `webhooks_out`
    WebhooksOut,
    /// `webhooks_out.url`
    WebhooksOutUrl,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roles => f.write_str("roles"),
            Self::Role(index) => write!(f, "roles[{index}]"),
            Self::Livemode => f.write_str("livemode"),
            Self::AllowedOrigins => f.write_str("allowed_origins"),
            Self::AllowedOrigin(index) => write!(f, "allowed_origins[{index}]"),
            Self::JwksUrl => f.write_str("jwks_url"),
            Self::Issuers => f.write_str("issuer"),
            Self::Issuer(index) => write!(f, "issuer[{index}]"),
            Self::Audiences => f.write_str("audience"),
            Self::Audience(index) => write!(f, "audience[{index}]"),
            Self::AccountClaims => f.write_str("account_claims"),
            Self::SessionMaxAgeDays => f.write_str("session_max_age_days"),
            Self::StaleOkSeconds => f.write_str("stale_ok_seconds"),
            Self::Authorize => f.write_str("authorize"),
            Self::AuthorizeCookie => f.write_str("authorize.cookie"),
            Self::Plans => f.write_str("plans"),
            Self::Plan(name) => write!(f, "plans.{name}"),
            Self::AllFeatures => f.write_str("features"),
            Self::Features(role) => write!(f, "features.{role}"),
            Self::UserIdKeys => f.write_str("user_id_keys"),
            Self::UserIdKey(index) => write!(f, "user_id_keys[{index}]"),
            Self::ConnectedAccounts => f.write_str("connected_accounts"),
            Self::ConnectedAccount(index) => write!(f, "connected_accounts[{index}]"),
            Self::Policy => f.write_str("policy"),
            Self::PastDue => f.write_str("policy.past_due"),
            Self::GraceDays => f.write_str("policy.grace_days"),
            Self::UnmappedPrice => f.write_str("policy.unmapped_price"),
            Self::IgnorePrices => f.write_str("policy.ignore_prices"),
            Self::PauseCollection => f.write_str("policy.pause_collection"),
            Self::Refund => f.write_str("policy.refund"),
            Self::Dispute => f.write_str("policy.dispute"),
            Self::Purchases => f.write_str("purchases"),
            Self::PurchaseRefund => f.write_str("purchases.refund"),
            Self::PurchaseDispute => f.write_str("purchases.dispute"),
            Self::Stack => f.write_str("purchases.stack"),
            Self::Stripe => f.write_str("stripe"),
            Self::ApiBase => f.write_str("stripe.api_base"),
            Self::SharePercent => f.write_str("stripe.share_percent"),
            Self::Reconcile => f.write_str("stripe.reconcile"),
            Self::Fetch => f.write_str("stripe.fetch"),
            Self::WebhooksOut => f.write_str("webhooks_out"),
            Self::WebhooksOutUrl => f.write_str("webhooks_out.url"),
        }
    }
}

/// A value that its key does not allow: what it is, and what is allowed instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// `roles` is empty or too long.
    #[error("has {0} names; allowed: 1 to {ROLES_MAX}, lowest first")]
    RoleCount(usize),
    /// A role is listed twice.
    #[error("is {0:?}, which is listed before; allowed: each name once")]
    RoleRepeated(String),
    /// A role has the reserved name.
    #[error(
        "is {OPERATOR:?}, which always exists, above all others, and is granted by hand; allowed: \
         any other name"
    )]
    RoleReserved,
    /// A role's name is empty or too long.
    #[error("is {0:?}; allowed: names of 1 to {ROLE_NAME_BYTES_MAX} bytes")]
    RoleLength(String),
    /// A plan earns a role that is not listed.
    #[error("is {role:?}, which is not one of roles; allowed: {}", .roles.join(", "))]
    PlanRole {
        /// The role that the plan names.
        role: String,
        /// The roles that exist.
        roles: Vec<String>,
    },
    /// A plan stands in the map twice.
    #[error("is mapped twice; allowed: each plan once")]
    PlanRepeated,
    /// The days of a plan are no number of days, or too many.
    #[error("has {0} days; allowed: a whole number of days from 1 to {PLAN_DAYS_MAX}")]
    PlanDays(String),
    /// Features are given to a role that is not listed.
    #[error("is not one of roles; allowed: {}", .0.join(", "))]
    FeatureRole(Vec<String>),
    /// The features of a role are listed twice.
    #[error("is listed twice; allowed: each role once")]
    FeatureRoleRepeated,
    /// A feature's name is empty or too long.
    #[error("has the feature {0:?}; allowed: names of 1 to {FEATURE_NAME_BYTES_MAX} bytes")]
    FeatureName(String),
    /// A role has too many features.
    #[error("has {0} features; allowed: at most {FEATURES_MAX}")]
    FeatureCount(usize),
    /// A metadata key is empty or longer than Stripe allows.
    #[error(
        "is {0:?}; allowed: names of 1 to {METADATA_KEY_BYTES_MAX} bytes, as Stripe's metadata has \
         them"
    )]
    MetadataKey(String),
    /// A connected account is no account's id.
    #[error("is {0:?}; allowed: the id of an account, acct_…")]
    ConnectedAccount(String),
    /// The grace is no number of days, or too many.
    #[error("is {0}; allowed: a whole number of days from 0 to {GRACE_DAYS_MAX}")]
    GraceDays(String),
    /// A word is none of those that the setting knows.
    #[error("is {value:?}; allowed: {allowed}")]
    Word {
        /// The word.
        value: String,
        /// The words that are known.
        allowed: &'static str,
    },
    /// An origin is not written as browsers write it.
    #[error("is {0:?}; allowed: {allowed}", allowed = ORIGIN_FORMAT)]
    Origin(String),
    /// The address of the key set is no URL, or not a safe one. A password in it is not repeated.
    #[error("is {0:?}; allowed: {allowed}", allowed = JWKS_URL_FORMAT)]
    JwksUrl(String),
    /// There is a key set, and no issuer whose tokens count.
    #[error(
        "is missing; with jwks_url, allowed: a list of values of iss, such as \
         [\"https://issuer.example.com/\"]: an issuer may sign tokens for others with the same keys"
    )]
    IssuerMissing,
    /// There is a key set, and no audience whose tokens count.
    #[error(
        "is missing; with jwks_url, allowed: a list of values of aud, such as [\"my-api\"]: without it \
         a token that was issued for another application would count"
    )]
    AudienceMissing,
    /// A text of a list is blank.
    #[error("is blank; allowed: any other text")]
    Blank,
    /// It is no name of a cookie.
    #[error("is {0:?}; allowed: {allowed}", allowed = COOKIE_NAME_FORMAT)]
    CookieName(String),
    /// The claims that name accounts do not begin with `sub`, or are repeated, blank or too many.
    #[error(
        "allowed: a list that begins with \"sub\" and has at most {ACCOUNT_CLAIMS_MAX} names, each once, such as \
         [\"sub\", \"org_id\"]"
    )]
    AccountClaims,
    /// The age of a session is no number of days, or out of range.
    #[error("is {0}; allowed: a whole number of days from 1 to {SESSION_DAYS_MAX}")]
    SessionDays(String),
    /// The age of a last-known role is no number of seconds, or out of range.
    #[error("is {0}; allowed: a whole number of seconds from 0 to {STALE_OK_SECS_MAX}")]
    StaleOkSeconds(String),
    /// The address of Stripe's API is no URL, or not a safe one. A password in it is not repeated.
    #[error("is {0:?}; allowed: {allowed}", allowed = API_BASE_FORMAT)]
    ApiBase(String),
    /// The address of the host's webhooks is no URL, or not a safe one. A password in it is not repeated.
    #[error("is {0:?}; allowed: {allowed}", allowed = WEBHOOK_URL_FORMAT)]
    WebhookUrl(String),
    /// The part of Stripe's rate limits is no percentage.
    #[error("is {0}; allowed: a whole number from 1 to 100")]
    SharePercent(String),
}

impl ValueError {
    /// Names the key whose value this is.
    #[must_use]
    pub const fn at(self, key: Key) -> Fault {
        Fault { key, error: self }
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} {error}")]
pub struct Fault {
    /// The key whose value is wrong.
    pub key: Key,
    /// The error.
    #[source]
    pub error: ValueError,
}

/// Everything that is wrong with a configuration. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Faults(pub Vec<Fault>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_path_of_its_key() {
        for (key, path) in [
            (Key::Roles, "roles"),
            (Key::Role(2), "roles[2]"),
            (Key::Livemode, "livemode"),
            (Key::AllowedOrigins, "allowed_origins"),
            (Key::AllowedOrigin(0), "allowed_origins[0]"),
            (Key::JwksUrl, "jwks_url"),
            (Key::Plans, "plans"),
            (Key::Plan("price_x".to_owned()), "plans.price_x"),
            (Key::Policy, "policy"),
            (Key::PastDue, "policy.past_due"),
            (Key::GraceDays, "policy.grace_days"),
            (Key::UnmappedPrice, "policy.unmapped_price"),
        ] {
            let fault = ValueError::PlanRepeated.at(key).to_string();
            assert!(fault.starts_with(&format!("{path} is mapped twice; ")), "{fault}");
        }
    }

    #[test]
    fn each_fault_has_its_line() {
        let faults = Faults(vec![
            ValueError::JwksUrl("issuer".to_owned()).at(Key::JwksUrl),
            ValueError::GraceDays("-1".to_owned()).at(Key::GraceDays),
        ]);
        assert_eq!(
            faults.to_string(),
            "jwks_url is \"issuer\"; allowed: the https address of a key set, such as \
             \"https://issuer.example.com/.well-known/jwks.json\"; http only on this machine\n\
             policy.grace_days is -1; allowed: a whole number of days from 0 to 90"
        );
    }
}
