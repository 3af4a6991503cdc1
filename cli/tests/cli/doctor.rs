//! `tierlift doctor` against the stand-in for Stripe's API: each thing that is wrong is found, by its code.

use serde_json::{Value, json};
use tempfile::TempDir;
use tierlift_core::{stripe::catalog, time::Timestamp};
use tierlift_embedded::system_clock;
use tierlift_stripe::API_VERSION;
use tierlift_testkit::{
    clock::ManualClock,
    stripe_api::{Fault, StripeApi, price, product, webhook_endpoint},
};

use super::{PLANS, SECRETS, printed, serving::Serving, tierlift};

const KEY: &str = "rk_test_1234567";

/// An account in which all is well.
fn account(api: &StripeApi) {
    let events: Vec<_> = catalog::relevant().filter(|kind| !catalog::is_thin(kind)).collect();
    let url = "https://app.example.com/webhooks/stripe";
    api.put(webhook_endpoint("we_1", url, &events, API_VERSION));
    api.put(product("prod_1", "Pro"));
    api.put(price("price_pro", "prod_1"));
}

/// Puts an event that was created as long ago and that some endpoint has not taken.
fn pending(api: &StripeApi, secs_ago: i64, kind: &str) {
    api.put(json!({
        "id": "evt_1", "object": "event", "livemode": false, "type": kind,
        "created": system_clock().now().as_secs() - secs_ago, "pending_webhooks": 1,
        "data": { "object": {} },
    }));
}

/// The codes of what is found, and the exit status.
fn doctor(api: &StripeApi, config: &str, more: &[&str]) -> (Vec<String>, i32) {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{config}[stripe]\napi_base = \"{}\"\nshare_percent = 100\n", api.base());
    std::fs::write(folder.path().join("tierlift.toml"), config).unwrap();
    let env = [SECRETS, &[("STRIPE_API_KEY", KEY)]].concat();
    found(&folder, &env, more)
}

fn found(folder: &TempDir, env: &[(&str, &str)], more: &[&str]) -> (Vec<String>, i32) {
    // Nothing listens on port 1.
    let server = ["doctor", "--json", "--server", "http://127.0.0.1:1"];
    let mut args = server.to_vec();
    if more.contains(&"--server") {
        args.truncate(2);
    }
    args.extend(more);
    let output = tierlift(folder, env, &args).output().unwrap();
    let text = printed(&output);
    let answer: Value = serde_json::from_slice(&output.stdout).expect(&text);
    let codes = answer["findings"].as_array().unwrap().iter().map(|finding| {
        let page = finding["page"].as_str().unwrap();
        assert!(page.ends_with(finding["code"].as_str().unwrap()), "{text}");
        finding["code"].as_str().unwrap().to_owned()
    });
    let codes = codes.filter(|code| code != "server.silent").collect();
    assert!(!text.contains("1234567"), "{text}");
    (codes, output.status.code().unwrap())
}

#[test]
fn each_thing_that_is_wrong_is_found() {
    type Row<'r> = (&'r dyn Fn(&StripeApi), &'r [&'r str], i32);
    let endpoint = |field: &'static str, value: Value| {
        move |api: &StripeApi| {
            let value = value.clone();
            api.change("webhook_endpoint", "we_1", |endpoint| endpoint[field] = value);
        }
    };
    let disabled = endpoint("status", "disabled".into());
    let elsewhere = endpoint("url", "https://app.example.com/".into());
    let everything = endpoint("enabled_events", json!(["*"]));
    let older = endpoint("api_version", "2020-08-27".into());
    let accounts = endpoint("api_version", Value::Null);
    let few = endpoint("enabled_events", json!(["invoice.paid", "balance.available"]));
    let rows: &[Row<'_>] = &[
        (&|_| {}, &[], 0),
        (&disabled, &["endpoint.disabled"], 1),
        (&elsewhere, &["endpoint.missing"], 1),
        (&everything, &["endpoint.events_unneeded"], 0),
        (&few, &["endpoint.events_missing", "endpoint.events_unneeded"], 1),
        (&|api| api.put(price("price_new", "prod_1")), &["price.unmapped"], 1),
        (
            &|api| api.change("price", "price_pro", |price| price["active"] = false.into()),
            &["plan.unused"],
            0,
        ),
        (&older, &["endpoint.version_differs"], 0),
        (&accounts, &[], 0),
        (&|api| pending(api, 2 * 3_600, "invoice.paid"), &["deliveries.failed"], 0),
        // It may be on its way, Stripe has given up, or nobody needs it.
        (&|api| pending(api, 60, "invoice.paid"), &[], 0),
        (&|api| pending(api, 4 * 86_400, "invoice.paid"), &[], 0),
        (&|api| pending(api, 2 * 3_600, "balance.available"), &[], 0),
        (&|api| api.fail_all(Some(Fault::Status(401))), &["stripe.unauthorized"], 1),
        (&|api| api.fail_next(Fault::Status(403)), &["stripe.forbidden"], 1),
    ];
    for (index, (break_it, codes, status)) in rows.iter().enumerate() {
        let api = StripeApi::start(KEY, system_clock());
        account(&api);
        break_it(&api);
        let (found, ended) = doctor(&api, PLANS, &[]);
        assert_eq!(
            (found, ended),
            (codes.iter().map(ToString::to_string).collect(), *status),
            "{index}"
        );
    }
}

