//! One trace for each event, from the webhook to the notice, and a collector that holds up nobody.

use std::{collections::BTreeMap, fs, net::TcpListener, process::Command};

use serde_json::{Value, json};
use tierlift_core::{
    ports::{DeadLetters as _, Depth},
    stripe::signature::sign,
};
use tierlift_testkit::{
    harness::{
        WEBHOOK_SECRET,
        client::Request,
        collector::{Collector, Manner, Span},
        eventually, now,
    },
    webhook,
};

use crate::{stories::CONFIG, tierlift::Home};

/// The spans of an event, by name; each stage has one.
async fn stages(collector: &Collector, event: &str) -> BTreeMap<String, Span> {
    let mut stages = BTreeMap::new();
    eventually("every stage has its span", async || {
        let spans = collector.spans_of(event);
        assert!(spans.len() <= 3, "{spans:?}");
        stages = spans.into_iter().map(|span| (span.name.clone(), span)).collect();
        stages.len() == 3
    })
    .await;
    stages
}

fn attributes(span: &Span) -> Value {
    json!(span.attributes)
}

fn exporting(command: &mut Command, endpoint: &str) {
    // Batches of 100 ms.
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env("OTEL_BSP_SCHEDULE_DELAY", "100");
}

fn subscribed(event: &str, user: &str) -> Value {
    webhook::subscription(event, user, "active", now())
}

#[tokio::test]
async fn an_event_is_one_trace_from_its_webhook_to_its_notice() {
    let collector = Collector::start(Manner::Takes).await;
    let home = Home::new(CONFIG);
    let server = home.serve_with(|command| exporting(command, &collector.endpoint()));
    let (mut tab, _) = server.socket("ada").await;
    let event = subscribed("evt_1", "ada");
    server.accepts(&event).await;
    assert_eq!(tab.hear_of_role().await["role"], "paid");

    let stages = stages(&collector, "evt_1").await;
    let [ingest, worker, notifier] = ["ingest", "worker", "notifier"].map(|name| &stages[name]);
    assert_eq!(ingest.parent, "", "Stripe sends no trace");
    assert_eq!((&worker.trace, &worker.parent), (&ingest.trace, &ingest.id));
    assert_eq!((&notifier.trace, &notifier.parent), (&ingest.trace, &worker.id));
    let customer = event["data"]["object"]["customer"].as_str().unwrap();
    let of_event = json!({
        "tierlift.event.id": "evt_1",
        "tierlift.event.type": "customer.subscription.created",
        "tierlift.customer.id": customer,
    });
    let with = |more: Value| {
        let mut expected = of_event.clone();
        expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        expected
    };
    assert_eq!(attributes(ingest), with(json!({ "tierlift.outcome": "accepted" })));
    let applied = json!({ "tierlift.outcome": "applied", "tierlift.attempt": "1" });
    assert_eq!(attributes(worker), with(applied));
    assert_eq!(
        attributes(notifier),
        json!({
            "tierlift.event.id": "evt_1",
            "tierlift.sockets.sent": "1",
            "tierlift.sockets.gone": "0",
            "tierlift.sockets.failed": "0",
        })
    );
    assert!(stages.values().all(|span| span.service == "tierlift" && !span.is_failed));
    server.terminate();
}

#[tokio::test]
async fn a_sender_s_trace_goes_on_and_a_dead_letter_is_a_failure_in_it() {
    let collector = Collector::start(Manner::Takes).await;
    let home = Home::new(CONFIG);
    let server = home.serve_with(|command| {
        exporting(command, &collector.endpoint());
        command.env("OTEL_SERVICE_NAME", "billing");
    });
    let mut event = subscribed("evt_1", "ada");
    event["data"]["object"]["items"]["data"][0]["price"] = json!({ "id": "price_unknown" });
    let body = event.to_string();
    let signature = sign(WEBHOOK_SECRET, body.as_bytes(), now());
    let request = Request::new("POST", "/webhooks/stripe")
        .header("stripe-signature", &signature)
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    request.body(body.as_bytes()).send(server.address()).await.assert(200, "");

    let mut spans = Vec::new();
    eventually("two stages have spans", async || {
        spans = collector.spans_of("evt_1");
        spans.len() == 2
    })
    .await;
    spans.sort_by(|a, b| a.name.cmp(&b.name));
    let [ingest, worker] = &spans[..] else { unreachable!() };
    assert!(spans.iter().all(|span| span.trace == "4bf92f3577b34da6a3ce929d0e0e4736"));
    assert!(spans.iter().all(|span| span.service == "billing"));
    assert_eq!((ingest.parent.as_str(), &worker.parent), ("00f067aa0ba902b7", &ingest.id));
    assert_eq!((ingest.is_failed, worker.is_failed), (false, true));
    assert_eq!(worker.attributes["tierlift.cause"], "plan.unmapped");
    assert_eq!(worker.attributes["tierlift.outcome"], "parked");
    server.terminate();
}

/// More events than spans that may wait.
const EVENTS: usize = 100;

#[tokio::test]
async fn a_collector_that_is_silent_or_unavailable_costs_spans_and_nothing_else() {
    let silent = Collector::start(Manner::Silent).await;
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let unavailable = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    for endpoint in [silent.endpoint(), unavailable] {
        let home = Home::new(CONFIG);
        let server = home.serve_with(|command| {
            exporting(command, &endpoint);
            command.env("OTEL_BSP_MAX_QUEUE_SIZE", "16");
            command.env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8");
        });
        let (mut tab, _) = server.socket("ada").await;
        for number in 1..EVENTS {
            server.accepts(&subscribed(&format!("evt_{number}"), &format!("u{number}"))).await;
        }
        server.accepts(&subscribed("evt_ada", "ada")).await;
        assert_eq!(tab.hear_of_role().await["role"], "paid", "{endpoint}");
        eventually("everything is applied", async || {
            server.processed().await == u64::try_from(EVENTS).unwrap()
        })
        .await;
        drop(tab);
        // It waits for the last spans, and not for long.
        server.terminate();
        assert_eq!(home.db().depth().await.unwrap(), Depth::default());
        if endpoint != silent.endpoint() {
            let log = fs::read_to_string(home.log()).unwrap();
            assert_eq!(log.matches("spans not exported").count(), 1, "{log}");
        }
    }
    assert!(silent.requests() > 0, "nothing was sent to the silent one");
}

#[tokio::test]
async fn an_environment_that_cannot_be_followed_is_reported_and_stops_nothing() {
    let home = Home::new(CONFIG);
    for (name, value, error) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "grpc is not built in"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "a b", "no traces"),
    ] {
        let server = home.serve_with(|command| {
            exporting(command, "http://127.0.0.1:9");
            command.env(name, value);
        });
        server.accepts(&subscribed(&format!("evt_{name}"), "ada")).await;
        server.terminate();
        let log = fs::read_to_string(home.log()).unwrap();
        assert!(log.contains(error), "{log}");
    }
}
