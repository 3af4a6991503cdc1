//! The commands of operators with `--aws`, at a deployed stack: as people who have the stack's policies for operators
//! and no other right.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tierlift_testkit::{
    child::{Child, announced},
    harness::{client::Request, tools},
};

use super::{
    deploy::{Stack, subscribed, template},
    emulator::IAM_AUTHORIZATION,
};

/// How often a command is repeated until its answer is as wanted. Each takes a tenth of a second.
const REPEATS_MAX: usize = 200;

/// A person with credentials.
struct Person<'a> {
    stack: &'a Stack,
    key: String,
    secret: String,
    folder: tempfile::TempDir,
}

impl<'a> Person<'a> {
    /// A person with these policies of the stack.
    async fn with(stack: &'a Stack, name: &str, policies: &[&str]) -> Self {
        let user = format!("UserName={name}");
        iam(stack, &format!("Action=CreateUser&{user}")).await;
        for policy in policies {
            let policy = stack.output(policy);
            iam(stack, &format!("Action=AttachUserPolicy&{user}&PolicyArn={policy}")).await;
        }
        let made = iam(stack, &format!("Action=CreateAccessKey&{user}")).await;
        let element = |name: &str| {
            let after = made.split_once(&format!("<{name}>")).unwrap().1;
            after.split_once("</").unwrap().0.to_owned()
        };
        let folder = tempfile::tempdir().unwrap();
        Self { stack, key: element("AccessKeyId"), secret: element("SecretAccessKey"), folder }
    }

    /// Runs a command; returns what it printed.
    fn run(&self, line: &str, status: i32) -> String {
        let output = self.command(line).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{line}: {printed}");
        if status == 0 { text(&output.stdout) } else { printed }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(tools::program("tierlift"));
        // The command starts it.
        assert!(tools::program("tierlift-aws").exists());
        command.args(line.split(' ')).arg("--aws").current_dir(&self.folder).env_clear();
        command.env("USER", "eve").env("AWS_REGION", "us-east-1");
        command.env("AWS_ENDPOINT_URL", self.stack.endpoint());
        command.env("AWS_ACCESS_KEY_ID", &self.key).env("AWS_SECRET_ACCESS_KEY", &self.secret);
        command
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(&format!("{line} --json"), 0)).unwrap()
    }

    /// Repeats a command until its answer is as wanted.
    fn eventually(&self, line: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..REPEATS_MAX {
            let answer = self.json(line);
            if is_wanted(&answer) {
                return answer;
            }
        }
        panic!("{line}: {}", self.json(line));
    }
}

/// Calls IAM as the account's root; returns its XML.
async fn iam(stack: &Stack, form: &str) -> String {
    let form = format!("{form}&Version=2010-05-08");
    let request = Request::new("POST", "/").header("authorization", IAM_AUTHORIZATION);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = stack.send(request.body(form.as_bytes())).await;
    assert_eq!(answer.status, 200, "{form}: {}", answer.body);
    answer.body
}

const ACTS: [&str; 2] = ["OperatorReadPolicyArn", "OperatorActPolicyArn"];

