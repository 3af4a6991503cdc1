use tierlift_core::policy::{PastDue, UnmappedPrice};

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
    let plans = vec![("price_pro".to_owned(), "paid".to_owned())];
    assert_eq!(config.policy, PolicyConfig { plans, ..PolicyConfig::default() });
    assert_eq!(config.allowed_origins, ["http://127.0.0.1:8787".parse().unwrap()]);
    assert_eq!(config.jwks_url, None);
}

#[test]
fn every_key_is_read() {
    let config = Config::parse(
        "t.toml",
        r#"
roles = ["free", "plus", "pro"]
livemode = true
allowed_origins = ["https://app.example.com", "http://[::1]:3000"]
jwks_url = "https://issuer.example.com/.well-known/jwks.json"
plans = { price_plus = "plus", prod_pro = "pro" }
policy.past_due = "revoke"
policy.grace_days = 0x0A
policy.unmapped_price = "ignore"
"#,
    )
    .unwrap();
    assert_eq!(config.policy.roles, ["free", "plus", "pro"]);
    assert_eq!(config.policy.plans.len(), 2);
    assert!(config.policy.livemode);
    assert_eq!(config.policy.past_due, PastDue::Revoke);
    assert_eq!(config.policy.grace_days, 10);
    assert_eq!(config.policy.unmapped_price, UnmappedPrice::Ignore);
    assert_eq!(config.allowed_origins.len(), 2);
    assert!(config.jwks_url.is_some());
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(faults(""), [""; 0]);
    assert_eq!(faults("# nothing\n[plans]\n[policy]\n"), [""; 0]);
}

#[test]
fn an_unknown_key_is_reported_with_the_known_ones() {
    check(
        "[plans]\nprice_pro = \"paid\"\n\n[policy]\npast_due = \"keep\"\n\ngrace_day = 3\n",
        &["tierlift.toml:7:1: unknown key \"grace_day\" in [policy]; allowed: past_due, \
           grace_days, unmapped_price"],
    );
    check(
        "role = [\"free\"]",
        &["tierlift.toml:1:1: unknown key \"role\" at the top level; allowed: roles, livemode, \
           allowed_origins, jwks_url, plans, policy"],
    );
    check("[polcy]\ngrace_days = 1", &["tierlift.toml:1:2: unknown key \"polcy\""]);
    check(
        "livemode = false\n[policy.past_due]\nx = 1",
        &["tierlift.toml:2:1: policy.past_due is of type table; allowed: \"keep\" or \"revoke\""],
    );
}

/// One fault each: a snapshot of all messages, to be read as a user would.
#[test]
fn wrong_values() {
    let texts = [
        "roles = \"free\"",
        "roles = [\"free\", 2]",
        "roles = []",
        "roles = [\"free\", \"free\"]",
        "roles = [\"operator\"]",
        "roles = [\"\"]",
        "livemode = \"no\"",
        "allowed_origins = true",
        "allowed_origins = [\"*\"]",
        "allowed_origins = [\"https://a.example\", \"https://a.example/\"]",
        "allowed_origins = [\"app.example\"]",
        "jwks_url = 7",
        "jwks_url = \"issuer\"",
        "plans = [\"a\"]",
        "[plans]\nprice_x = 1",
        "[plans]\nprice_x = \"gold\"",
        "[plans]\nprice_x = \"operator\"",
        "policy = 3",
        "policy.past_due = false",
        "policy.past_due = \"kep\"",
        "policy.grace_days = \"3\"",
        "policy.grace_days = 1.5",
        "policy.grace_days = -1",
        "policy.grace_days = 91",
        "policy.unmapped_price = 1",
        "policy.unmapped_price = \"drop\"",
        "[plans]\nprice_x = \"gold\"\n[roles]\nname = \"gold\"",
        "livemode = yes",
        "roles = [\"free\"",
    ];
    let mut messages = String::new();
    for text in texts {
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
fn columns_count_characters() {
    check("roles = [\"größe\", 2]", &["tierlift.toml:1:19: roles[1]"]);
}
