//! Whether the schema and the program accept and refuse the same files: documents that both must
//! judge alike.

use serde_json::Value;
use tierlift_testkit::json_schema;

use super::schema;
use crate::{config::Config, reference::repository};

/// Each with a plan beside it.
const VALID: &[&str] = &[
    "",
    "user_id_keys = []",
    "user_id_keys = [\"uid\"]",
    "connected_accounts = [\"acct_1\", \"acct_2\"]",
    "issuer = [\"a\"]",
    "jwks_url = \"https://issuer.example.com/jwks.json\"\nissuer = [\"a\"]\naudience = [\"b\", \"c\"]",
    "jwks_url = \"http://127.0.0.1:9/keys\"\nissuer = [\"a\"]\naudience = [\"b\"]",
    "account_claims = [\"sub\", \"org_id\"]",
    "session_max_age_days = 366",
    "stale_ok_seconds = 86400",
    "authorize.cookie = \"__Host-token\"",
    "[authorize]",
    "[webhooks_out]",
    "webhooks_out.url = \"https://app.example.com/hooks\"",
    "allowed_origins = [\"https://a.example\", \"http://[::1]:3000\"]",
    "plans.pass = { role = \"paid\" }",
    "plans.pass = { role = \"paid\", days = 1 }",
    "plans.pass = { role = \"paid\", days = 36500 }",
    "[features]",
    "features.paid = []",
    "features.operator = [\"export\", \"import\"]",
    "policy.grace_days = 90",
    "policy.ignore_prices = [\"price_x\", \"prod_x\"]",
    "policy.pause_collection = \"revoke\"",
    "policy.pause_collection = {}",
    "policy.pause_collection = { void = \"revoke\", keep_as_draft = \"keep\" }",
    "policy.pause_collection.mark_uncollectible = \"revoke\"",
    "policy.refund = \"revoke\"",
    "policy.dispute = \"revoke\"",
    "policy.dispute = \"revoke_when_lost\"",
    "[purchases]",
    "[stripe]",
    "stripe = { api_base = \"http://127.0.0.1:8420\", share_percent = 100, reconcile = \"never\" }",
    "stripe.api_base = \"https://api.stripe.com/\"",
    "stripe.fetch = \"never\"",
    "stripe.fetch = \"always\"",
    "purchases = { refund = \"keep\", dispute = \"keep\", stack = \"longest\" }",
];

/// Each with a plan beside it.
const INVALID: &[&str] = &[
    "role = [\"free\"]",
    "roles = \"free\"",
    "roles = []",
    "roles = [\"free\", \"free\"]",
    "roles = [\"free\", \"operator\"]",
    "roles = [\"free\", \"\"]",
    "livemode = \"no\"",
    "stripe.share_percent = 0",
    "stripe.share_percent = 101",
    "stripe.reconcile = \"hourly\"",
    "stripe.fetch = \"sometimes\"",
    "stripe.api_base = \"http://api.stripe.com\"",
    "stripe.api_base = \"https://api.stripe.com/v1\"",
    "stripe.key = \"sk_test_1\"",
    "user_id_keys = \"uid\"",
    "user_id_keys = [\"\"]",
    "user_id_keys = [\"a_key_that_is_longer_than_stripe_allows_it\"]",
    "connected_accounts = [\"shop\"]",
    "connected_accounts = [1]",
    "allowed_origins = [\"*\"]",
    "allowed_origins = [\"https://a.example/\"]",
    "allowed_origins = [\"https://A.example\"]",
    "jwks_url = \"issuer\"",
    "jwks_url = \"https://issuer.example.com/jwks.json\"",
    "jwks_url = \"https://issuer.example.com/jwks.json\"\nissuer = [\"a\"]",
    "jwks_url = \"https://issuer.example.com/jwks.json\"\naudience = [\"a\"]",
    "jwks_url = \"http://issuer.example.com/keys\"\nissuer = [\"a\"]\naudience = [\"b\"]",
    "issuer = \"a\"",
    "issuer = [1]",
    "audience = [\" \"]",
    "account_claims = \"sub\"",
    "account_claims = []",
    "account_claims = [\"sub\", \" \"]",
    "account_claims = [\"sub\", 1]",
    "session_max_age_days = 0",
    "stale_ok_seconds = 86401",
    "stale_ok_seconds = -1",
    "session_max_age_days = 367",
    "session_max_age_days = \"30\"",
    "authorize = \"token\"",
    "authorize.cookie = \"\"",
    "authorize.cookie = \"a b\"",
    "authorize.cookies = \"token\"",
    "webhooks_out = \"https://app.example.com/hooks\"",
    "webhooks_out.url = \"http://app.example.com/hooks\"",
    "webhooks_out.urls = []",
    "plans.pass = 30",
    "plans.pass = {}",
    "plans.pass = { days = 30 }",
    "plans.pass = { role = 1 }",
    "plans.pass = { role = \"paid\", day = 30 }",
    "plans.pass = { role = \"paid\", days = 0 }",
    "plans.pass = { role = \"paid\", days = -1 }",
    "plans.pass = { role = \"paid\", days = 36501 }",
    "plans.pass = { role = \"paid\", days = \"30\" }",
    "features = [\"export\"]",
    "features.paid = \"export\"",
    "features.paid = [1]",
    "features.paid = [\"\"]",
    "policy.past_due = \"kep\"",
    "policy.grace_days = 91",
    "policy.grace_days = -1",
    "policy.grace_days = 1.5",
    "policy.unmapped_prices = \"park\"",
    "policy.ignore_prices = \"price_x\"",
    "policy.ignore_prices = [1]",
    "policy.pause_collection = true",
    "policy.pause_collection = \"kep\"",
    "policy.pause_collection = { void = \"kep\" }",
    "policy.pause_collection = { voided = \"keep\" }",
    "policy.refund = \"revoke_when_lost\"",
    "policy.dispute = \"lost\"",
    "policy.stack = \"extend\"",
    "purchases = \"keep\"",
    "purchases.refund = \"revoke_when_lost\"",
    "purchases.dispute = true",
    "purchases.stack = \"add\"",
];

#[test]
fn the_schema_and_the_program_agree() {
    let example = std::fs::read_to_string(repository().join("tierlift.example.toml")).unwrap();
    check(&example, true);
    let with_plan = |text| format!("plans.price_pro = \"paid\"\n{text}");
    for text in VALID {
        check(&with_plan(text), true);
    }
    for text in INVALID {
        check(&with_plan(text), false);
    }
}

fn check(text: &str, is_valid: bool) {
    assert_eq!(Config::parse("t.toml", text).is_ok(), is_valid, "the program: {text}");
    let document: Value = toml::from_str(text).unwrap();
    let errors = json_schema::errors(&schema(), &document);
    assert_eq!(errors.is_empty(), is_valid, "the schema: {text}\n{errors:?}");
}