#[tokio::test]
async fn an_incident_is_found_understood_and_fixed_with_the_stacks_policies() {
    let stack = Stack::start_from(&template(), &["Plans=price_other=paid"]).await;
    let eve = Person::with(&stack, "eve", &ACTS).await;
    for number in 0..12 {
        let (event, user) = (format!("evt_{number}"), format!("user_{number}"));
        stack.accepts(&subscribed(&event, &user)).await;
    }
    eve.eventually("status", |it| {
        (&it["deadLettersByCause"]["plan.unmapped"], &it["deadLetters"], &it["queued"])
            == (&12.into(), &12.into(), &0.into())
    });

    // Found and understood. What is listed is hidden from nobody.
    for _ in 0..2 {
        let groups = eve.json("dead-letters list");
        let group = &groups["groups"][0];
        assert_eq!((&group["key"], &group["count"]), (&"plan.unmapped".into(), &12.into()));
        assert_eq!(group["users"], 12, "{group}");
    }
    eve.run("dead-letters note plan.unmapped --reason looking", 0);
    let listed = eve.run("dead-letters list", 0);
    assert!(listed.contains("looking (eve)"), "{listed}");
    let each = eve.json("dead-letters list --each --user user_3");
    assert_eq!(each.as_array().unwrap().len(), 1, "{each}");
    let shown = eve.run("dead-letters show evt_3", 0);
    assert!(shown.contains("It fails again: plan.unmapped"), "{shown}");
    let stopped = eve.run("dead-letters redrive --all --yes --reason try", 1);
    assert!(stopped.contains("stopped, since most failed again"), "{stopped}");
    let shown = eve.json("dead-letters show evt_3");
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 2, "{shown}");

    // Fixed: the prediction follows the worker's new policy.
    stack.update(&["Plans=price_pro=paid"]);
    let shown = eve.json("dead-letters show evt_3");
    assert_eq!(shown["explanation"][0], "user_3 goes from free to paid (revocation id 1).");
    eve.run("dead-letters discard evt_11 --reason spam", 0);
    eve.run("dead-letters discard evt_11 --reason spam", 1);
    assert!(eve.run("dead-letters list --discarded", 0).contains("spam"));
    let done = eve.json("dead-letters redrive --all --yes --rate 1000 --reason mapped");
    assert_eq!((&done["redriven"], &done["applied"]), (&11.into(), &11.into()), "{done}");
    eve.run("dead-letters undiscard evt_11 --reason oops", 0);
    assert_eq!(eve.json("dead-letters redrive evt_11 --reason mapped")["applied"], 1);
    assert_eq!(eve.json("status")["deadLetters"], 0);

    // Explained.
    assert!(eve.run("explain user_3", 0).contains("user_3 is paid"));
    assert!(eve.run("event evt_3", 0).contains("applied"));
    assert!(eve.run("customer cus_user_3", 0).contains("sub_user_3"));
    assert_eq!(eve.run("audit export --user user_3", 0).lines().count(), 1);
    let missing = eve.run("event evt_none", 1);
    assert!(missing.contains("error[subject.missing]"), "{missing}");

    // Erased: by a person's request, also what others cannot be asked for again.
    eve.run("erase user_3 --reason request", 2);
    eve.run("revoke user_3 --reason user_3_is_gone", 0);
    let erased = eve.json("erase user_3 --yes --reason request");
    assert_eq!((&erased["customers"], &erased["rows"]), (&1.into(), &2.into()), "{erased}");
    assert_eq!(eve.run("audit export --user user_3", 0), "");
    let rows = eve.run("audit export", 0);
    assert!(!rows.contains("\"user_3\"") && rows.contains(erased["pseudonym"].as_str().unwrap()));
    assert_eq!(eve.json("explain user_3")["role"], "free");
    assert_eq!(eve.json("customer cus_user_3")["things"], serde_json::json!([]));

    // Every act is in the ledger.
    let acts = eve.run("audit export --acts --since 1h", 0);
    let kinds = [("noted", 1), ("redriven", 3), ("discarded", 1), ("undiscarded", 1), ("begun", 1)];
    for (kind, count) in kinds {
        assert_eq!(acts.matches(&format!(".{kind}\"")).count(), count, "{kind}: {acts}");
    }
}

/// Dead letters leave as lines and enter again; events are replayed; the console is served with a token of its own.
#[tokio::test]
async fn files_are_taken_over_and_the_console_is_served_on_this_machine() {
    let stack = Stack::start_from(&template(), &["Plans=price_other=paid"]).await;
    let eve = Person::with(&stack, "eve", &ACTS).await;
    for user in ["ada", "bob"] {
        stack.accepts(&subscribed(&format!("evt_{user}"), user)).await;
    }
    eve.eventually("status", |it| it["deadLetters"] == 2);
    let lines = eve.run("dead-letters export", 0);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let file = |name: &str, text: &str| std::fs::write(eve.folder.path().join(name), text).unwrap();
    let cara = lines.lines().next().unwrap().replace("ada", "cara").replace("bob", "cara");
    file("lines.jsonl", &format!("{lines}{cara}\n{cara}\n"));
    let taken = eve.json("dead-letters import lines.jsonl --reason moved");
    assert_eq!((&taken["added"], &taken["known"]), (&1.into(), &3.into()), "{taken}");
    eve.eventually("status", |it| it["deadLetters"] == 3);
    file("events.jsonl", &format!("{}\n", subscribed("evt_dora", "dora")));
    assert_eq!(eve.json("replay --file events.jsonl --reason lost")["added"], 1);
    eve.eventually("status", |it| it["deadLetters"] == 4);

    let mut command = eve.command("console --actor eve");
    let mut console = Child::spawn(command.stdout(Stdio::piped())).unwrap();
    let line = |line: &str| line.strip_prefix("console: ").map(str::to_owned);
    let url = announced(console.stdout().unwrap(), line).unwrap();
    let (origin, token) = url.trim().split_once("/console#token=").unwrap();
    let address = origin.strip_prefix("http://").unwrap().to_owned();
    let host: &'static str = Box::leak(address.clone().into_boxed_str());
    let address: std::net::SocketAddr = address.parse().unwrap();
    let ask = async |method, path: &str, token: &str, body: &str| {
        let request = Request::new(method, path).with_host(host).bearer(token);
        let request = request.header("content-type", "application/json");
        request.body(body.as_bytes()).send(address).await
    };
    assert_eq!(ask("GET", "/console", "", "").await.status, 200);
    ask("GET", "/operations/status", "", "").await.assert(401, "operator_token.missing");
    let wrong = "0".repeat(64);
    ask("GET", "/operations/status", &wrong, "").await.assert(401, "operator_token.invalid");
    let foreign = Request::new("GET", "/operations/status").with_host("evil.example").bearer(token);
    foreign.send(address).await.assert(403, "host.refused");
    let status = ask("GET", "/operations/status", token, "").await;
    assert_eq!(status.json()["deadLetters"], 4, "{status:?}");
    assert_eq!(ask("GET", "/operations/token", token, "").await.json()["name"], "eve");
    let grant = r#"{"user": "ada", "role": "paid", "reason": "help", "actor": "mallory"}"#;
    ask("POST", "/operations/grant", token, grant).await.assert(200, "");
    let acts = ask("GET", "/operations/ledger?actsOnly=true", token, "").await.json();
    assert_eq!(acts["rows"][0]["actor"], "eve", "{acts}");
    for path in ["/operations/dead-letters/export", "/operations/backup", "/metrics"] {
        ask("GET", path, token, "").await.assert(404, "route.not_found");
    }
    console.terminate(Duration::from_secs(30)).unwrap();
}

