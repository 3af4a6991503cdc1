//! An incident of five thousand dead letters with three causes, found, understood and fixed by the commands: everybody
//! gets what they paid for, and is notified once.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use tierlift_testkit::{harness::now, webhook};

use super::{SECRETS, operations::Deployment, serving::Serving, tierlift};

const UNMAPPED: usize = 3_000;
const MALFORMED: usize = 1_000;
const STORE: usize = 1_000;
const SERVICE_TOKEN: &str = "7c1e5a9b3d2f4806c8e0a2b4d6f81357";

fn serve(deployment: &Deployment) -> Serving {
    let tokens = format!("tests:{SERVICE_TOKEN}");
    let env = [SECRETS, &[("TIERLIFT_SERVICE_TOKENS", &tokens)]].concat();
    Serving::start(tierlift(&deployment.folder, &env, &["serve", "--listen", "127.0.0.1:0"]))
}

/// The dead letter of somebody who has paid for a price, as a line of a file.
fn line(id: &str, price: &str, has_status: bool, (cause, error): (&str, &str)) -> String {
    let at = now().as_micros() - 600_000_000;
    let mut body = webhook::subscription(&format!("evt_{id}"), id, "active", now());
    let object = body["data"]["object"].as_object_mut().unwrap();
    object["items"]["data"][0]["price"]["id"] = price.into();
    if !has_status {
        object.remove("status");
    }
    let failure = json!({
        "cause": cause, "attempts": 1, "first_at": at, "last_at": at, "last_error": error,
    });
    let line = json!({
        "event": format!("evt_{id}"), "type": "customer.subscription.created",
        "group": format!("cus_{id}"), "receivedAtMicros": at, "trace": null,
        "failure": failure, "body": { "text": body.to_string() },
    });
    format!("{line}\n")
}

/// How many changes each user was notified of.
fn changes(serving: &Serving) -> BTreeMap<String, usize> {
    let (mut users, mut after) = (BTreeMap::new(), String::new());
    loop {
        let (status, page) = serving.ask(&format!("/v1/changes?{after}"), SERVICE_TOKEN);
        assert_eq!(status, 200, "{page}");
        let changes = page["changes"].as_array().unwrap();
        if changes.is_empty() {
            return users;
        }
        for change in changes {
            *users.entry(change["userId"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        after = format!("after={}", page["cursor"].as_str().unwrap());
    }
}

#[test]
fn five_thousand_dead_letters_of_three_causes_are_fixed_and_each_user_is_notified_once() {
    let deployment = Deployment::new();
    deployment.configure("[plans]\nprice_pro = \"paid\"\n");
    let serving = serve(&deployment);
    let unmapped = ("plan.unmapped", "none of the prices price_team is in the plan map");
    let malformed = ("payload.malformed", "missing field: status");
    let store = ("store.unavailable", "disk I/O error");
    let mut lines = String::new();
    lines.extend(
        (0..UNMAPPED).map(|n| line(&format!("unmapped_{n}"), "price_team", true, unmapped)),
    );
    lines.extend((0..MALFORMED).map(|n| line(&format!("bad_{n}"), "price_pro", false, malformed)));
    lines.extend((0..STORE).map(|n| line(&format!("store_{n}"), "price_pro", true, store)));
    fs::write(deployment.folder.path().join("lines.jsonl"), lines).unwrap();
    deployment.run("dead-letters import lines.jsonl --reason seed", 0);

    // Found.
    let groups = deployment.json("dead-letters list");
    let counts: BTreeMap<&str, &Value> = groups["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["key"].as_str().unwrap(), &group["count"]))
        .collect();
    let expected = [(malformed.0, MALFORMED), (unmapped.0, UNMAPPED), (store.0, STORE)];
    assert_eq!(counts.len(), 3, "{groups}");
    for (cause, count) in expected {
        assert_eq!(*counts[cause], count, "{groups}");
    }

    // Understood.
    let fails = |event: &str| deployment.run(&format!("dead-letters show {event}"), 0);
    assert!(fails("evt_unmapped_7").contains("It fails again: plan.unmapped"));
    assert!(fails("evt_bad_7").contains("It fails again: payload.malformed"));
    assert!(fails("evt_store_7").contains("store_7 goes from free to paid"));
    let stopped = "dead-letters redrive --cause plan.unmapped --yes --rate 50 --reason try";
    assert!(deployment.run(stopped, 1).contains("stopped, since most failed again"));

    // Fixed.
    serving.end();
    deployment.configure("[plans]\nprice_pro = \"paid\"\nprice_team = \"paid\"\n");
    let serving = serve(&deployment);
    for (cause, count) in [(unmapped.0, UNMAPPED), (store.0, STORE)] {
        let redrive = format!("dead-letters redrive --cause {cause} --yes --reason fixed");
        let done = deployment.json(&redrive);
        assert_eq!((&done["redriven"], &done["failed"]), (&count.into(), &0.into()), "{done}");
        // On a slow machine the command ends before the worker does.
        deployment.eventually("status", |it| it["queued"] == 0);
    }
    let discard = "dead-letters discard --cause payload.malformed --reason nonsense";
    assert!(deployment.run(discard, 2).contains("confirm with --yes"));
    assert!(deployment.run("dead-letters discard --reason nonsense", 2).contains("name either"));
    assert_eq!(deployment.json(&format!("{discard} --yes"))["count"], MALFORMED);
    let status = deployment.json("status");
    assert_eq!((&status["deadLetters"], &status["queued"]), (&0.into(), &0.into()), "{status}");

    let notified = changes(&serving);
    assert_eq!(notified.len(), UNMAPPED + STORE);
    assert!(notified.values().all(|count| *count == 1), "{notified:?}");
    serving.end();
}
