//! One trace for each event through queue and stream, in a deployed stack.

use std::collections::BTreeMap;

use tierlift_testkit::harness::{
    collector::{Collector, Manner},
    eventually,
};

use super::deploy::{Stack, subscribed, template};

#[tokio::test]
async fn an_event_is_one_trace_through_queue_and_stream() {
    let collector = Collector::start(Manner::Takes).await;
    let endpoint = format!("OtlpEndpoint={}", collector.endpoint());
    let stack = Stack::start_from(&template(), &[&endpoint]).await;
    stack.accepts(&subscribed("evt_1", "ada")).await;
    let mut stages = BTreeMap::new();
    eventually("every stage has its span", async || {
        let spans = collector.spans_of("evt_1");
        stages = spans.into_iter().map(|span| (span.name.clone(), span)).collect();
        stages.len() == 3
    })
    .await;
    let [ingest, worker, notifier] = ["ingest", "worker", "notifier"].map(|name| &stages[name]);
    assert_eq!((&worker.trace, &worker.parent), (&ingest.trace, &ingest.id));
    assert_eq!((&notifier.trace, &notifier.parent), (&ingest.trace, &worker.id));
    let services = [ingest, worker, notifier].map(|span| span.service.as_str());
    assert_eq!(services, ["tierlift-ingest", "tierlift-worker", "tierlift-notifier-stream"]);
    assert_eq!(worker.attributes["tierlift.outcome"], "applied");
}

#[tokio::test]
async fn a_silent_collector_costs_spans_and_nothing_else() {
    let collector = Collector::start(Manner::Silent).await;
    let endpoint = format!("OtlpEndpoint={}", collector.endpoint());
    let stack = Stack::start_from(&template(), &[&endpoint]).await;
    for number in 0..5 {
        stack.accepts(&subscribed(&format!("evt_{number}"), &format!("u{number}"))).await;
    }
    for number in 0..5 {
        eventually("each is applied", async || {
            stack.session(&format!("u{number}")).await["role"] == "paid"
        })
        .await;
    }
    eventually("it was asked", async || collector.requests() > 0).await;
}
