//! The `tierlift` program as people use it: its errors and their codes, and a demo from its first start
//! to a changed role.
//!
//! `cargo build --bin tierlift` builds what is tested here.
#![allow(clippy::restriction, clippy::missing_panics_doc, reason = "tests stop where they fail")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const PLANS: &str = "[plans]\nprice_pro = \"paid\"\n";
const SECRETS: &[(&str, &str)] = &[
    ("STRIPE_WEBHOOK_SECRET", "whsec_test"),
    ("TIERLIFT_JWT_SECRET", "a secret of at least thirty-two bytes"),
];

/// The program beside this test, in a folder of its own and with no settings but those given.
fn tierlift(folder: &TempDir, env: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tierlift"));
    command.current_dir(folder).args(args).env_clear().envs(env.iter().copied());
    command.env("XDG_STATE_HOME", folder.path()).stdin(Stdio::null());
    command
}

fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Runs the program to its end; checks its exit status, and that its output has all of these texts.
fn check(env: &[(&str, &str)], config: Option<&str>, args: &[&str], status: i32, texts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    if let Some(config) = config {
        std::fs::write(folder.path().join("tierlift.toml"), config).unwrap();
    }
    let output = tierlift(&folder, env, args).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {printed}");
    for text in texts {
        assert!(printed.contains(text), "{args:?} does not print {text:?} but:\n{printed}");
    }
}

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

/// A running `tierlift serve`, ended by its own id.
struct Serving {
    child: Child,
    url: String,
}

impl Serving {
    fn start(command: Command) -> Self {
        Self::start_logging(command, Stdio::null())
    }

    fn start_logging(mut command: Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let after = line.split("listens on ").nth(1).unwrap_or_else(|| panic!("printed {line:?}"));
        let url = after.split(' ').next().unwrap().to_owned();
        Self { child, url }
    }

    fn demo(folder: &TempDir) -> Self {
        let args = ["serve", "--demo", "--listen", "127.0.0.1:0", "--data", "demo.db"];
        Self::start(tierlift(folder, &[], &args))
    }

    /// Asks it to end, and waits: it must end with 0.
    fn end(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    fn ask(&self, path: &str, token: &str) -> (u16, Value) {
        let request = agent().get(format!("{}{path}", self.url));
        answer(request.header("authorization", format!("Bearer {token}")).call())
    }

    fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let request = agent().post(format!("{}{path}", self.url));
        answer(request.header("content-type", "application/json").send(body))
    }

    fn login(&self, user: &str) -> String {
        let (status, body) = self.post("/demo/login", &json!({ "userId": user }).to_string());
        assert_eq!((status, &body["expiresIn"]), (200, &json!(900)), "{body}");
        body["accessToken"].as_str().unwrap().to_owned()
    }

    fn simulate(&self, user: &str, action: &str) -> (u16, Value) {
        let body = json!({ "userId": user, "action": action });
        self.post("/demo/simulate", &body.to_string())
    }

