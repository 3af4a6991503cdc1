//! What operators do, with and without a server: an incident from its first sight to its end.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tierlift_core::stripe::signature::sign;
use tierlift_testkit::{harness::now, webhook};

use super::{PLANS, SECRETS, printed, serving::Serving, tierlift};

/// A deployment in a folder of its own, whose plan map can be changed.
pub(crate) struct Deployment {
    pub(crate) folder: TempDir,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        let deployment = Self { folder: tempfile::tempdir().unwrap() };
        deployment.configure("[plans]\nprice_other = \"paid\"\n");
        deployment
    }

    pub(crate) fn configure(&self, config: &str) {
        fs::write(self.folder.path().join("tierlift.toml"), config).unwrap();
    }

    pub(crate) fn serve(&self) -> Serving {
        let args = ["serve", "--listen", "127.0.0.1:0"];
        Serving::start(tierlift(&self.folder, SECRETS, &args))
    }

    /// Runs a command; returns what it printed.
    pub(crate) fn run(&self, line: &str, status: i32) -> String {
        let args: Vec<&str> = line.split(' ').collect();
        let output = tierlift(&self.folder, &[("USER", "eve")], &args).output().unwrap();
        let printed = printed(&output);
        assert_eq!(output.status.code(), Some(status), "{line}: {printed}");
        printed
    }

    pub(crate) fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.run(&format!("{line} --json"), 0)).unwrap()
    }

    /// Waits until a command's answer is as wanted.
    pub(crate) fn eventually(&self, line: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..400 {
            let answer = self.json(line);
            if is_wanted(&answer) {
                return answer;
            }
        }
        panic!("{line}: {}", self.json(line));
    }
}

/// Posts an event that creates a user's subscription, as Stripe would.
pub(crate) fn subscribe(serving: &Serving, event: &str, user: &str, email: &str) {
    let mut body = webhook::subscription(event, user, "active", now());
    body["data"]["object"]["customer_email"] = email.into();
    body["data"]["object"]["note"] = "\u{1b}[2J<script>alert(1)</script>".into();
    post(serving, &body);
}

/// Posts an event, as Stripe would.
fn post(serving: &Serving, event: &Value) {
    assert_eq!(deliver(serving, &event.to_string()), 200);
}

/// Posts a body as Stripe would; returns the status of the answer.
pub(crate) fn deliver(serving: &Serving, body: &str) -> u16 {
    let signature = sign(SECRETS[0].1, body.as_bytes(), now());
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("{}/webhooks/stripe", serving.url));
    let request = request.header("stripe-signature", signature);
    request.content_type("application/json").send(body).unwrap().status().as_u16()
}

#[test]
fn an_incident_is_found_understood_and_mended() {
    let deployment = Deployment::new();
    let serving = deployment.serve();
    for number in 0..12 {
        subscribe(&serving, &format!("evt_{number}"), &format!("user_{number}"), "a@b.example");
    }
    let dead = |count: u64| move |status: &Value| status["deadLetters"] == count;
    let status = deployment.eventually("status", dead(12));
    assert_eq!(status["deadLettersByCause"]["plan.unmapped"], 12, "{status}");

    // Found.
    let groups = deployment.json("dead-letters list");
    let group = &groups["groups"][0];
    assert_eq!((&group["key"], &group["count"]), (&"plan.unmapped".into(), &12.into()));
    assert_eq!((&group["customers"], &group["users"]), (&12.into(), &12.into()), "{group}");
    assert!(deployment.run("dlq list", 0).contains("12 dead letters"));
    deployment.run("dead-letters note plan.unmapped --reason looking", 0);
    assert!(deployment.run("dead-letters list", 0).contains("looking (eve)"));
    let each = deployment.json("dead-letters list --each --user user_3");
    assert_eq!(each.as_array().unwrap().len(), 1, "{each}");

    // Understood.
    let shown = deployment.run("dead-letters show evt_3", 0);
    for text in ["It fails again: plan.unmapped", "user_3", "free", "tierlift codes plan.unmapped"]
    {
        assert!(shown.contains(text), "no {text:?} in {shown}");
    }
    assert!(!shown.contains("a@b.example") && !shown.contains('\u{1b}'), "{shown}");
    let refused = deployment.run("dead-letters redrive --all --reason try", 2);
    assert!(refused.contains("confirm with --yes"), "{refused}");
    deployment.run("dead-letters redrive --reason try", 2);
    let stopped = deployment.run("dead-letters redrive --all --yes --reason try", 1);
    assert!(stopped.contains("stopped, since most failed again"), "{stopped}");
    let shown = deployment.json("dead-letters show evt_3");
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 2, "{shown}");

    // Fixed.
    serving.end();
    deployment.configure(PLANS);
    let serving = deployment.serve();
    let shown = deployment.json("dead-letters show evt_3");
    assert_eq!(shown["explanation"][0], "user_3 goes from free to paid (revocation id 1).");
    let predicted = deployment.run("dead-letters redrive --all --dry-run", 0);
    assert_eq!(predicted.matches("goes from free to paid").count(), 12, "{predicted}");
    deployment.run("dead-letters discard evt_11 --reason spam", 0);
    deployment.run("dead-letters discard evt_11 --reason spam", 1);
    assert!(deployment.run("dead-letters list --discarded", 0).contains("spam"));
    let done = deployment.json("dead-letters redrive --all --yes --rate 1000 --reason mapped");
    assert_eq!((&done["redriven"], &done["applied"]), (&11.into(), &11.into()), "{done}");
    deployment.run("dead-letters undiscard evt_11 --reason oops", 0);
    assert_eq!(deployment.json("dead-letters redrive evt_11 --reason mapped")["applied"], 1);
    assert_eq!(deployment.json("status")["deadLetters"], 0);
    assert!(deployment.run("explain user_3", 0).contains("user_3 is paid"));
    assert!(deployment.run("event evt_3", 0).contains("applied"));
    assert!(deployment.run("customer cus_user_3", 0).contains("sub_user_3"));
    let missing = deployment.run("event evt_none", 1);
    assert!(missing.contains("error[subject.missing]"), "{missing}");

    // Every act is in the ledger.
    let acts = deployment.run("audit export --acts --since 1h", 0);
    for (kind, count) in [("noted", 1), ("redriven", 3), ("discarded", 1), ("undiscarded", 1)] {
        assert_eq!(acts.matches(&format!(".{kind}\"")).count(), count, "{kind}: {acts}");
    }
    serving.end();
}

