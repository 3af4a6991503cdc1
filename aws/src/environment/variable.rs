//! The variable of each key.

use tierlift_core::config::Key;

/// The variable that sets a key.
pub(super) const fn variable(key: &Key) -> &'static str {
    match key {
        Key::Roles | Key::Role(_) => "TIERLIFT_ROLES",
        Key::Livemode => "TIERLIFT_LIVEMODE",
        Key::AllowedOrigins | Key::AllowedOrigin(_) => "TIERLIFT_ALLOWED_ORIGINS",
        Key::JwksUrl => "TIERLIFT_JWKS_URL",
        Key::Issuers | Key::Issuer(_) => "TIERLIFT_ISSUER",
        Key::Audiences | Key::Audience(_) => "TIERLIFT_AUDIENCE",
        Key::AccountClaims => "TIERLIFT_ACCOUNT_CLAIMS",
        Key::SessionMaxAgeDays => "TIERLIFT_SESSION_MAX_AGE_DAYS",
        Key::StaleOkSeconds => "TIERLIFT_STALE_OK_SECONDS",
        Key::Authorize | Key::AuthorizeCookie => "TIERLIFT_AUTHORIZE_COOKIE",
        Key::Plans | Key::Plan(_) => "TIERLIFT_PLANS",
        Key::AllFeatures | Key::Features(_) => "TIERLIFT_FEATURES",
        Key::UserIdKeys | Key::UserIdKey(_) => "TIERLIFT_USER_ID_KEYS",
        Key::ConnectedAccounts | Key::ConnectedAccount(_) => "TIERLIFT_CONNECTED_ACCOUNTS",
        // A table of the file is no variable: each of its keys is one.
        Key::Policy | Key::PastDue => "TIERLIFT_PAST_DUE",
        Key::GraceDays => "TIERLIFT_GRACE_DAYS",
        Key::UnmappedPrice => "TIERLIFT_UNMAPPED_PRICE",
        Key::IgnorePrices => "TIERLIFT_IGNORE_PRICES",
        Key::PauseCollection => "TIERLIFT_PAUSE_COLLECTION",
        Key::Refund => "TIERLIFT_REFUND",
        Key::Dispute => "TIERLIFT_DISPUTE",
        Key::Purchases | Key::PurchaseRefund => "TIERLIFT_PURCHASE_REFUND",
        Key::PurchaseDispute => "TIERLIFT_PURCHASE_DISPUTE",
        Key::Stack => "TIERLIFT_PURCHASE_STACK",
        Key::Stripe | Key::ApiBase => "TIERLIFT_STRIPE_API_BASE",
        Key::SharePercent => "TIERLIFT_STRIPE_SHARE_PERCENT",
        Key::Reconcile => "TIERLIFT_STRIPE_RECONCILE",
        Key::Fetch => "TIERLIFT_STRIPE_FETCH",
        Key::WebhooksOut | Key::WebhooksOutUrl => "TIERLIFT_WEBHOOKS_OUT_URL",
    }
}
