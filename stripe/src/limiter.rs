//! The rate limit: a token bucket for all requests and one for each endpoint, shared by everything that asks.
//!
//! It is a share of what Stripe allows the account, so that the host's requests have room. A 429 halves the
//! rate; it grows again while requests succeed.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use tierlift_core::limits::{
    STRIPE_ENDPOINT_REQUESTS_PER_SEC, STRIPE_LIVE_REQUESTS_PER_SEC, STRIPE_TURN_WAIT_MS_MAX,
};
use tokio::time::{Instant, sleep};

/// The part of its rate that a bucket regains with each success.
const REGAINED: f64 = 0.02;
/// The part of its rate that a bucket always has.
const KEPT: f64 = 0.05;

/// Gives requests their turn.
#[derive(Debug)]
pub(crate) struct Limiter {
    all: Mutex<Bucket>,
    endpoints: Mutex<HashMap<&'static str, Bucket>>,
    share_percent: u32,
}

/// A bucket of at most one second's tokens, which may owe tokens to those who wait.
#[derive(Debug)]
struct Bucket {
    per_sec_max: f64,
    /// The most tokens that it has. Together with those of the next second they are within the limit.
    burst: f64,
    per_sec: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A share of a limit, in percent.
    fn new(limit_per_sec: f64, share_percent: u32) -> Self {
        let per_sec = limit_per_sec * f64::from(share_percent) / 100.0;
        let burst = per_sec.min(limit_per_sec - per_sec).max(1.0);
        Self { per_sec_max: per_sec, burst, per_sec, tokens: burst, at: Instant::now() }
    }

    /// Takes a token, and returns the time until it is there; `None`, and takes none, if that is too long.
    fn take(&mut self, wait_max: Duration) -> Option<Duration> {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens =
            passed.mul_add(self.per_sec, self.tokens).min(self.burst.min(self.per_sec.max(1.0)));
        self.at = now;
        let wait = Duration::from_secs_f64((1.0 - self.tokens).max(0.0) / self.per_sec);
        if wait > wait_max {
            return None;
        }
        self.tokens -= 1.0;
        Some(wait)
    }

    fn slow_down(&mut self) {
        self.per_sec = (self.per_sec / 2.0).max(self.per_sec_max * KEPT);
        self.tokens = self.tokens.min(0.0);
    }

    fn speed_up(&mut self) {
        self.per_sec = self.per_sec_max.mul_add(REGAINED, self.per_sec).min(self.per_sec_max);
    }
}

impl Limiter {
    /// The limits of an account of that mode, and the percentage of them to use.
    pub(crate) fn new(livemode: bool, share_percent: u32) -> Self {
        let all =
            if livemode { STRIPE_LIVE_REQUESTS_PER_SEC } else { STRIPE_ENDPOINT_REQUESTS_PER_SEC };
        let all = Mutex::new(Bucket::new(f64::from(all), share_percent));
        Self { all, endpoints: Mutex::default(), share_percent }
    }

    /// Waits for this request's turn. `Err` is the time after which to ask again, if too many wait.
    pub(crate) async fn turn(&self, endpoint: &'static str) -> Result<(), Duration> {
        let wait_max = Duration::from_millis(STRIPE_TURN_WAIT_MS_MAX);
        let of_endpoint = self.with_endpoint(endpoint, |bucket| bucket.take(wait_max));
        let of_all = lock(&self.all).take(wait_max);
        match of_endpoint.zip(of_all) {
            Some((one, other)) => {
                sleep(one.max(other)).await;
                Ok(())
            }
            None => Err(wait_max),
        }
    }

    /// Stripe answered 429.
    pub(crate) fn slow_down(&self, endpoint: &'static str) {
        lock(&self.all).slow_down();
        self.with_endpoint(endpoint, Bucket::slow_down);
    }

    /// Stripe answered.
    pub(crate) fn speed_up(&self, endpoint: &'static str) {
        lock(&self.all).speed_up();
        self.with_endpoint(endpoint, Bucket::speed_up);
    }

    fn with_endpoint<T>(&self, endpoint: &'static str, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut endpoints = lock(&self.endpoints);
        let limit = f64::from(STRIPE_ENDPOINT_REQUESTS_PER_SEC);
        let new = || Bucket::new(limit, self.share_percent);
        act(endpoints.entry(endpoint).or_insert_with(new))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time that this number of requests takes.
    async fn time(limiter: &Limiter, endpoint: &'static str, requests: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..requests {
            limiter.turn(endpoint).await.unwrap();
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_keep_to_the_share_of_each_limit() {
        let limiter = Limiter::new(true, 20);
        // 5 a second at once, and then 5 a second.
        let secs = time(&limiter, "/v1/customers", 25).await.as_secs_f64();
        assert!((3.9..4.1).contains(&secs), "{secs}");
        // Another endpoint has a limit of its own, below the one of all: 20 a second.
        assert!(time(&limiter, "/v1/refunds", 5).await < Duration::from_millis(100));
        let limiter = Limiter::new(false, 100);
        let (customers, refunds) =
            (time(&limiter, "/v1/customers", 25), time(&limiter, "/v1/refunds", 25));
        let start = Instant::now();
        tokio::join!(customers, refunds);
        let secs = start.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&secs), "a sandbox has 25 a second in all: {secs}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_requests_than_the_limit() {
        for share_percent in [10, 25, 50, 75, 100] {
            let limiter = Limiter::new(true, share_percent);
            let mut sent = Vec::new();
            for _ in 0..100 {
                limiter.turn("/v1/customers").await.unwrap();
                sent.push(Instant::now());
            }
            let most = sent.iter().map(|begun| {
                let within = |at: &&Instant| {
                    **at >= *begun && at.duration_since(*begun) < Duration::from_secs(1)
                };
                sent.iter().filter(within).count()
            });
            let most = most.max().unwrap();
            // A whole share has one at once, and then the limit.
            assert!(most <= 26, "{most} in a second with {share_percent} %");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_halves_the_rate_and_successes_restore_it() {
        let limiter = Limiter::new(true, 40);
        time(&limiter, "/v1/customers", 10).await;
        limiter.slow_down("/v1/customers");
        let slow = time(&limiter, "/v1/customers", 10).await.as_secs_f64();
        assert!((1.9..2.1).contains(&slow), "{slow}");
        for _ in 0..50 {
            limiter.speed_up("/v1/customers");
        }
        let fast = time(&limiter, "/v1/customers", 10).await.as_secs_f64();
        assert!((0.9..1.1).contains(&fast), "{fast}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_forever() {
        let limiter = Limiter::new(true, 4);
        let turns = (0..100).map(|_| limiter.turn("/v1/customers"));
        let mut turns: Vec<_> = turns.map(Box::pin).collect();
        let mut refused = 0;
        for turn in &mut turns {
            let at_once = tokio::time::timeout(Duration::ZERO, turn);
            refused += u32::from(matches!(at_once.await, Ok(Err(_))));
        }
        assert!((60..75).contains(&refused), "{refused}");
    }
}
