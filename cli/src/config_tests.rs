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
fn the_example_is_accepted_and_is_the_default() {
    let text = include_str!("../../tierlift.example.toml");
    let config = Config::parse("tierlift.example.toml", text).unwrap();
    let default = Config::default();
    assert_eq!(config.draft.plans, [("price_pro".to_owned(), "paid".to_owned())]);
    assert_eq!(config.draft.roles, default.draft.roles);
    assert_eq!(config.draft.past_due, default.draft.past_due);
    assert_eq!(config.draft.grace_days, default.draft.grace_days);
    assert_eq!(config.draft.unmapped_price, default.draft.unmapped_price);
    assert_eq!(config.draft.livemode, default.draft.livemode);
    assert_eq!(config.allowed_origins, ["http://127.0.0.1:8787"]);
    assert_eq!(config.jwks_url, None);
}

#[test]
fn everything_that_is_written_is_read() {
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
    assert_eq!(config.draft.roles, ["free", "plus", "pro"]);
    assert_eq!(config.draft.plans.len(), 2);
    assert!(config.draft.livemode);
    assert_eq!(config.draft.past_due, PastDue::Revoke);
    assert_eq!(config.draft.grace_days, 10);
    assert_eq!(config.draft.unmapped_price, UnmappedPrice::Ignore);
    assert_eq!(config.allowed_origins.len(), 2);
    assert!(config.jwks_url.is_some());
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(faults(""), [""; 0]);
    assert_eq!(faults("# nothing\n[plans]\n[policy]\n"), [""; 0]);
}

#[test]
fn unknown_keys_are_told_with_those_that_are_known() {
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
        &["tierlift.toml:2:1: past_due is of type table; allowed: \"keep\" or \"revoke\""],
    );
}

#[test]
fn wrong_types_are_told_with_the_right_one() {
    for (text, expected) in [
        ("roles = \"free\"", "1:9: roles is of type string; allowed: a list of role names"),
        ("roles = [\"free\", 2]", "1:18: an element of roles is of type integer; allowed: a list"),
        ("livemode = \"no\"", "1:12: livemode is of type string; allowed: true or false"),
        ("allowed_origins = true", "1:19: allowed_origins is of type boolean; allowed: a list of"),
        ("jwks_url = 7", "1:12: jwks_url is of type integer; allowed: the address of a key set"),
        ("plans = [\"a\"]", "1:9: plans is of type array; allowed: a table: [plans], then lines"),
        ("policy = 3", "1:10: policy is of type integer; allowed: a table: [policy]"),
        (
            "[plans]\np = 1",
            "2:5: plan \"p\" is of type integer; allowed: a role's name: free, paid",
        ),
        ("policy.past_due = false", "1:19: past_due is of type boolean; allowed: \"keep\" or"),
        ("policy.grace_days = \"3\"", "1:21: grace_days is of type string; allowed: a whole"),
        ("policy.grace_days = 1.5", "1:21: grace_days is of type float; allowed: a whole number"),
        ("policy.unmapped_price = 1", "1:25: unmapped_price is of type integer; allowed: \"park\""),
    ] {
        check(text, &[&format!("tierlift.toml:{expected}")]);
    }
}

#[test]
fn wrong_values_are_told_with_the_allowed_ones() {
    for (text, expected) in [
        ("roles = []", "1:9: roles has 0 names; allowed: 1 to 32"),
        ("roles = [\"free\", \"free\"]", "1:18: role \"free\" is listed twice"),
        ("roles = [\"operator\"]", "1:10: role \"operator\" always exists"),
        ("roles = [\"\"]", "1:10: role \"\"; allowed: names of 1 to 64 bytes"),
        (
            "[plans]\nprice_x = \"gold\"",
            "2:11: plan \"price_x\" earns role \"gold\", which is not \
          in roles; allowed: free, paid",
        ),
        ("[plans]\nprice_x = \"operator\"", "2:11: plan \"price_x\" earns role \"operator\""),
        ("policy.past_due = \"kep\"", "1:19: past_due is \"kep\"; allowed: \"keep\" or \"revoke\""),
        (
            "policy.grace_days = -1",
            "1:21: grace_days is -1; allowed: a whole number of days from 0",
        ),
        (
            "policy.grace_days = 91",
            "1:21: grace_days is 91; allowed: a whole number of days from 0",
        ),
        (
            "policy.unmapped_price = \"drop\"",
            "1:25: unmapped_price is \"drop\"; allowed: \"park\" or",
        ),
        ("allowed_origins = [\"*\"]", "1:20: allowed_origins has \"*\"; allowed: scheme and host"),
        ("allowed_origins = [\"https://a.example/\"]", "1:20: allowed_origins has"),
        ("allowed_origins = [\"app.example\"]", "1:20: allowed_origins has"),
        (
            "jwks_url = \"issuer\"",
            "1:12: jwks_url is \"issuer\"; allowed: the address of a key set",
        ),
    ] {
        check(text, &[&format!("tierlift.toml:{expected}")]);
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    check("roles = [\"free\"\nlivemode = false", &["tierlift.toml:"]);
    check("livemode = false\nlivemode = true", &["tierlift.toml:2:1: duplicate key"]);
    check(
        "[plans]\nprice_pro = \"paid\"\nprice_pro = \"free\"",
        &["tierlift.toml:3:1: duplicate key"],
    );
    check("livemode = yes", &["tierlift.toml:1:12:"]);
}

#[test]
fn all_faults_are_told_at_once_in_their_order() {
    check(
        "livemode = 1\nroles = [\"free\", \"pro\"]\nx = 1\n[plans]\nprice_pro = \"paid\"\n",
        &[
            "tierlift.toml:1:12:",
            "tierlift.toml:3:1: unknown key \"x\"",
            "tierlift.toml:5:13: plan",
        ],
    );
}

#[test]
fn columns_count_characters() {
    check("roles = [\"größe\", 2]", &["tierlift.toml:1:19: an element of roles"]);
}
