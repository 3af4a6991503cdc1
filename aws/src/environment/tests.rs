use tierlift_core::{
    config::{Fetch, Reconcile},
    policy::{
        Access, OnDispute, OnReversal, PastDue, PauseCollection, Policy, PolicyConfig, Role, Stack,
        UnmappedPrice,
    },
    subscription::Item,
};

use super::*;

fn features(policy: &Policy, role: &str) -> Vec<String> {
    policy.features(policy.role(role).unwrap()).iter().map(ToString::to_string).collect()
}

#[test]
fn every_key_of_the_policy_has_a_variable() {
    let policy = Environment::from([
        ("TIERLIFT_ROLES", "free, paid ,team"),
        ("TIERLIFT_PLANS", "price_a=paid, prod_b = team, month_pass=paid:30, week = team : 7,"),
        ("TIERLIFT_FEATURES", "paid=export|api, team = sso"),
        ("TIERLIFT_USER_ID_KEYS", "uid, user"),
        ("TIERLIFT_LIVEMODE", "true"),
        ("TIERLIFT_PAST_DUE", "revoke"),
        ("TIERLIFT_GRACE_DAYS", "0"),
        ("TIERLIFT_UNMAPPED_PRICE", "ignore"),
        ("TIERLIFT_IGNORE_PRICES", "price_x, prod_y"),
        ("TIERLIFT_PAUSE_COLLECTION", "void=revoke, mark_uncollectible = keep"),
        ("TIERLIFT_REFUND", "revoke"),
        ("TIERLIFT_DISPUTE", "revoke"),
        ("TIERLIFT_PURCHASE_REFUND", "keep"),
        ("TIERLIFT_PURCHASE_DISPUTE", "keep"),
        ("TIERLIFT_PURCHASE_STACK", "longest"),
    ])
    .policy()
    .unwrap();
    let roles: Vec<_> = policy.roles().map(Role::as_str).collect();
    assert_eq!(roles, ["free", "paid", "team", "operator"]);
    let plan = |key| policy.plan(key).map(|plan| (plan.role.as_str(), plan.days)).unwrap();
    assert_eq!((plan("price_a"), plan("prod_b")), (("paid", None), ("team", None)));
    assert_eq!((plan("month_pass"), plan("week")), (("paid", Some(30)), ("team", Some(7))));
    assert_eq!(features(&policy, "paid"), ["api", "export"]);
    assert_eq!(features(&policy, "team"), ["api", "export", "sso"]);
    assert_eq!(policy.user_id_keys, ["uid", "user"]);
    assert!(policy.livemode && policy.has_plans());
    assert_eq!((policy.past_due, policy.grace_days), (PastDue::Revoke, 0));
    assert_eq!(policy.unmapped_price, UnmappedPrice::Ignore);
    let price = |price: &str| Item { price: Some(price.into()), ..Item::default() };
    assert!(policy.is_ignored(&price("price_x")) && !policy.is_ignored(&price("price_z")));
    let void = PauseCollection { void: Access::Revoke, ..PauseCollection::all(Access::Keep) };
    assert_eq!(policy.pause_collection, void);
    let (refund, dispute) = (Access::Revoke, OnDispute::Revoke);
    assert_eq!(policy.subscription_reversal, OnReversal { refund, dispute });
    let (refund, dispute) = (Access::Keep, OnDispute::Keep);
    assert_eq!(policy.purchase_reversal, OnReversal { refund, dispute });
    assert_eq!(policy.stack, Stack::Longest);
}

#[test]
fn a_variable_that_is_not_set_means_the_default() {
    let policy = Environment::from([("TIERLIFT_ROLES", "")]).policy().unwrap();
    let default = Policy::new(PolicyConfig::default()).unwrap();
    assert_eq!(policy.fingerprint(), default.fingerprint());
    assert_eq!(Environment::default().connected_accounts().unwrap(), Vec::<String>::new());
}

