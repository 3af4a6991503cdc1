use tierlift_core::{
    limits::FEATURES_MAX,
    policy::{
        Access, OnDispute, OnReversal, PastDue, PauseCollection, PlanConfig, Stack, UnmappedPrice,
    },
    token::TokenConfig,
};

use super::*;

fn faults(text: &str) -> Vec<String> {
    match Config::parse("tierlift.toml", text) {
        Ok(_) => Vec::new(),
        Err(Error(faults)) => faults.iter().map(ToString::to_string).collect(),
    }
}

fn check(text: &str, expected: &[&str]) {
    let faults = faults(text);
    assert_eq!(faults.len(), expected.len(), "{text}\n{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{text}\n  got      {fault}\n  expected {expected}");
    }
}

#[test]
fn the_example_is_accepted_and_shows_the_defaults() {
    let text = include_str!("../../../tierlift.example.toml");
    let config = Config::parse("tierlift.example.toml", text).unwrap();
    let plans = vec![PlanConfig::new("price_pro", "paid")];
    assert_eq!(config.policy, PolicyConfig { plans, ..PolicyConfig::default() });
    assert_eq!(config.allowed_origins, ["http://127.0.0.1:8787".parse().unwrap()]);
    assert_eq!(config.tokens, TokenConfig::default());
    assert_eq!(config.stripe, StripeConfig::default());
}

#[test]
fn what_the_example_shows_in_comments_is_accepted() {
    let mut text = include_str!("../../../tierlift.example.toml").to_owned();
    for key in
        ["jwks_url", "issuer", "audience", "month_pass", "paid", "pause_collection", "api_base"]
    {
        let (set, shown) = (format!("\n{key} = "), format!("\n# {key} = "));
        text = text.replace(&set, &format!("\n# was {key} = "));
        assert_eq!(text.matches(&shown).count(), 1, "{key}");
        text = text.replace(&shown, &set);
    }
    let policy = Config::parse("tierlift.example.toml", &text).unwrap().policy;
    let pass = PlanConfig { days: Some(30), ..PlanConfig::new("month_pass", "paid") };
    assert!(policy.plans.contains(&pass));
    assert_eq!(policy.features, [("paid".to_owned(), vec!["export".to_owned()])]);
    assert_ne!(policy.pause_collection, PolicyConfig::default().pause_collection);
    assert_eq!(policy.faults(), []);
}

#[test]
fn every_key_is_read() {
    let config = Config::parse(
        "t.toml",
        r#"
roles = ["free", "plus", "pro"]
livemode = true
user_id_keys = ["uid"]
connected_accounts = ["acct_1", "acct_2"]
allowed_origins = ["https://app.example.com", "http://[::1]:3000"]
jwks_url = "https://issuer.example.com/.well-known/jwks.json"
issuer = ["https://issuer.example.com/"]
audience = ["app", "admin"]
account_claims = ["sub", "org_id"]
session_max_age_days = 7
stale_ok_seconds = 60
plans = { price_plus = "plus", day_pass = { role = "plus", days = 0x01 }, prod_pro = { role = "pro" } }
features = { plus = ["export"], operator = [] }
policy.past_due = "revoke"
policy.grace_days = 0x0A
policy.unmapped_price = "ignore"
policy.ignore_prices = ["price_shirt", "prod_cup"]
policy.pause_collection = "revoke"
policy.refund = "revoke"
policy.dispute = "revoke_when_lost"
purchases = { refund = "keep", dispute = "keep", stack = "longest" }
"#,
    )
    .unwrap();
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let day_pass = PlanConfig { days: Some(1), ..PlanConfig::new("day_pass", "plus") };
    let plans =
        [day_pass, PlanConfig::new("price_plus", "plus"), PlanConfig::new("prod_pro", "pro")];
    let reversal = |refund, dispute| OnReversal { refund, dispute };
    let expected = PolicyConfig {
        roles: texts(&["free", "plus", "pro"]),
        plans: plans.to_vec(),
        features: vec![("operator".to_owned(), vec![]), ("plus".to_owned(), texts(&["export"]))],
        user_id_keys: texts(&["uid"]),
        connected_accounts: texts(&["acct_1", "acct_2"]),
        livemode: true,
        past_due: PastDue::Revoke,
        grace_days: 10,
        unmapped_price: UnmappedPrice::Ignore,
        ignore_prices: texts(&["price_shirt", "prod_cup"]),
        pause_collection: PauseCollection::all(Access::Revoke),
        subscription_reversal: reversal(Access::Revoke, OnDispute::RevokeWhenLost),
        purchase_reversal: reversal(Access::Keep, OnDispute::Keep),
        stack: Stack::Longest,
        ..PolicyConfig::default()
    };
    assert_eq!(config.policy, expected);
    assert_eq!((config.allowed_origins.len(), config.stale_ok_seconds), (2, 60));
    let tokens = TokenConfig {
        jwks_url: Some("https://issuer.example.com/.well-known/jwks.json".parse().unwrap()),
        issuer: texts(&["https://issuer.example.com/"]),
        audience: texts(&["app", "admin"]),
        account_claims: texts(&["sub", "org_id"]),
        session_max_age_days: 7,
    };
    assert_eq!(config.tokens, tokens);
}

