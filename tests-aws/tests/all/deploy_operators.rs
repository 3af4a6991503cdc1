//! The commands of operators with `--aws`, at a deployed stack: as people who have the stack's policies for operators
//! and no other right.

use serde_json::Value;

use super::{
    deploy::{Stack, subscribed, template},
    person::{ACTS, Person, check},
};

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
        let groups = eve.checked("groups", "dead-letters list");
        let group = &groups["groups"][0];
        assert_eq!((&group["key"], &group["count"]), (&"plan.unmapped".into(), &12.into()));
        assert_eq!(group["users"], 12, "{group}");
    }
    eve.run("dead-letters note plan.unmapped --reason looking", 0);
    let listed = eve.run("dead-letters list", 0);
    assert!(listed.contains("looking (eve)"), "{listed}");
    let each = eve.checked("each", "dead-letters list --each --user user_3");
    assert_eq!(each.as_array().unwrap().len(), 1, "{each}");
    let shown = eve.run("dead-letters show evt_3", 0);
    assert!(shown.contains("It fails again: plan.unmapped"), "{shown}");
    let stopped = eve.run("dead-letters redrive --all --yes --reason try", 1);
    assert!(stopped.contains("stopped, since most failed again"), "{stopped}");
    let shown = eve.json("dead-letters show evt_3");
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 2, "{shown}");

    eve.checked("predicted", "dead-letters redrive --all --dry-run");

    // Fixed: the prediction follows the worker's new policy.
    stack.update(&["Plans=price_pro=paid"]);
    let shown = eve.checked("shown", "dead-letters show evt_3");
    assert_eq!(shown["explanation"][0], "user_3 goes from free to paid (revocation id 1).");
    eve.run("dead-letters discard evt_11 --reason spam", 0);
    eve.run("dead-letters discard evt_11 --reason spam", 1);
    assert!(eve.run("dead-letters list --discarded", 0).contains("spam"));
    eve.checked("discarded", "dead-letters list --discarded");
    let redrive = "dead-letters redrive --all --yes --rate 1000 --reason mapped";
    let done = eve.checked("redriven", redrive);
    assert_eq!((&done["redriven"], &done["applied"]), (&11.into(), &11.into()), "{done}");
    eve.run("dead-letters undiscard evt_11 --reason oops", 0);
    assert_eq!(eve.json("dead-letters redrive evt_11 --reason mapped")["applied"], 1);
    assert_eq!(eve.checked("status", "status")["deadLetters"], 0);
    for (name, line) in [
        ("explanation", "explain user_3"),
        ("event", "event evt_3"),
        ("customer", "customer cus_user_3"),
    ] {
        eve.checked(name, line);
    }

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
    let erased = eve.checked("erased", "erase user_3 --yes --reason request");
    assert_eq!((&erased["customers"], &erased["rows"]), (&1.into(), &2.into()), "{erased}");
    assert_eq!(eve.run("audit export --user user_3", 0), "");
    let rows = eve.run("audit export", 0);
    rows.lines().for_each(|row| check("row", &serde_json::from_str(row).unwrap()));
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

#[tokio::test]
async fn operators_link_grant_revoke_and_pause_on_aws() {
    let stack = Stack::start().await;
    let eve = Person::with(&stack, "eve", &ACTS).await;
    let mut socket = stack.socket("ada").await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    assert_eq!(socket.reach(1).await["role"], "paid");
    eve.checked("done", "link cus_ada --user bob --reason gift");
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
        "waiting",
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
