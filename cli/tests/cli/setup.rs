//! Commands that end at once: what is missing or wrong is named, with a code.

use super::{PLANS, SECRETS, check};

#[test]
fn what_is_missing_is_named() {
    let [webhook, jwt] = [&SECRETS[..1], &SECRETS[1..]];
    check(
        &[],
        None,
        &["serve"],
        2,
        &[
            "error[config.missing]: tierlift.toml does not exist; copy tierlift.example.toml to",
            "error[secret.missing]: STRIPE_WEBHOOK_SECRET is not set",
            "error[secret.missing]: TIERLIFT_JWT_SECRET is not set and the configuration has no jwks_url",
            "run `tierlift codes config.missing`",
        ],
    );
    check(jwt, Some(PLANS), &["serve"], 2, &["STRIPE_WEBHOOK_SECRET is not set"]);
    check(webhook, Some(PLANS), &["serve"], 2, &["TIERLIFT_JWT_SECRET is not set"]);
    check(SECRETS, None, &["serve"], 2, &["tierlift.toml does not exist"]);
    check(SECRETS, Some(""), &["serve"], 2, &["error[config.invalid]: tierlift.toml: no plans"]);
    check(
        SECRETS,
        None,
        &["serve", "--config", "else.toml"],
        2,
        &["error[config.missing]: else.toml: No such file"],
    );
    let short = [SECRETS[0], ("TIERLIFT_JWT_SECRET", "short")];
    check(
        &short,
        Some(PLANS),
        &["serve"],
        2,
        &["error[secret.invalid]", "at least 32 bytes, this one has 5"],
    );
    let empty = [SECRETS[1], ("STRIPE_WEBHOOK_SECRET", " ")];
    check(&empty, Some(PLANS), &["serve"], 2, &["STRIPE_WEBHOOK_SECRET is not set"]);
    check(
        SECRETS,
        Some(PLANS),
        &["serve", "--log", "=nonsense="],
        2,
        &["error[usage.invalid]: --log"],
    );
}

#[test]
fn a_wrong_configuration_is_refused_with_its_position() {
    let serve = &["serve"];
    check(
        SECRETS,
        Some("[policy]\n\ngrace_day = 3\n"),
        serve,
        2,
        &[
            "tierlift.toml:3:1: unknown key \"grace_day\" in [policy]; allowed: past_due, grace_days, \
         unmapped_price",
        ],
    );
    check(
        SECRETS,
        Some("[plans]\nprice_pro = \"gold\"\n"),
        serve,
        2,
        &["tierlift.toml:2:13: plans.price_pro is \"gold\""],
    );
    // A demo reads the file too, if it is there.
    check(&[], Some("x = 1"), &["serve", "--demo"], 2, &["tierlift.toml:1:1: unknown key \"x\""]);
}

#[test]
fn a_demo_is_for_this_machine_and_test_events_only() {
    let demo = |listen| ["serve", "--demo", "--listen", listen];
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8787"] {
        check(&[], None, &demo(listen), 2, &["error[demo.refused]: --demo listens on loopback"]);
    }
    check(&SECRETS[1..], None, &demo("127.0.0.1:0"), 2, &["unset that"]);
    check(&[], Some("livemode = true"), &demo("127.0.0.1:0"), 2, &["livemode = true"]);
    check(&[], Some("roles = [\"free\"]"), &demo("127.0.0.1:0"), 2, &["a demo needs a plan"]);
}

#[test]
fn arguments_are_explained() {
    check(&[], None, &["--version"], 0, &[concat!("tierlift ", env!("CARGO_PKG_VERSION"))]);
    check(&[], None, &["serve", "--help"], 0, &["STRIPE_WEBHOOK_SECRET", "serve --demo"]);
    check(&[], None, &["trigger", "--help"], 0, &["--shuffle", "MISMATCH"]);
    check(&[], None, &[], 2, &["Usage: tierlift"]);
    check(&[], None, &["trigger", "explode", "--user", "ada"], 2, &["possible values: upgrade"]);
    check(&[], None, &["trigger", "upgrade"], 2, &["--user"]);
    check(&[], None, &["trigger", "storm", "--user", "ada", "--count", "0"], 2, &["--count"]);
}

#[test]
fn codes_are_listed_and_explained() {
    check(&[], None, &["codes"], 0, &["plan.unmapped  ", "token.stale  ", "data.in_use  "]);
    let page = &["# `plan.unmapped`: ", "## What to do"];
    check(&[], None, &["codes", "plan.unmapped"], 0, page);
    let unknown = &["error[usage.invalid]: \"plan\" is no code; run `tierlift codes`"];
    check(&[], None, &["codes", "plan"], 2, unknown);
}