#[test]
fn a_behavior_that_the_pause_table_leaves_out_keeps_access() {
    let parse = |text: &str| Config::parse("t.toml", text).unwrap().policy.pause_collection;
    let keep = PauseCollection::all(Access::Keep);
    assert_eq!(parse("policy.pause_collection = \"keep\""), keep);
    assert_eq!(parse("[policy.pause_collection]"), keep);
    let [keep_as_draft, mark_uncollectible, void] = [Access::Revoke; 3];
    for (key, expected) in [
        ("keep_as_draft", PauseCollection { keep_as_draft, ..keep }),
        ("mark_uncollectible", PauseCollection { mark_uncollectible, ..keep }),
        ("void", PauseCollection { void, ..keep }),
    ] {
        assert_eq!(parse(&format!("policy.pause_collection.{key} = \"revoke\"")), expected);
    }
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(faults(""), [""; 0]);
    assert_eq!(faults("# nothing\n[plans]\n[features]\n[policy]\n[purchases]\n"), [""; 0]);
}

#[test]
fn an_unknown_key_is_reported_with_the_known_ones() {
    check(
        "[plans]\nprice_pro = \"paid\"\n\n[policy]\npast_due = \"keep\"\n\ngrace_day = 3\n",
        &["tierlift.toml:7:1: unknown key \"grace_day\" in [policy]; allowed: past_due, \
           grace_days, unmapped_price, ignore_prices, pause_collection, refund, dispute"],
    );
    check(
        "role = [\"free\"]",
        &["tierlift.toml:1:1: unknown key \"role\" at the top level; allowed: roles, livemode, \
           user_id_keys, connected_accounts, allowed_origins, jwks_url, issuer, audience, \
           account_claims, session_max_age_days, stale_ok_seconds, authorize, plans, features, policy, \
           purchases"],
    );
    check("[polcy]\ngrace_days = 1", &["tierlift.toml:1:2: unknown key \"polcy\""]);
    check(
        "[plans]\npass = { role = \"paid\", day = 30 }",
        &["tierlift.toml:2:25: unknown key \"day\" in plans.pass; allowed: role, days"],
    );
    check(
        "[policy]\npause_collection = { voided = \"keep\" }",
        &["tierlift.toml:2:22: unknown key \"voided\" in policy.pause_collection; allowed: \
           keep_as_draft, mark_uncollectible, void"],
    );
    check(
        "[purchases]\nrefunds = \"keep\"",
        &["tierlift.toml:2:1: unknown key \"refunds\" in [purchases]; allowed: refund, dispute, \
           stack"],
    );
    check(
        "livemode = false\n[policy.past_due]\nx = 1",
        &["tierlift.toml:2:1: policy.past_due is of type table; allowed: \"keep\" or \"revoke\""],
    );
}

