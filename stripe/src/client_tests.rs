//! The client against a server that does everything wrong. The runtime's time is paused: delays between
//! attempts take none.

use std::time::Duration;

use serde_json::{Value, json};
use tierlift_core::{
    codes::Code,
    id::CustomerId,
    observation::Window,
    ports::{ListOf, Stripe as _, StripeError, StripeId},
    time::Timestamp,
};
use tierlift_testkit::{
    clock::ManualClock,
    stripe_api::{Fault, StripeApi},
};

use crate::{API_VERSION, Client, Key, Settings};

const KEY: &str = "rk_test_1234567";
const NOW_SECS: i64 = 1_795_000_000;

struct Bench {
    api: StripeApi,
    clock: ManualClock,
    client: Client,
}

fn bench() -> Bench {
    bench_with(KEY, Duration::from_secs(20))
}

fn bench_with(key: &str, timeout: Duration) -> Bench {
    let clock = ManualClock::new(Timestamp::from_secs(NOW_SECS));
    let api = StripeApi::start(KEY, clock.clock());
    let settings = Settings {
        base: api.base(),
        share_percent: 100,
        timeout,
        ..Settings::new(Key::parse(key).unwrap())
    };
    Bench { api, clock, client: Client::new(settings) }
}

fn subscription(number: usize, customer: &str) -> Value {
    json!({
        "id": format!("sub_{number}"), "object": "subscription", "customer": customer,
        "livemode": false, "status": "active",
    })
}

fn id(text: &str) -> StripeId {
    StripeId::parse(text).unwrap()
}

