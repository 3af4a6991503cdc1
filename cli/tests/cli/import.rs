//! `tierlift import` and `reconcile`, and the same by a server with a key.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;
use tierlift_embedded::system_clock;
use tierlift_testkit::stripe_api::{Fault, StripeApi};

use super::{PLANS, SECRETS, printed, serving::Serving, tierlift};

const KEY: &str = "rk_test_1234567";

fn subscription(user: &str) -> serde_json::Value {
    let now = system_clock().now();
    json!({
        "id": format!("sub_{user}"), "object": "subscription", "customer": format!("cus_{user}"),
        "livemode": false, "status": "active", "created": now.as_secs() - 60,
        "metadata": { "user_id": user },
        "items": { "data": [{
            "id": "si_1", "price": { "id": "price_pro" },
            "current_period_end": now.plus_days(30).as_secs(),
        }] },
    })
}

/// Runs a command; its exit status and its output.
fn run(folder: &TempDir, api: &StripeApi, key: &str, args: &[&str]) -> (i32, String) {
    let config = format!("{PLANS}[stripe]\napi_base = \"{}\"\nshare_percent = 100\n", api.base());
    std::fs::write(folder.path().join("tierlift.toml"), config).unwrap();
    let output = tierlift(folder, &[("STRIPE_API_KEY", key)], args).output().unwrap();
    (output.status.code().unwrap(), printed(&output))
}

#[test]
fn everybody_who_pays_is_imported_once() {
    let (folder, api) = (tempfile::tempdir().unwrap(), StripeApi::start(KEY, system_clock()));
    api.put(subscription("ada"));
    api.put(subscription("eve"));
    let check = |args: &[&str], lines: &[&str]| {
        let (status, text) = run(&folder, &api, KEY, args);
        assert_eq!(status, 0, "{text}");
        for line in lines {
            assert!(text.contains(line), "{args:?}: {text}");
        }
    };
    check(&["import", "--dry-run"], &["2 objects checked on 5 pages", "2 would change an account"]);
    check(&["import"], &["2 objects checked on 5 pages", "2 changed an account"]);
    check(&["reconcile"], &["2 were right", "0 changed an account"]);
    let mut ended = subscription("eve");
    ended["status"] = "canceled".into();
    ended["ended_at"] = (system_clock().now().as_secs() - 5).into();
    api.put(ended);
    check(&["reconcile"], &["1 were right", "1 changed an account"]);
}