    /// Runs `tierlift trigger` against it, and expects this verdict.
    fn trigger(&self, folder: &TempDir, action: &str, more: &[&str], code: i32, verdict: &str) {
        let args = [&["trigger", action, "--user", "ada", "--url", &self.url], more].concat();
        let output = tierlift(folder, &[], &args).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(code), "{action}: {printed}");
        assert!(printed.contains(verdict), "{action} does not print {verdict:?} but:\n{printed}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Ended already, or left behind by a failed test.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut answer = answer.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[test]
fn a_demo_takes_an_upgrade_to_the_session() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    let secret = std::fs::metadata(folder.path().join("demo.db.jwt-secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);

    let (_, before) = demo.ask("/session", &demo.login("ada"));
    assert_eq!((&before["role"], &before["revocationId"]), (&json!("free"), &json!(0)));
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada: role paid, expected paid, revocation id 1");
    let (_, after) = demo.ask("/session", &demo.login("ada"));
    assert_eq!((&after["role"], &after["subscriptionActive"]), (&json!("paid"), &json!(true)));

    for (action, verdict) in [
        ("past_due", "OK ada: role paid"),
        ("downgrade", "OK ada: role free"),
        ("upgrade", "OK ada: role paid"),
        ("cancel", "OK ada: role free"),
        ("upgrade", "OK ada: role paid"),
    ] {
        demo.trigger(&folder, action, &[], 0, verdict);
    }
    check_metrics(&demo);
    let storm = ["--count", "700", "--duplicates", "100", "--shuffle", "--seed", "7"];
    demo.trigger(&folder, "storm", &storm, 0, "OK ada-3: role paid");
    // The same command again is another storm; with its time it is nothing but repeats.
    demo.trigger(&folder, "storm", &storm, 0, "OK ada-3: role paid");
    let dated = ["--count", "700", "--shuffle", "--seed", "7", "--at", "1795000000"];
    for _ in 0..2 {
        demo.trigger(&folder, "storm", &dated, 0, "OK ada-3: role paid");
    }
    demo.trigger(&folder, "downgrade", &[], 0, "OK ada: role free");
    demo.end();
}

/// Every metric that the server shows is documented.
fn check_metrics(demo: &Serving) {
    let (_, metrics) = demo.ask("/metrics", "");
    let protocol = include_str!("../../docs/protocol.md");
    let names: Vec<_> = metrics
        .as_str()
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(protocol.contains(&format!("`{name}`")), "{name} is not in docs/protocol.md");
    }
}

#[test]
fn a_deployment_is_what_its_file_and_environment_say() {
    let folder = tempfile::tempdir().unwrap();
    let config = "roles = [\"a\", \"b\"]\nplans.price_b = \"b\"\npolicy.past_due = \"revoke\"\n";
    std::fs::write(folder.path().join("other.toml"), config).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--config", "other.toml"];
    let serving = Serving::start(tierlift(&folder, SECRETS, &args));
    assert_eq!(serving.ask("/demo", "").0, 404);
    let secrets = ["--secret", SECRETS[0].1, "--jwt-secret", SECRETS[1].1, "--price", "price_b"];
    let checked = |role| [&secrets[..], &["--expect", role]].concat();
    serving.trigger(&folder, "upgrade", &checked("b"), 0, "OK ada: role b");
    serving.trigger(&folder, "past_due", &checked("a"), 0, "OK ada: role a");
    let unchecked = ["--secret", SECRETS[0].1, "--price", "price_b"];
    serving.trigger(&folder, "upgrade", &unchecked, 0, "not checked");
    serving.end();
}

#[test]
fn a_second_server_gets_neither_the_address_nor_the_data_file() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    let address = demo.url.trim_start_matches("http://");
    for (listen, data, error) in [
        (address, "other.db", "error[listen.failed]: cannot listen on"),
        ("127.0.0.1:0", "demo.db", "error[data.in_use]: demo.db is in use"),
    ] {
        let args = ["serve", "--demo", "--listen", listen, "--data", data];
        let output = tierlift(&folder, &[], &args).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(printed.contains(error), "{printed}");
    }
    demo.end();
    let args = ["trigger", "upgrade", "--user", "ada", "--url", "http://127.0.0.1:9"];
    check(&[], None, &args, 1, &["error[server.unavailable]: http://127.0.0.1:9/webhooks/stripe"]);
}

#[test]
fn a_second_signal_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["serve", "--demo", "--listen", "127.0.0.1:0"];
    let mut serving = Serving::start_logging(tierlift(&folder, &[], &args), Stdio::piped());
    let mut log = BufReader::new(serving.child.stderr.take().unwrap()).lines();
    // A webhook whose body does not come holds up the end. It is waited for once it is asked for.
    let mut slow = TcpStream::connect(serving.url.trim_start_matches("http://")).unwrap();
    let head = "POST /webhooks/stripe HTTP/1.1\r\nhost: a\r\nstripe-signature: t=1,v1=0\r\n\
                content-length: 9\r\nexpect: 100-continue\r\n\r\n";
    slow.write_all(head.as_bytes()).unwrap();
    let mut asked = [0; 12];
    slow.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100");
    let pid = Pid::from_child(&serving.child);
    kill_process(pid, Signal::TERM).unwrap();
    assert!(log.any(|line| line.unwrap().contains("signal again to end at once")));
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(serving.child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_trigger_with_another_outcome_fails() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    demo.trigger(&folder, "upgrade", &["--expect", "free"], 1, "MISMATCH ada: role paid");
    demo.trigger(&folder, "upgrade", &["--expect", "free"], 1, "error[role.unexpected]");
    let wrong = ["--secret", "whsec_wrong"];
    demo.trigger(&folder, "upgrade", &wrong, 1, "signature.mismatch");
    demo.trigger(&folder, "storm", &["--price", "price_x"], 1, "is the price in [plans]?");
    demo.end();
}

#[test]
fn the_demos_own_actions_follow_each_other_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    assert_eq!(demo.simulate("ben", "downgrade").1["code"], "subscription.missing");
    for action in ["upgrade", "past_due", "upgrade", "downgrade", "upgrade", "storm"] {
        let (status, body) = demo.simulate("ben", action);
        assert_eq!((status, &body["status"]), (202, &json!("sent")), "{action}: {body}");
    }
    // `trigger` waits until everything is applied: the next process reads the store.
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada");
    demo.end();

    let demo = Serving::demo(&folder);
    assert_eq!(demo.simulate("ben", "downgrade").0, 202);
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada");
    let (status, session) = demo.ask("/session", &demo.login("ben"));
    assert_eq!((status, &session["role"]), (200, &json!("free")), "{session}");
    demo.end();
}

#[test]
fn the_demo_answers_what_it_cannot_do_with_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::demo(&folder);
    for (path, body, status, code) in [
        ("/demo/login", r#"{"userId":""}"#, 400, "user.invalid"),
        ("/demo/login", r#"{"userId":7}"#, 400, "body.invalid"),
        ("/demo/login", "nonsense", 400, "body.invalid"),
        ("/demo/simulate", r#"{"userId":"ada"}"#, 400, "body.invalid"),
        ("/demo/simulate", r#"{"userId":"ada","action":"explode"}"#, 400, "action.unknown"),
        ("/demo/simulate", r#"{"userId":"ada","action":"past_due"}"#, 409, "subscription.missing"),
        (
            "/demo/simulate",
            r#"{"userId":"ada","action":"slow","delayMs":60001}"#,
            400,
            "delay.invalid",
        ),
    ] {
        let (got, answer) = demo.post(path, body);
        assert_eq!((got, &answer["code"]), (status, &json!(code)), "{path} {body}: {answer}");
    }
    let (status, premium) = demo.ask("/demo/premium", &demo.login("ada"));
    assert_eq!((status, &premium["code"]), (403, &json!("role.required")));
    let stale = demo.login("ada");
    demo.trigger(&folder, "upgrade", &[], 0, "OK ada: role paid");
    assert_eq!(demo.ask("/demo/premium", &stale).1["code"], "token.stale");
    let (status, premium) = demo.ask("/demo/premium", &demo.login("ada"));
    assert_eq!((status, &premium["role"]), (200, &json!("paid")));
    let (status, page) = demo.ask("/demo/plain", "");
    assert!(status == 200 && page.as_str().unwrap().starts_with("<!doctype html>"));
    assert_eq!(demo.ask("/demo/assets/none.js", "").0, 404);
    demo.end();
}