#[test]
fn a_clock_that_is_wrong_is_found() {
    for (ahead_secs, codes) in [(0, [""; 0].to_vec()), (-120, vec!["clock.skewed"])] {
        let clock = ManualClock::new(system_clock().now().plus_secs(ahead_secs));
        let api = StripeApi::start(KEY, clock.clock());
        account(&api);
        assert_eq!(doctor(&api, PLANS, &[]).0, codes);
    }
    assert!(Timestamp::from_secs(0) < system_clock().now());
}

#[test]
fn without_a_key_the_rest_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (found_codes, status) = found(&folder, &[], &[]);
    assert_eq!(found_codes, ["secret.missing", "secret.missing", "config.missing"]);
    assert_eq!(status, 1);
    std::fs::write(folder.path().join("tierlift.toml"), PLANS).unwrap();
    assert_eq!(found(&folder, SECRETS, &[]), (vec!["key.missing".to_owned()], 0));
    let env = [SECRETS, &[("STRIPE_API_KEY", "rk_live_1234567")]].concat();
    assert_eq!(found(&folder, &env, &[]), (vec!["stripe.wrong_mode".to_owned()], 1));
}

#[test]
fn the_servers_secret_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tierlift.toml"), PLANS).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--data", "doctor.db"];
    let server = Serving::start(tierlift(&folder, SECRETS, &args));
    let url = server.url.clone();
    let check = |secret: &str| {
        let env = [("STRIPE_WEBHOOK_SECRET", secret), *SECRETS.last().unwrap()];
        found(&folder, &env, &["--server", &url])
    };
    let key_missing = || "key.missing".to_owned();
    assert_eq!(check(SECRETS[0].1), (vec![key_missing()], 0));
    let other = check("whsec_4GhNs8LpE2uAoC6xBiQz");
    assert_eq!(other, (vec![key_missing(), "secret.mismatch".to_owned()], 1));
    server.end();
}

#[test]
fn what_init_writes_has_nothing_to_find() {
    let (folder, api) = (tempfile::tempdir().unwrap(), StripeApi::start(KEY, system_clock()));
    account(&api);
    api.put(price("price_max", "prod_1"));
    let base = api.base();
    let init = |config: &str, more: &[&str]| {
        let args = [&["init", "--config", config, "--api-base", &base], more].concat();
        let output = tierlift(&folder, &[("STRIPE_API_KEY", KEY)], &args).output().unwrap();
        (output.status.code(), printed(&output))
    };
    let (status, text) = init("all.toml", &[]);
    assert_eq!(status, Some(0), "{text}");
    assert!(
        catalog::relevant().filter(|kind| !catalog::is_thin(kind)).all(|kind| text.contains(kind))
    );
    let read = |config: &str| std::fs::read_to_string(folder.path().join(config)).unwrap();
    assert!(read("all.toml").contains("\"price_max\" = \"paid\""));
    assert_eq!(doctor(&api, &read("all.toml"), &[]), (vec![], 0));
    let chosen = ["--roles", "free,pro", "--user-id-key", "uid", "--plan", "price_pro=pro"];
    assert_eq!(init("some.toml", &chosen).0, Some(0));
    assert!(read("some.toml").contains("ignore_prices = [\"price_max\"]"));
    assert_eq!(doctor(&api, &read("some.toml"), &[]), (vec![], 0));
    assert_eq!(init("all.toml", &[]).0, Some(2), "a file is never replaced");
    let (status, text) = init("wrong.toml", &["--plan", "price_pro=gold"]);
    assert!(status == Some(2) && text.contains("\"gold\", which is not one of roles"), "{text}");
    let output = tierlift(&folder, &[], &["init", "--config", "no.toml"]).output().unwrap();
    assert!(printed(&output).contains("error[usage.invalid]: no plans"), "{}", printed(&output));
}