/// Both the command and the server are killed in the middle of a redrive.
#[test]
fn a_redrive_that_was_killed_is_continued_and_applies_each_event_once() {
    const COUNT: usize = 300;
    let deployment = Deployment::new();
    let serving = deployment.serve();
    for number in 0..COUNT {
        subscribe(&serving, &format!("evt_{number}"), &format!("user_{number}"), "a@b.example");
    }
    deployment.eventually("status", |it| it["deadLetters"] == COUNT);
    serving.end();
    deployment.configure(PLANS);
    let serving = deployment.serve();
    let args = ["dead-letters", "redrive", "--all", "--yes", "--rate", "50", "--reason", "mapped"];
    let mut command = tierlift(&deployment.folder, &[("USER", "eve")], &args);
    let mut redrive = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    deployment.eventually("status", |it| it["deadLetters"].as_u64().unwrap() < 200);
    redrive.kill().unwrap();
    redrive.wait().unwrap();
    // Dropping the server kills it, too.
    drop(serving);

    let serving = deployment.serve();
    let left = deployment.json("status")["deadLetters"].as_u64().unwrap();
    assert!(left > 0, "it was not killed in the middle");
    let done = deployment.json("dead-letters redrive --all --yes --reason mapped");
    assert_eq!((&done["redriven"], &done["failed"]), (&left.into(), &0.into()), "{done}");
    deployment.eventually("status", |it| it["queued"] == 0);
    let ledger = deployment.run("audit export", 0);
    let rows = ledger.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let steps: Vec<_> = rows.filter_map(|row| row["owners"].get(0).cloned()).collect();
    assert_eq!(steps.len(), COUNT);
    for step in steps {
        assert_eq!((&step["toRole"], &step["revocationId"]), (&"paid".into(), &1.into()), "{step}");
    }
    serving.end();
}