#[tokio::test]
async fn operators_link_grant_revoke_and_pause_on_aws() {
    let stack = Stack::start().await;
    let eve = Person::with(&stack, "eve", &ACTS).await;
    let mut socket = stack.socket("ada").await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    assert_eq!(socket.reach(1).await["role"], "paid");
    eve.run("link cus_ada --user bob --reason gift", 0);
    assert_eq!(socket.reach(2).await["role"], "free");
    assert_eq!(eve.json("explain bob")["role"], "paid");
    eve.run("unlink cus_ada --reason back", 0);
    assert_eq!(eve.json("explain ada")["role"], "paid");
    eve.run("grant eve team --reason staff", 0);
    assert_eq!(eve.json("explain eve")["manualRole"], "team");
    eve.run("grant eve none --reason left", 0);
    eve.run("grant eve king --reason no", 1);
    eve.run("revoke ada --reason stolen", 0);

    eve.run("pause --reason incident", 0);
    stack.accepts(&subscribed("evt_2", "cara")).await;
    let status = eve.json("status");
    assert!(status["paused"].as_str().unwrap().contains("by eve"), "{status}");
    assert_eq!(
        (&status["queued"], eve.json("explain cara")["role"].as_str()),
        (&1.into(), Some("free"))
    );
    eve.run("resume --reason over", 0);
    eve.eventually("explain cara", |it| it["role"] == "paid");
    assert_eq!(eve.json("status")["paused"], Value::Null);
    eve.run("backup copy.db", 2);
    // Her policy is of this stack alone, so another one is not even missing.
    let refused = eve.run("status --stack other", 1);
    assert!(refused.contains("error[aws.unavailable]"), "{refused}");
    let (key, secret) = ("test".to_owned(), "test".to_owned());
    let root = Person { stack: &stack, key, secret, folder: tempfile::tempdir().unwrap() };
    let missing = root.run("status --stack other", 1);
    assert!(missing.contains("error[stack.missing]"), "{missing}");
}

#[tokio::test]
async fn who_may_look_sees_everything_and_changes_nothing() {
    let stack = Stack::start_from(&template(), &["Plans=price_other=paid"]).await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    let (ada, eve) =
        (Person::with(&stack, "ada", &ACTS[..1]).await, Person::with(&stack, "eve", &ACTS).await);
    ada.eventually("status", |it| it["deadLetters"] == 1);
    eve.run("dead-letters note plan.unmapped --reason looking", 0);
    for line in [
        "dead-letters list",
        "dead-letters list --discarded",
        "dead-letters show evt_1",
        "explain ada",
        "event evt_1",
        "audit export",
        "audit export --acts",
    ] {
        ada.run(line, 0);
    }
    for line in [
        "dead-letters redrive evt_1 --reason no",
        "dead-letters discard evt_1 --reason no",
        "dead-letters note plan.unmapped --reason no",
        "grant ada paid --reason no",
        "revoke ada --reason no",
        "pause --reason no",
        "erase ada --yes --reason no",
    ] {
        let refused = ada.run(line, 1);
        assert!(refused.contains("AccessDenied"), "{line}: {refused}");
    }
    assert_eq!(eve.json("status")["deadLetters"], 1);
    assert_eq!(eve.json("explain ada")["role"], "free");
    // Nobody without a policy sees anything.
    let nobody = Person::with(&stack, "nobody", &[]).await;
    let refused = nobody.run("status", 1);
    assert!(refused.contains("error[aws.unavailable]"), "{refused}");
}
