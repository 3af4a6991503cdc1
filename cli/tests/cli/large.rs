//! Ten megabytes of dead letters: what operators are answered is short all the same, and the server stays small.

use std::{fs, thread};

use serde_json::{Value, json};
use tierlift_testkit::{harness::now, webhook};

use super::{
    PLANS, SECRETS,
    operations::{Deployment, deliver},
    serving::Serving,
    tierlift,
};

const LETTERS: usize = 44;
/// Nearly as large as a webhook may be.
const NOTE_BYTES: usize = 240 * 1024;
const TOKEN: &str = "c1a7e5b3092f4d6e8a0b2c4d6f8e1a3bc1a7e5b3092f4d6e8a0b2c4d6f8e1a3b";
const CLIENTS: usize = 8;
const MEMORY_KIB_MAX: u64 = 200 * 1024;

fn serve(deployment: &Deployment) -> Serving {
    let tokens = format!("eve:{TOKEN}");
    let env = [SECRETS, &[("TIERLIFT_OPERATOR_TOKENS", &tokens)]].concat();
    let args = ["serve", "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0"];
    Serving::start(tierlift(&deployment.folder, &env, &args))
}

/// An event in some hundred parts, as a large invoice has them.
fn large_event(number: usize) -> String {
    let user = format!("user_{number}");
    let mut event = webhook::subscription(&format!("evt_{number}"), &user, "active", now());
    let part = json!({ "note": "x".repeat(1_000), "markup": "<script>window.hacked=1</script>" });
    let parts = NOTE_BYTES / part.to_string().len();
    event["data"]["object"]["parts"] = vec![part; parts].into();
    event.to_string()
}

/// The most memory that a process has had.
fn memory_kib_max(serving: &Serving) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", serving.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Asks the operators' listener; the answer must be short enough.
fn ask(console: &str, path: &str, bytes_max: usize) -> Value {
    let url = console.replace("/console", &format!("/operations/{path}"));
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let request = agent.get(url).header("authorization", format!("Bearer {TOKEN}"));
    let text = request.call().unwrap().body_mut().read_to_string().unwrap();
    assert!(text.len() <= bytes_max, "{path}: {} bytes", text.len());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn ten_megabytes_of_dead_letters_are_looked_at_and_redriven_in_little_memory() {
    let deployment = Deployment::new();
    let serving = serve(&deployment);
    let events: Vec<String> = (0..LETTERS).map(large_event).collect();
    assert!(events.iter().map(String::len).sum::<usize>() > 10_000_000);
    for event in &events {
        assert_eq!(deliver(&serving, event), 200);
    }
    deployment.eventually("status", |it| it["deadLetters"] == LETTERS);

    // Everybody looks at once.
    let console = serving.console.clone().unwrap();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let listed = ask(&console, "dead-letters?max=200", 32 * 1024);
                assert_eq!(listed.as_array().unwrap().len(), LETTERS);
                let groups = ask(&console, "dead-letters/groups?by=error", 4 * 1024);
                assert_eq!(groups["total"], LETTERS);
                let predicted = ask(&console, "dead-letters/predictions?max=200", 32 * 1024);
                assert_eq!(predicted["predicted"].as_array().unwrap().len(), LETTERS);
                let shown = ask(&console, "dead-letters/event/evt_7", 512 * 1024);
                assert_eq!(shown["redrive"]["result"], "fails");
            });
        }
    });
    let memory = memory_kib_max(&serving);
    eprintln!("{memory} KiB at most");
    assert!(memory <= MEMORY_KIB_MAX, "{memory} KiB");

    // By the commands.
    for (line, bytes_max) in [
        ("dead-letters list", 1024),
        ("dead-letters list --group-by error", 1024),
        ("dead-letters list --each", 16 * 1024),
        ("dead-letters redrive --all --dry-run --reason look", 16 * 1024),
        ("dead-letters show evt_7", 512 * 1024),
    ] {
        let printed = deployment.run(line, 0);
        assert!(printed.len() <= bytes_max, "{line}: {} bytes", printed.len());
    }
    let lines = deployment.run("dead-letters export", 0);
    assert_eq!(lines.lines().count(), LETTERS);
    serving.end();
    deployment.configure(PLANS);
    let serving = serve(&deployment);
    let done = deployment.json("dead-letters redrive --all --yes --reason mapped");
    assert_eq!(done["applied"], LETTERS, "{done}");
    let memory = memory_kib_max(&serving);
    assert!(memory <= MEMORY_KIB_MAX, "{memory} KiB");
    serving.end();
}

/// More errors than groups are listed: the others are counted.
#[test]
fn of_many_groups_some_are_listed_and_all_are_counted() {
    const ERRORS: usize = 520;
    let deployment = Deployment::new();
    let serving = deployment.serve();
    let line = |number: usize| {
        let failure = json!({
            "cause": "plan.unmapped", "attempts": 1, "first_at": 1, "last_at": 1,
            "last_error": format!("error {number}"),
        });
        let event = webhook::subscription(&format!("evt_{number}"), "ada", "active", now());
        let body = json!({ "text": event.to_string() });
        let line = json!({
            "event": format!("evt_{number}"), "type": "customer.subscription.created",
            "group": format!("cus_{number}"), "receivedAtMicros": 1, "trace": null,
            "failure": failure, "body": body,
        });
        format!("{line}\n")
    };
    let file = deployment.folder.path().join("lines.jsonl");
    fs::write(&file, (0..ERRORS).map(line).collect::<String>()).unwrap();
    deployment.run("dead-letters import lines.jsonl --reason seed", 0);
    let groups = deployment.json("dead-letters list --group-by error");
    assert_eq!(groups["groups"].as_array().unwrap().len(), 500);
    assert_eq!((&groups["total"], &groups["others"]), (&ERRORS.into(), &20.into()));
    let printed = deployment.run("dead-letters list --group-by error", 0);
    assert!(printed.contains("520 dead letters, 20 of them in further groups"), "{printed}");
    let each = deployment.run("dead-letters list --each", 0);
    assert!(each.contains("The oldest 200 are listed"), "{each}");

    // What no failure record of this program says is not taken over.
    let long = line(0).replace("error 0", &"e".repeat(513)).replace("evt_0", "evt_long");
    fs::write(&file, long).unwrap();
    let refused = deployment.run("dead-letters import lines.jsonl --reason seed", 1);
    assert!(refused.contains("longer than they are kept"), "{refused}");
    serving.end();
}