impl Bench {
    async fn code(&self, text: &str) -> Result<String, Code> {
        let answer = self.client.retrieve(&id(text)).await;
        answer.map(|answer| answer.object).map_err(|error| error.code())
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_comes_with_its_window_as_stripe_wrote_it() {
    let bench = bench();
    bench.api.put(subscription(1, "cus_1"));
    let answer = bench.client.retrieve(&id("sub_1")).await.unwrap();
    assert_eq!(answer.object, subscription(1, "cus_1").to_string());
    let window = Window { from_secs: NOW_SECS, to_secs: NOW_SECS };
    assert!(!answer.livemode);
    assert!(answer.window == window || answer.window.from_secs == NOW_SECS - 1, "{answer:?}");
    bench.clock.advance_secs(60);
    let answer = bench.client.retrieve(&id("sub_1")).await.unwrap();
    assert_eq!(answer.window.to_secs, NOW_SECS + 60);
    let request = bench.api.latest_request().unwrap();
    assert_eq!(request.header("stripe-version"), Some(API_VERSION));
}

#[tokio::test]
async fn a_slow_answer_has_a_wide_window() {
    let bench = bench();
    bench.api.put(subscription(1, "cus_1"));
    bench.api.fail_next(Fault::Slow(Duration::from_millis(1_200)));
    let window = bench.client.retrieve(&id("sub_1")).await.unwrap().window;
    assert_eq!(window, Window { from_secs: NOW_SECS - 2, to_secs: NOW_SECS });
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_page_by_page() {
    let bench = bench();
    for number in 0..250 {
        let customer = if number % 5 == 0 { "cus_a" } else { "cus_b" };
        bench.api.put(subscription(number, customer));
    }
    let all = ListOf::Subscriptions { customer: None };
    let (mut after, mut pages) = (None, vec![]);
    loop {
        let page = bench.client.list(&all, after.as_deref()).await.unwrap();
        pages.push(page.items.len());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [100, 100, 50]);
    assert_eq!(bench.api.targets().len(), 3);
    let of_one = ListOf::Subscriptions { customer: CustomerId::new("cus_a").ok() };
    let page = bench.client.list(&of_one, None).await.unwrap();
    assert_eq!((page.items.len(), page.next), (50, None));
}

#[tokio::test(start_paused = true)]
async fn what_may_succeed_is_tried_again() {
    let bench = bench();
    bench.api.put(subscription(1, "cus_1"));
    for faults in [
        vec![Fault::Status(500), Fault::Status(503)],
        vec![Fault::RateLimited { retry_after_secs: Some(2) }],
        vec![Fault::RateLimited { retry_after_secs: None }],
        vec![Fault::Cut],
        vec![Fault::Dropped, Fault::Dropped],
    ] {
        let (attempts, asked) = (faults.len() + 1, bench.api.targets().len());
        let shown = format!("{faults:?}");
        for fault in faults {
            bench.api.fail_next(fault);
        }
        assert!(bench.code("sub_1").await.is_ok(), "{shown}");
        assert_eq!(bench.api.targets().len() - asked, attempts, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_succeed_is_asked_once() {
    let bench = bench();
    bench.api.put(subscription(1, "cus_1"));
    bench.api.put(subscription(2, "cus_2"));
    let swapped = Fault::Swapped { target: "/v1/subscriptions/sub_2".to_owned() };
    for (fault, code) in [
        (Fault::Status(400), Code::StripeAnswerUnexpected),
        (Fault::Status(302), Code::StripeAnswerUnexpected),
        (Fault::Status(401), Code::StripeUnauthorized),
        (Fault::Status(403), Code::StripeForbidden),
        (Fault::Status(404), Code::StripeNotFound),
        (Fault::RateLimited { retry_after_secs: Some(60) }, Code::StripeRateLimited),
        (Fault::Garbled, Code::StripeAnswerUnexpected),
        (Fault::Huge, Code::StripeAnswerUnexpected),
        (Fault::Undated, Code::StripeAnswerUnexpected),
        (swapped, Code::StripeAnswerUnexpected),
    ] {
        let asked = bench.api.targets().len();
        let shown = format!("{fault:?}");
        bench.api.fail_next(fault);
        assert_eq!(bench.code("sub_1").await, Err(code), "{shown}");
        assert_eq!(bench.api.targets().len() - asked, 1, "{shown}");
    }
    assert_eq!(bench.code("sub_3").await, Err(Code::StripeNotFound));
}

#[tokio::test(start_paused = true)]
async fn a_list_of_one_customer_shows_no_other() {
    let bench = bench();
    bench.api.put(subscription(2, "cus_2"));
    let target = "/v1/subscriptions?limit=100".to_owned();
    bench.api.fail_next(Fault::Swapped { target });
    let of_one = ListOf::Subscriptions { customer: CustomerId::new("cus_1").ok() };
    let error = bench.client.list(&of_one, None).await.unwrap_err();
    assert_eq!(error.code(), Code::StripeAnswerUnexpected);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_not_waited_for() {
    let bench = bench_with(KEY, Duration::from_millis(100));
    bench.api.put(subscription(1, "cus_1"));
    bench.api.fail_next(Fault::Slow(Duration::from_secs(2)));
    assert!(bench.code("sub_1").await.is_ok(), "the second attempt");
}

#[tokio::test(start_paused = true)]
async fn when_stripe_is_away_it_is_asked_now_and_then_only() {
    let bench = bench();
    bench.api.put(subscription(1, "cus_1"));
    bench.api.fail_all(Some(Fault::Status(503)));
    for _ in 0..100 {
        assert_eq!(bench.code("sub_1").await, Err(Code::StripeUnavailable));
    }
    assert!(bench.api.targets().len() <= 6, "{}", bench.api.targets().len());
    bench.api.fail_all(None);
    assert!(bench.code("sub_1").await.is_err(), "nothing is sent yet");
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(bench.code("sub_1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_stripe_costs_few_requests_and_ends_within_minutes() {
    let bench = bench();
    bench.api.put(subscription(1, "cus_1"));
    bench.api.fail_all(Some(Fault::Dropped));
    let hour = tokio::time::Instant::now() + Duration::from_hours(1);
    while tokio::time::Instant::now() < hour {
        assert_eq!(bench.code("sub_1").await, Err(Code::StripeUnavailable));
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    let asked = bench.api.targets().len();
    assert!((10..=30).contains(&asked), "{asked} requests in an hour");
    bench.api.fail_all(None);
    tokio::time::advance(Duration::from_mins(5)).await;
    assert!(bench.code("sub_1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_429_slows_everything_down() {
    let bench = bench();
    bench.api.put(subscription(1, "cus_1"));
    bench.api.fail_all(Some(Fault::RateLimited { retry_after_secs: None }));
    for _ in 0..10 {
        assert_eq!(bench.code("sub_1").await, Err(Code::StripeRateLimited));
    }
    bench.api.fail_all(None);
    let start = tokio::time::Instant::now();
    for _ in 0..5 {
        assert!(bench.code("sub_1").await.is_ok());
    }
    // 25 a second would take 0.2 s.
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_is_named_in_no_error() {
    let bench = bench_with("rk_test_7654321", Duration::from_secs(20));
    let error = bench.client.retrieve(&id("sub_1")).await.unwrap_err();
    assert_eq!(error.code(), Code::StripeUnauthorized);
    assert!(!error.to_string().contains("_test_"), "{error}");
    assert!(!format!("{:?}", bench.client).contains("7654321"));
}

#[tokio::test(start_paused = true)]
async fn an_object_of_the_other_mode_is_refused() {
    let bench = bench();
    let mut live = subscription(1, "cus_1");
    live["livemode"] = true.into();
    bench.api.put(live);
    let error = bench.client.retrieve(&id("sub_1")).await.unwrap_err();
    assert!(matches!(error, StripeError::WrongMode(_)), "{error}");
}