/// Texts with one fault each.
const WRONG_VALUES: &[&str] = &[
    "roles = \"free\"",
    "roles = [\"free\", 2]",
    "roles = []",
    "roles = [\"free\", \"free\"]",
    "roles = [\"operator\"]",
    "roles = [\"\"]",
    "livemode = \"no\"",
    "user_id_keys = \"uid\"",
    "user_id_keys = [\"uid\", 2]",
    "user_id_keys = [\"uid\", \"\"]",
    "connected_accounts = \"acct_1\"",
    "connected_accounts = [true, \"acct_1\"]",
    "connected_accounts = [\"acct_1\", \"shop\"]",
    "allowed_origins = true",
    "allowed_origins = [\"*\"]",
    "allowed_origins = [\"https://a.example\", \"https://a.example/\"]",
    "allowed_origins = [\"app.example\"]",
    "jwks_url = 7",
    "jwks_url = \"issuer\"",
    "jwks_url = \"http://ada:password@issuer.example.com/keys\"",
    "livemode = false\njwks_url = \"https://issuer.example.com/keys\"\naudience = [\"a\"]",
    "jwks_url = \"https://issuer.example.com/keys\"\nissuer = [\"a\"]",
    "jwks_url = \"https://issuer.example.com/keys\"\nissuer = []\naudience = [\"a\"]",
    "issuer = \"https://issuer.example.com/\"",
    "issuer = [\"a\", 2]",
    "audience = [\"a\", \" \"]",
    "session_max_age_days = \"30d\"",
    "session_max_age_days = 0",
    "session_max_age_days = 367",
    "session_max_age_days = -1",
    "stale_ok_seconds = \"1m\"",
    "stale_ok_seconds = 86401",
    "stale_ok_seconds = -1",
    "plans = [\"a\"]",
    "[plans]\nprice_x = 1",
    "[plans]\nprice_x = \"gold\"",
    "[plans]\nprice_x = \"operator\"",
    "[plans]\npass = {}",
    "[plans]\npass = { days = 30 }",
    "[plans]\npass = { role = 1 }",
    "[plans]\npass = { days = 30, role = \"gold\" }",
    "[plans]\npass = { role = \"paid\", days = \"30\" }",
    "[plans]\npass = { role = \"paid\", days = 0 }",
    "[plans]\npass = { role = \"paid\", days = -1 }",
    "[plans]\npass = { role = \"paid\", days = 36501 }",
    "livemode = true\nplans.pass.days = 30",
    "livemode = true\n[plans.pass]\ndays = 30",
    "[plans.pass]\nrole = \"paid\"\nperiod = 30",
    "features = [\"export\"]",
    "[features]\npaid = \"export\"",
    "[features]\npaid = [\"export\", 1]",
    "[features]\npaid = [\"export\", \"\"]",
    "[features]\ngold = [\"export\"]",
    "policy = 3",
    "policy.past_due = false",
    "policy.past_due = \"kep\"",
    "policy.grace_days = \"3\"",
    "policy.grace_days = 1.5",
    "policy.grace_days = -1",
    "policy.grace_days = 91",
    "policy.unmapped_price = 1",
    "policy.unmapped_price = \"drop\"",
    "policy.ignore_prices = \"price_x\"",
    "policy.ignore_prices = [\"price_x\", 1]",
    "policy.pause_collection = true",
    "policy.pause_collection = \"kep\"",
    "policy.pause_collection = { void = 1 }",
    "policy.pause_collection = { void = \"kep\" }",
    "policy.pause_collection = { voided = \"keep\" }",
    "policy.refund = 1",
    "policy.refund = \"revoke_when_lost\"",
    "policy.dispute = []",
    "policy.dispute = \"lost\"",
    "purchases = \"keep\"",
    "purchases.refund = 1",
    "purchases.refund = \"kep\"",
    "purchases.dispute = 1",
    "purchases.dispute = \"lost\"",
    "purchases.stack = true",
    "purchases.stack = \"add\"",
    "[plans]\nprice_x = \"gold\"\n[features]\ngold = []\n[roles]\nname = \"gold\"",
    "livemode = yes",
    "roles = [\"free\"",
];