#[test]
fn a_running_server_imports_and_reconciles_for_the_commands() {
    let (folder, api) = (tempfile::tempdir().unwrap(), StripeApi::start(KEY, system_clock()));
    let stripe = format!("[stripe]\napi_base = \"{}\"\nreconcile = \"never\"\n", api.base());
    std::fs::write(folder.path().join("tierlift.toml"), format!("{PLANS}{stripe}")).unwrap();
    for user in ["ada", "eve"] {
        api.put(subscription(user));
    }
    // The commands have no key: it is the server that asks.
    let command = |args: &[&str]| {
        let output = tierlift(&folder, &[], args).output().unwrap();
        (output.status.code().unwrap(), printed(&output))
    };
    let check = |args: &[&str], status: i32, lines: &[&str]| {
        let (ended, text) = command(args);
        assert_eq!(ended, status, "{args:?}: {text}");
        for line in lines {
            assert!(text.contains(line), "{args:?}: {text}");
        }
    };
    let env = [SECRETS, &[("STRIPE_API_KEY", KEY)]].concat();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let server = Serving::start(tierlift(&folder, &env, &serve));
    let found = ["2 objects checked on 5 pages", "2 would change an account"];
    check(&["import", "--dry-run"], 0, &found);
    check(&["import"], 0, &["2 objects checked on 5 pages", "2 changed an account"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !command(&["reconcile"]).1.contains("2 were right") {
        assert!(Instant::now() < deadline, "what was imported is not applied");
    }
    let line = subscription("bob").to_string();
    std::fs::write(folder.path().join("objects.jsonl"), line).unwrap();
    let file = ["import", "--file", "objects.jsonl"];
    check(&file, 0, &["1 objects, 0 events, 0 queued before, 0 ignored"]);
    std::fs::write(folder.path().join("objects.jsonl"), "\n{\"id\": 1}\n").unwrap();
    check(&file, 2, &["error[usage.invalid]: objects.jsonl:2: neither an object nor an event"]);
    api.fail_all(Some(Fault::Status(401)));
    check(&["reconcile"], 1, &["error[stripe.unauthorized]"]);
    api.fail_all(None);
    check(&["reconcile"], 0, &["2 objects checked"]);
    server.end();

    let server = Serving::start(tierlift(&folder, SECRETS, &serve));
    check(&["reconcile"], 1, &["error[secret.missing]: the server has no STRIPE_API_KEY"]);
    server.end();
}

/// A command that is killed ends no run, and a server that is killed loses none.
#[test]
fn a_run_outlives_the_command_that_asked_for_it_and_goes_on_after_a_restart() {
    const COUNT: usize = 450;
    let (folder, api) = (tempfile::tempdir().unwrap(), StripeApi::start(KEY, system_clock()));
    let stripe = format!(
        "[stripe]\napi_base = \"{}\"\nreconcile = \"never\"\nshare_percent = 8\n",
        api.base()
    );
    std::fs::write(folder.path().join("tierlift.toml"), format!("{PLANS}{stripe}")).unwrap();
    for number in 0..COUNT {
        api.put(subscription(&format!("user{number}")));
    }
    let deadline = Instant::now() + Duration::from_mins(1);
    let asked = |count: usize| {
        while api.targets().len() < count {
            assert!(Instant::now() < deadline, "{:?}", api.targets());
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let env = [SECRETS, &[("STRIPE_API_KEY", KEY)]].concat();
    let serve = || Serving::start(tierlift(&folder, &env, &["serve", "--listen", "127.0.0.1:0"]));
    let import = || {
        let mut command = tierlift(&folder, &[], &["import"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let server = serve();
    let mut first = import();
    asked(1);
    first.kill().unwrap();
    first.wait().unwrap();
    // The run is the server's, and goes on.
    asked(3);
    // Dropping the server kills it.
    drop(server);
    let server = serve();
    let output = tierlift(&folder, &[], &["import"]).output().unwrap();
    let text = printed(&output);
    assert!(text.contains(&format!("{COUNT} objects checked")), "{text}");
    // No events: nothing that an import finds should have come by webhook.
    let pages = api.targets().len();
    assert!((9..=11).contains(&pages), "9 pages, and at most the one of the kill again: {pages}");
    server.end();
}

#[test]
fn objects_and_events_are_imported_from_a_file() {
    let (folder, api) = (tempfile::tempdir().unwrap(), StripeApi::start(KEY, system_clock()));
    let (ada, eve) = (subscription("ada"), subscription("eve"));
    let event = json!({
        "id": "evt_1", "object": "event", "type": "customer.subscription.created", "livemode": false,
        "created": system_clock().now().as_secs(), "data": { "object": eve },
    });
    let ignored = json!({
        "id": "evt_2", "object": "event", "type": "balance.available", "livemode": false,
        "created": 1, "data": { "object": {} },
    });
    let lines = [ada.clone(), event, ignored].map(|line| line.to_string()).join("\n");
    std::fs::write(folder.path().join("objects.jsonl"), lines).unwrap();
    let file = ["import", "--file", "objects.jsonl"];
    let (status, text) = run(&folder, &api, "", &file);
    assert_eq!((status, text.trim()), (0, "1 objects, 1 events, 0 queued before, 1 ignored"));
    api.put(ada);
    api.put(eve);
    let (_, text) = run(&folder, &api, KEY, &["reconcile"]);
    assert!(text.contains("2 were right"), "{text}");
    std::fs::write(folder.path().join("objects.jsonl"), "\n{\"id\": 1}\n").unwrap();
    let (status, text) = run(&folder, &api, "", &file);
    assert!(status == 2 && text.contains("objects.jsonl:2: neither an object nor"), "{text}");
}

#[test]
fn what_cannot_be_asked_ends_with_its_code() {
    let (folder, api) = (tempfile::tempdir().unwrap(), StripeApi::start(KEY, system_clock()));
    for (key, status, code) in [
        ("", 2, "secret.missing"),
        ("rk_live_1", 2, "stripe.wrong_mode"),
        ("whatever", 2, "secret.invalid"),
        ("rk_test_7654321", 1, "stripe.unauthorized"),
    ] {
        let (ended, text) = run(&folder, &api, key, &["import"]);
        assert_eq!(ended, status, "{text}");
        assert!(text.contains(&format!("error[{code}]")), "{text}");
        assert!(key.is_empty() || !text.contains(key), "{text}");
    }
}

#[test]
fn a_server_refuses_a_key_of_the_other_mode() {
    let env = [SECRETS, &[("STRIPE_API_KEY", "rk_live_1234567")]].concat();
    super::check(&env, Some(PLANS), &["serve"], 2, &["error[stripe.wrong_mode]: STRIPE_API_KEY"]);
}

#[test]
fn a_server_with_a_key_imports_by_itself() {
    let (folder, api) = (tempfile::tempdir().unwrap(), StripeApi::start(KEY, system_clock()));
    api.put(subscription("ada"));
    let config = format!("{PLANS}[stripe]\napi_base = \"{}\"\n", api.base());
    std::fs::write(folder.path().join("tierlift.toml"), config).unwrap();
    let env = [SECRETS, &[("STRIPE_API_KEY", KEY)]].concat();
    let server = Serving::start(tierlift(&folder, &env, &["serve", "--listen", "127.0.0.1:0"]));
    let deadline = Instant::now() + Duration::from_secs(20);
    let poll = |what: &str| {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    };
    while !api.targets().iter().any(|target| target.starts_with("/v1/disputes")) {
        poll("nothing is listed");
    }
    server.end();
    // A dry run enqueues nothing; what the server left queued is applied meanwhile.
    while !run(&folder, &api, KEY, &["reconcile", "--dry-run"]).1.contains("1 were right") {
        poll("nothing is imported");
    }
}