#[test]
fn operators_link_grant_revoke_and_pause() {
    let deployment = Deployment::new();
    deployment.configure(PLANS);
    let serving = deployment.serve();
    subscribe(&serving, "evt_1", "ada", "a@b.example");
    deployment.eventually("explain ada", |it| it["role"] == "paid");
    deployment.run("link cus_ada --user bob --reason gift", 0);
    let explained = deployment.json("explain ada");
    assert_eq!(explained["role"], "free");
    assert_eq!(explained["doesNotCount"][0]["reason"], "it belongs to bob");
    assert_eq!(deployment.json("explain bob")["role"], "paid");
    deployment.run("unlink cus_ada --reason back", 0);
    assert_eq!(deployment.json("explain ada")["role"], "paid");
    deployment.run("grant eve operator --reason staff", 0);
    assert_eq!(deployment.json("explain eve")["manualRole"], "operator");
    deployment.run("grant eve none --reason left", 0);
    assert_eq!(deployment.json("explain eve")["role"], "free");
    deployment.run("grant eve king --reason no", 1);
    deployment.run("revoke ada --reason stolen", 0);
    let refused = deployment.run("erase ada --reason request", 2);
    assert!(refused.contains("confirm with --yes"), "{refused}");
    assert_eq!(deployment.json("explain ada")["role"], "paid");
    let erased = deployment.run("erase ada --yes --reason request", 0);
    assert!(erased.contains("customers: 1"), "{erased}");
    assert_eq!(deployment.json("explain ada")["role"], "free");
    assert_eq!(deployment.run("audit export --user ada", 0), "");
    assert!(!deployment.run("audit export", 0).contains("\"ada\""));

    deployment.run("pause --reason incident", 0);
    subscribe(&serving, "evt_2", "cara", "a@b.example");
    let status = deployment.json("status");
    assert_eq!((&status["queued"], &status["inFlight"]), (&1.into(), &0.into()));
    assert_eq!(status["lastEvent"]["event"], "evt_1", "{status}");
    serving.end();
    // It stays paused through a restart.
    let serving = deployment.serve();
    let status = deployment.json("status");
    assert!(status["paused"].as_str().unwrap().contains("by eve"), "{status}");
    assert_eq!(deployment.json("explain cara")["role"], "free");
    deployment.run("resume --reason over", 0);
    deployment.eventually("explain cara", |it| it["role"] == "paid");
    serving.end();
}

#[test]
fn what_was_paid_for_and_reaches_nobody_is_listed_until_it_is_linked() {
    let deployment = Deployment::new();
    deployment.configure(PLANS);
    let serving = deployment.serve();
    assert_eq!(deployment.run("waiting", 0), "nothing waits\n");
    let mut event = webhook::subscription("evt_1", "ada", "active", now());
    event["data"]["object"]["metadata"] = Value::Null;
    post(&serving, &event);
    deployment.eventually("status", |it| it["waiting"] == 1);
    let waiting = deployment.json("waiting");
    assert_eq!(
        (&waiting[0]["id"], &waiting[0]["cause"]),
        (&"cus_ada".into(), &"owner.unknown".into())
    );
    let listed = deployment.run("waiting", 0);
    assert!(listed.starts_with("ID       CAUSE") && listed.contains("cus_ada"), "{listed}");
    deployment.run("link cus_ada --user ada --reason invoice", 0);
    assert_eq!(deployment.json("waiting"), serde_json::json!([]));
    assert_eq!(deployment.json("explain ada")["role"], "paid");
    serving.end();
}

#[test]
fn the_socket_is_its_owners_and_commands_work_without_a_server() {
    let deployment = Deployment::new();
    let missing = deployment.run("status", 1);
    assert!(missing.contains("error[data.unusable]"), "{missing}");
    let serving = deployment.serve();
    let socket = deployment.folder.path().join("tierlift.db-operations");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    subscribe(&serving, "evt_1", "ada", "a@b.example");
    deployment.eventually("status", |it| it["deadLetters"] == 1);
    // The public listener has none of it.
    assert_eq!(serving.ask("/operations/status", "").0, 404);
    let backup = deployment.run("backup copy.db", 0);
    assert!(backup.contains("no damage"), "{backup}");
    let again = deployment.run("backup copy.db", 1);
    assert!(again.contains("exists already"), "{again}");
    // A server that is killed leaves its socket behind.
    drop(serving);
    assert!(socket.exists());

    deployment.configure(PLANS);
    for data in ["tierlift.db", "copy.db"] {
        assert_eq!(deployment.json(&format!("status --data {data}"))["deadLetters"], 1);
        let line = format!("dead-letters redrive evt_1 --data {data} --reason mapped");
        assert!(deployment.run(&line, 0).contains("1 queued"));
    }
    let serving = deployment.serve();
    deployment.eventually("explain ada", |it| it["role"] == "paid");
    let in_use = deployment.run("restore copy.db", 1);
    assert!(in_use.contains("error[data.in_use]"), "{in_use}");
    serving.end();
    assert!(!socket.exists());

    // The copy has the message in its queue, and ada is free in it.
    let restored = deployment.run("restore copy.db", 0);
    assert!(restored.contains("kept as tierlift.db.before-"), "{restored}");
    assert_eq!(deployment.json("explain ada")["role"], "free");
    let serving = deployment.serve();
    deployment.eventually("explain ada", |it| it["role"] == "paid");
    serving.end();
}