/// A snapshot of all messages, to be read as a user would.
#[test]
fn wrong_values() {
    let mut messages = String::new();
    for text in WRONG_VALUES {
        let faults = faults(text);
        assert_eq!(faults.len(), 1, "{text}\n{faults:#?}");
        messages.extend([text, "\n  ", &faults[0], "\n\n"]);
    }
    insta::assert_snapshot!(messages);
}

#[test]
fn text_that_is_no_toml_is_reported_with_its_position() {
    check("roles = [\"free\"\nlivemode = false", &["tierlift.toml:"]);
    check("livemode = false\nlivemode = true", &["tierlift.toml:2:1: duplicate key"]);
    check(
        "[plans]\nprice_pro = \"paid\"\nprice_pro = \"free\"",
        &["tierlift.toml:3:1: duplicate key"],
    );
    check("livemode = yes", &["tierlift.toml:1:12:"]);
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_file() {
    check(
        "livemode = 1\nroles = [\"free\", \"pro\"]\nx = 1\n[plans]\nprice_pro = \"paid\"\n",
        &[
            "tierlift.toml:1:12:",
            "tierlift.toml:3:1: unknown key \"x\"",
            "tierlift.toml:5:13: plans.price_pro is \"paid\", which is not one of roles; allowed: free, pro",
        ],
    );
}

#[test]
fn a_fault_hides_no_other_one() {
    check(
        "user_id_keys = [1, \"\"]\n\
         connected_accounts = [1, \"shop\"]\n\
         allowed_origins = [1, \"*\"]\n\
         [plans]\n\
         a = { days = 0 }\n\
         b = { role = 1, days = -1 }\n\
         c = { role = \"gold\", days = 0, x = 1 }\n\
         [features]\n\
         gold = 1\n\
         paid = [1, \"\"]\n",
        &[
            "tierlift.toml:1:17: user_id_keys[0] is of type integer",
            "tierlift.toml:1:20: user_id_keys[1] is \"\"",
            "tierlift.toml:2:23: connected_accounts[0] is of type integer",
            "tierlift.toml:2:26: connected_accounts[1] is \"shop\"",
            "tierlift.toml:3:20: allowed_origins[0] is of type integer",
            "tierlift.toml:3:23: allowed_origins[1] is \"*\"",
            "tierlift.toml:5:5: plans.a has no role",
            "tierlift.toml:5:14: plans.a has 0 days",
            "tierlift.toml:6:14: plans.b.role is of type integer",
            "tierlift.toml:6:24: plans.b has -1 days",
            "tierlift.toml:7:14: plans.c is \"gold\"",
            "tierlift.toml:7:29: plans.c has 0 days",
            "tierlift.toml:7:32: unknown key \"x\" in plans.c",
            "tierlift.toml:9:1: features.gold is not one of roles",
            "tierlift.toml:9:8: features.gold is of type integer",
            "tierlift.toml:10:9: features.paid[0] is of type integer",
            "tierlift.toml:10:12: features.paid has the feature \"\"",
        ],
    );
}

#[test]
fn too_many_features_are_reported_at_their_list() {
    let list = vec!["\"x\""; FEATURES_MAX + 1].join(", ");
    check(
        &format!("[features]\npaid = [{list}]"),
        &["tierlift.toml:2:8: features.paid has 257 features; allowed: at most 256"],
    );
}

#[test]
fn columns_count_characters() {
    check("roles = [\"größe\", 2]", &["tierlift.toml:1:19: roles[1]"]);
}