#[test]
fn one_word_counts_for_every_behavior_of_a_paused_collection() {
    let pause = |text| {
        let environment = Environment::from([("TIERLIFT_PAUSE_COLLECTION", text)]);
        environment.policy().map(|policy| policy.pause_collection).map_err(|e| e.to_string())
    };
    assert_eq!(pause("revoke"), Ok(PauseCollection::all(Access::Revoke)));
    assert_eq!(pause("keep"), Ok(PauseCollection::all(Access::Keep)));
    let one =
        PauseCollection { keep_as_draft: Access::Revoke, ..PauseCollection::all(Access::Keep) };
    assert_eq!(pause("keep_as_draft=revoke"), Ok(one));
    for text in ["void", "void=maybe", "behaviour=keep", "void=revoke,draft=keep"] {
        let wrong = text.rsplit(',').next().unwrap();
        let error = pause(text).unwrap_err();
        let start = format!(
            "TIERLIFT_PAUSE_COLLECTION: policy.pause_collection is {wrong:?}; allowed: \"keep\""
        );
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn connected_accounts_are_ids_of_accounts() {
    let environment = |value| Environment::from([("TIERLIFT_CONNECTED_ACCOUNTS", value)]);
    let accounts = environment("acct_1, acct_2").connected_accounts().unwrap();
    assert_eq!(accounts, ["acct_1", "acct_2"]);
    let error = environment("acct_1,shop").connected_accounts().unwrap_err().to_string();
    let start = "TIERLIFT_CONNECTED_ACCOUNTS: connected_accounts[1] is \"shop\"; allowed: the id";
    assert!(error.starts_with(start), "{error}");
}

#[test]
fn a_wrong_value_is_reported_with_its_variable_and_what_is_allowed() {
    for (name, value, message) in [
        ("LIVEMODE", "yes", "livemode is \"yes\"; allowed: true or false"),
        ("GRACE_DAYS", "-1", "policy.grace_days is -1; allowed: a whole number"),
        ("GRACE_DAYS", "91", "policy.grace_days is 91; allowed: a whole number"),
        ("PAST_DUE", "kep", "policy.past_due is \"kep\"; allowed: \"keep\" or"),
        ("UNMAPPED_PRICE", "x", "policy.unmapped_price is \"x\"; allowed: \"park\" or"),
        ("REFUND", "x", "policy.refund is \"x\"; allowed: \"keep\" or"),
        ("DISPUTE", "x", "policy.dispute is \"x\"; allowed: \"keep\", \"revoke\" or"),
        ("PURCHASE_REFUND", "x", "purchases.refund is \"x\"; allowed: \"keep\" or"),
        ("PURCHASE_DISPUTE", "x", "purchases.dispute is \"x\"; allowed: \"keep\", \"revoke\" or"),
        ("PURCHASE_STACK", "x", "purchases.stack is \"x\"; allowed: \"extend\" or"),
        ("PLANS", "price_a=gold", "plans.price_a is \"gold\", which is not one of"),
        ("PLANS", "pass=paid:month", "plans.pass has month days; allowed: a whole number"),
        ("PLANS", "pass=paid:0", "plans.pass has 0 days; allowed: a whole number"),
        ("FEATURES", "gold=x", "features.gold is not one of roles; allowed: free, paid"),
        ("FEATURES", "paid=x|", "features.paid has the feature \"\"; allowed: names"),
        ("USER_ID_KEYS", &"x".repeat(41), "user_id_keys[0] is"),
        ("ROLES", "a,a", "roles[1] is \"a\", which is listed before"),
    ] {
        let name = format!("TIERLIFT_{name}");
        let error = Environment::from([(&*name, value)]).policy().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: {message}")), "{error}");
    }
    for (name, value) in [
        ("TIERLIFT_PLANS", "price_a"),
        ("TIERLIFT_PLANS", "=paid"),
        ("TIERLIFT_FEATURES", "paid"),
        ("TIERLIFT_FEATURES", "paid="),
    ] {
        let error = Environment::from([(name, value)]).policy().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{name} is {value:?}; allowed: a list such")),
            "{error}"
        );
    }
}

#[test]
fn a_wrong_address_or_name_is_reported_with_its_variable() {
    let origins = Environment::from([("TIERLIFT_ALLOWED_ORIGINS", "https://a.example, b")]);
    let error = origins.allowed_origins().unwrap_err().to_string();
    assert!(error.starts_with("TIERLIFT_ALLOWED_ORIGINS: allowed_origins[1] is \"b\";"), "{error}");
    let error = Environment::from([("TIERLIFT_JWKS_URL", "issuer")]).tokens().unwrap_err();
    assert!(error.to_string().starts_with("TIERLIFT_JWKS_URL: jwks_url is \"issuer\";"));
    let error = Environment::default().table().unwrap_err().to_string();
    assert_eq!(error, "TIERLIFT_TABLE is not set; set it to the name of the DynamoDB table");
}

#[test]
fn a_key_set_needs_an_issuer_and_an_audience() {
    let url = ("TIERLIFT_JWKS_URL", "https://issuer.example.com/keys");
    let error = Environment::from([url]).tokens().unwrap_err().to_string();
    let variables: Vec<_> = error.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(variables, ["TIERLIFT_ISSUER", "TIERLIFT_AUDIENCE"]);
    let environment = Environment::from([
        url,
        ("TIERLIFT_ISSUER", "https://issuer.example.com/"),
        ("TIERLIFT_AUDIENCE", "app, admin"),
        ("TIERLIFT_ACCOUNT_CLAIMS", "sub, org_id"),
        ("TIERLIFT_SESSION_MAX_AGE_DAYS", "7"),
    ]);
    let tokens = environment.tokens().unwrap();
    assert_eq!(tokens.account_claims, ["sub", "org_id"]);
    assert_eq!((tokens.issuer.len(), tokens.audience.len()), (1, 2));
    assert_eq!(tokens.session_max_age_days, 7);
    assert_eq!(Environment::default().tokens().unwrap(), TokenConfig::default());
    let error = Environment::from([("TIERLIFT_SESSION_MAX_AGE_DAYS", "0")]).tokens().unwrap_err();
    let start = "TIERLIFT_SESSION_MAX_AGE_DAYS: session_max_age_days is 0; allowed: a whole number";
    assert!(error.to_string().starts_with(start), "{error}");
    let stale_ok =
        |text| Environment::from([("TIERLIFT_STALE_OK_SECONDS", text)]).stale_ok_seconds();
    assert_eq!((stale_ok("").unwrap(), stale_ok("60").unwrap()), (0, 60));
    let start = "TIERLIFT_STALE_OK_SECONDS: stale_ok_seconds is 86401; allowed: a whole number";
    assert!(stale_ok("86401").unwrap_err().to_string().starts_with(start));
    let error = Environment::from([("TIERLIFT_ACCOUNT_CLAIMS", "org_id")]).tokens().unwrap_err();
    assert!(error.to_string().starts_with("TIERLIFT_ACCOUNT_CLAIMS: account_claims"), "{error}");
}

#[test]
fn all_faults_are_reported_at_once() {
    let environment = Environment::from([
        ("TIERLIFT_ROLES", "a,a"),
        ("TIERLIFT_PLANS", "pass=a:x"),
        ("TIERLIFT_PAST_DUE", "kep"),
        ("TIERLIFT_GRACE_DAYS", "x"),
        ("TIERLIFT_PURCHASE_STACK", "up"),
    ]);
    let error = environment.policy().unwrap_err().to_string();
    let variables: Vec<_> = error.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(
        variables,
        [
            "TIERLIFT_PLANS",
            "TIERLIFT_PAST_DUE",
            "TIERLIFT_GRACE_DAYS",
            "TIERLIFT_PURCHASE_STACK",
            "TIERLIFT_ROLES",
        ]
    );
}

/// A worker without its plans must not guess; a session needs none of them.
#[test]
fn a_bad_plan_map_takes_no_session_down() {
    let bad_plans = [("TIERLIFT_ROLES", "free,paid,pro"), ("TIERLIFT_PLANS", "price_1=gold")];
    let environment = Environment::from(bad_plans);
    assert!(environment.policy().is_err());
    let policy = environment.policy_of_accounts().unwrap();
    assert!(policy.role("pro").is_some());
    let bad_roles = Environment::from([("TIERLIFT_ROLES", "a,a"), ("TIERLIFT_PLANS", "price_1=a")]);
    assert!(bad_roles.policy_of_accounts().is_err());
    let good = Environment::from([("TIERLIFT_PLANS", "price_1=paid")]);
    assert!(good.policy_of_accounts().is_ok());
}

#[test]
fn a_policy_document_sets_the_policy_and_nothing_else() {
    let environment = Environment::from([
        ("TIERLIFT_ROLES", "free,paid"),
        ("TIERLIFT_PLANS", "price_old=paid"),
        ("TIERLIFT_GRACE_DAYS", "5"),
    ]);
    let text = "# two plans\nRoles = free,pro\n\nPlans=price_1=pro\r\nPlans=price_2=pro\n";
    let policy = environment.clone().with_policy_document(text).unwrap();
    assert_eq!(policy.get("TIERLIFT_PLANS"), Some("price_1=pro,price_2=pro"));
    assert_eq!(policy.get("TIERLIFT_GRACE_DAYS"), Some("5"));
    assert!(policy.policy().unwrap().role("pro").is_some());
    for (text, line) in [
        ("Livemode=true", "line 1 "),
        ("Plans=price_1=pro\nTIERLIFT_JWKS_URL=https://eve.example", "line 2 "),
        ("\nPlans", "line 2 "),
    ] {
        let error = environment.clone().with_policy_document(text).unwrap_err().to_string();
        assert!(error.starts_with(line), "{error}");
    }
}

#[test]
fn a_policy_document_has_a_version() {
    let arn = ("TIERLIFT_POLICY_ARN", "arn:aws:ssm:eu-central-1:1:parameter/tierlift");
    assert_eq!(Environment::default().policy_document().unwrap(), None);
    assert!(Environment::from([arn]).policy_document().is_err());
    let environment = Environment::from([arn, ("TIERLIFT_POLICY_VERSION", "7")]);
    assert_eq!(environment.policy_document().unwrap(), Some((arn.1, "7")));
}

#[test]
fn stripe_is_asked_as_the_variables_say() {
    let environment = Environment::from([
        ("TIERLIFT_STRIPE_API_BASE", "http://127.0.0.1:8420"),
        ("TIERLIFT_STRIPE_SHARE_PERCENT", "50"),
        ("TIERLIFT_STRIPE_RECONCILE", "never"),
        ("TIERLIFT_STRIPE_FETCH", "never"),
    ]);
    let stripe = environment.stripe().unwrap();
    assert_eq!((stripe.api_base.as_str(), stripe.share_percent), ("http://127.0.0.1:8420", 50));
    assert_eq!((stripe.reconcile, stripe.fetch), (Reconcile::Never, Fetch::Never));
    assert_eq!(Environment::default().stripe().unwrap(), StripeConfig::default());
    let environment = Environment::from([
        ("TIERLIFT_STRIPE_API_BASE", "http://api.stripe.com"),
        ("TIERLIFT_STRIPE_SHARE_PERCENT", "0"),
    ]);
    let error = environment.stripe().unwrap_err().to_string();
    let variables: Vec<_> = error.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(variables, ["TIERLIFT_STRIPE_API_BASE", "TIERLIFT_STRIPE_SHARE_PERCENT"]);
}
