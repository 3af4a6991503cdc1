//! What operators move and grant, and the operators' listener of the program.

use std::fs;

use tierlift_testkit::{harness::now, webhook};

use super::{
    PLANS, SECRETS,
    operations::{Deployment, subscribe},
    printed,
    serving::Serving,
    tierlift,
};

#[test]
fn dead_letters_leave_as_lines_and_enter_another_deployment() {
    let (old, new) = (Deployment::new(), Deployment::new());
    let serving = old.serve();
    for user in ["ada", "bob", "cara"] {
        subscribe(&serving, &format!("evt_{user}"), user, "a@b.example");
    }
    old.eventually("status", |it| it["deadLetters"] == 3);
    let lines = old.run("dead-letters export", 0);
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert_eq!(old.run("dlq export --customer cus_ada", 0).lines().count(), 1);
    let file = new.folder.path().join("lines.jsonl");
    fs::write(&file, &lines).unwrap();
    serving.end();

    new.configure(PLANS);
    let serving = new.serve();
    let taken = new.json("dead-letters import lines.jsonl --reason moved");
    assert_eq!((&taken["added"], &taken["known"]), (&3.into(), &0.into()), "{taken}");
    assert_eq!(new.run("dead-letters export", 0), lines);
    // What is known stays as it is, wherever it stands.
    new.run("dead-letters redrive evt_ada --reason moved", 0);
    new.run("dead-letters discard evt_bob --reason moved", 0);
    new.eventually("explain ada", |it| it["role"] == "paid");
    let taken = new.json("dead-letters import lines.jsonl --reason again");
    assert_eq!((&taken["added"], &taken["known"]), (&0.into(), &3.into()), "{taken}");
    assert_eq!(new.json("status")["deadLetters"], 1);
    for (text, code) in [("{\n", 2), ("{\"event\": \"evt_1\"}\n", 1)] {
        fs::write(&file, format!("{lines}{text}")).unwrap();
        new.run("dead-letters import lines.jsonl --reason wrong", code);
    }
    serving.end();
}

#[test]
fn events_are_replayed_from_a_file_once() {
    let deployment = Deployment::new();
    deployment.configure(PLANS);
    let event = |user: &str| webhook::subscription(&format!("evt_{user}"), user, "active", now());
    let ignored = serde_json::json!({"id": "evt_x", "object": "event", "type": "account.updated"});
    let lines = format!("{}\n\n{}\n{ignored}\n", event("ada"), event("bob"));
    fs::write(deployment.folder.path().join("events.jsonl"), lines).unwrap();
    let serving = deployment.serve();
    let line = "replay --file events.jsonl --reason lost";
    let taken = deployment.json(line);
    assert_eq!((&taken["added"], &taken["ignored"]), (&2.into(), &1.into()), "{taken}");
    deployment.eventually("explain bob", |it| it["role"] == "paid");
    deployment.eventually("status", |it| it["queued"] == 0);
    assert_eq!(deployment.json(line)["known"], 2);
    assert_eq!(deployment.json("explain ada")["revocationId"], 1);
    // A wrong line changes nothing, those before it included.
    let wrong = format!("{}\nno event\n", event("cara"));
    fs::write(deployment.folder.path().join("events.jsonl"), wrong).unwrap();
    let refused = deployment.run(line, 1);
    assert!(refused.contains("event 2: payload.malformed"), "{refused}");
    assert_eq!(deployment.json("explain cara")["role"], "free");
    let acts = deployment.run("audit export --acts", 0);
    assert_eq!(acts.matches("tierlift.events.replayed\"").count(), 2, "{acts}");
    serving.end();
}

#[test]
fn a_role_by_hand_ends_by_itself() {
    let deployment = Deployment::new();
    deployment.configure(PLANS);
    let serving = deployment.serve();
    deployment.run("grant ada operator --until 7d --reason help", 0);
    let explained = deployment.json("explain ada");
    assert_eq!(explained["manualRole"], "operator");
    assert_eq!(explained["next"]["at"], explained["manualUntil"]);
    assert_eq!(explained["next"]["role"], "free");
    assert!(deployment.run("explain ada", 0).contains("granted by hand: operator until 20"));
    deployment.run("grant ada operator --until soon --reason help", 2);
    deployment.run("grant ada operator --until 0s --reason help", 1);
    deployment.run("grant bob paid --until 1s --reason look", 0);
    // It is judged whenever somebody asks; the commit comes later.
    deployment.eventually("explain bob", |it| it["role"] == "free");
    serving.end();
}

#[test]
fn the_operators_listener_is_opened_with_a_token_only() {
    const TOKEN: &str = "c1a7e5b3092f4d6e8a0b2c4d6f8e1a3b";
    let deployment = Deployment::new();
    deployment.configure(PLANS);
    let attempt = |token: &str, args: &[&str]| {
        let variables = [SECRETS, &[("TIERLIFT_OPERATOR_TOKENS", token)]].concat();
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        let output = tierlift(&deployment.folder, &variables, &args).output().unwrap();
        (output.status.code(), printed(&output))
    };
    let on = |address| ["--operations-listen", address];
    for (token, args, code) in [
        ("", &on("127.0.0.1:0")[..], "secret.missing"),
        ("eve:short", &on("127.0.0.1:0"), "secret.invalid"),
        (&format!("eve:{TOKEN}"), &on("0.0.0.0:0"), "usage.invalid"),
    ] {
        let (status, text) = attempt(token, args);
        assert_eq!(status, Some(2), "{text}");
        assert!(text.contains(code) && !text.contains(TOKEN), "{text}");
    }
    let demo = Serving::demo(&deployment.folder);
    let console = demo.console.clone().unwrap();
    let (url, token) = console.split_once("/console#token=").unwrap();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let status = |path: &str, token: &str| {
        let request = agent.get(format!("{url}{path}"));
        request.header("authorization", format!("Bearer {token}")).call().unwrap()
    };
    assert_eq!(status("/operations/status", token).status(), 200);
    assert_eq!(status("/operations/status", TOKEN).status(), 401);
    let page = status("/console", "");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["x-frame-options"], "DENY");
    assert_eq!(demo.ask("/console", "").0, 404);
    demo.end();
}
