//! What else operators do at a deployed stack: files of dead letters and events, and the console on their own machine.

use std::{process::Stdio, time::Duration};

use tierlift_testkit::{
    child::{Child, announced},
    harness::client::Request,
};

use super::{
    deploy::{Stack, subscribed, template},
    person::{ACTS, Person, check},
};

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
    lines.lines().for_each(|line| check("line", &serde_json::from_str(line).unwrap()));
    let imported = eve.checked("taken", "dead-letters import lines.jsonl --reason moved");
    assert_eq!((&imported["added"], &imported["known"]), (&1.into(), &3.into()));
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
