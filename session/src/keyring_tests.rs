//! The age of key sets, by a clock that is paused: what is fetched when, and what counts meanwhile.

use std::sync::Mutex as StdMutex;

use serde_json::{Value, json};
use tierlift_core::token::{Rules, TokenConfig};
use tokio::time::advance;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// An issuer: the keys that it serves, and how often it was asked.
#[derive(Clone, Default)]
struct Issuer(Arc<StdMutex<State>>);

#[derive(Default)]
struct State {
    served: Option<Vec<&'static str>>,
    max_age: Option<u64>,
    asked: usize,
    secs: u64,
}

impl Issuer {
    fn new(keys: &[&'static str]) -> Self {
        let this = Self::default();
        this.serve(Some(keys));
        this
    }

    fn serve(&self, keys: Option<&[&'static str]>) {
        self.0.lock().unwrap().served = keys.map(<[_]>::to_vec);
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    fn keyring(&self) -> Keyring {
        let state = Arc::clone(&self.0);
        let fetch = move || {
            let mut state = state.lock().unwrap();
            state.asked += 1;
            let max_age = state.max_age.map(Duration::from_secs);
            let document = state.served.as_ref().map(|kids| Document { json: jwks(kids), max_age });
            let answer = document.ok_or_else(|| FetchError::from("away"));
            let time = Duration::from_secs(state.secs);
            let fetched = async move {
                tokio::time::sleep(time).await;
                answer
            };
            Box::pin(fetched) as Pin<Box<dyn Future<Output = _> + Send>>
        };
        Keyring::with_key_set(TokenKeys::new(None).with_rules(rules()), Box::new(fetch))
    }
}

fn rules() -> Rules {
    let config = TokenConfig {
        issuer: vec!["https://issuer.example.com/".to_owned()],
        audience: vec!["app".to_owned()],
        ..TokenConfig::default()
    };
    config.rules()
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../core/testdata/token_vectors.json")).unwrap()
}

fn jwks(kids: &[&str]) -> Vec<u8> {
    let vectors = vectors();
    let keys = vectors["jwks"]["keys"].as_array().unwrap().iter();
    let served: Vec<_> = keys.filter(|key| kids.contains(&key["kid"].as_str().unwrap())).collect();
    json!({ "keys": served }).to_string().into_bytes()
}

/// A good token of the key with that id, or the text itself.
fn token(kid: &str) -> String {
    let what = match kid {
        "rsa" => "RS256",
        "p256" => "ES256, whose key names no algorithm",
        "ed25519" => "EdDSA",
        other => other,
    };
    let vectors = vectors();
    let mut all = vectors["vectors"].as_array().unwrap().iter();
    let vector = all.find(|vector| vector["what"] == what);
    vector.map_or_else(|| what.to_owned(), |vector| vector["token"].as_str().unwrap().to_owned())
}

async fn code(keyring: &Keyring, kid: &str) -> &'static str {
    match keyring.verify(&token(kid), NOW).await {
        Ok(_) => "ok",
        Err(error) => error.code().as_str(),
    }
}

async fn pass(secs: u64) {
    advance(Duration::from_secs(secs)).await;
}

#[tokio::test(start_paused = true)]
async fn a_set_is_fetched_when_a_token_needs_it_and_again_by_its_age() {
    for (max_age, fresh_secs) in
        [(None, 600), (Some(0), 60), (Some(5), 60), (Some(300), 300), (Some(86_400), 600)]
    {
        let issuer = Issuer::new(&["rsa"]);
        issuer.0.lock().unwrap().max_age = max_age;
        let keyring = issuer.keyring();
        assert_eq!(code(&keyring, "garbage").await, "token.invalid");
        assert_eq!(issuer.asked(), 0, "no key set makes this a token");
        assert_eq!(code(&keyring, "rsa").await, "ok");
        pass(fresh_secs - 1).await;
        assert_eq!(code(&keyring, "rsa").await, "ok");
        assert_eq!(issuer.asked(), 1, "{max_age:?}");
        pass(1).await;
        // A withdrawn key counts no more from then on.
        issuer.serve(Some(&["p256"]));
        assert_eq!(code(&keyring, "rsa").await, "token.invalid");
        assert_eq!(code(&keyring, "p256").await, "ok");
        assert_eq!(issuer.asked(), 1, "{max_age:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_new_in_the_first_minute_is_found_and_forged_ones_are_limited() {
    let issuer = Issuer::new(&["rsa"]);
    let keyring = issuer.keyring();
    assert_eq!(code(&keyring, "rsa").await, "ok");
    issuer.serve(Some(&["rsa", "p256"]));
    assert_eq!(code(&keyring, "p256").await, "ok");
    assert_eq!(issuer.asked(), 2);
    for _ in 0..20 {
        assert_eq!(code(&keyring, "ed25519").await, "token.invalid");
    }
    assert_eq!(issuer.asked(), JWKS_UNKNOWN_KEY_BURST as usize - 1);
    for _ in 0..3 {
        pass(JWKS_UNKNOWN_KEY_INTERVAL_SECS).await;
        for _ in 0..20 {
            assert_eq!(code(&keyring, "ed25519").await, "token.invalid");
        }
    }
    assert_eq!(issuer.asked(), 3, "one a minute");
    pass(JWKS_UNKNOWN_KEY_INTERVAL_SECS).await;
    issuer.serve(Some(&["ed25519"]));
    assert_eq!(code(&keyring, "ed25519").await, "ok");
}

#[tokio::test(start_paused = true)]
async fn while_the_issuer_is_away_the_last_set_outlasts_an_hour() {
    let issuer = Issuer::new(&["rsa"]);
    issuer.serve(None);
    let keyring = issuer.keyring();
    for _ in 0..3 {
        assert_eq!(code(&keyring, "rsa").await, "key_set.unavailable");
    }
    assert_eq!(issuer.asked(), 1, "not again immediately");
    issuer.serve(Some(&["rsa"]));
    assert_eq!(code(&keyring, "rsa").await, "key_set.unavailable");
    pass(JWKS_RETRY_SECS).await;
    assert_eq!(code(&keyring, "rsa").await, "ok");

    issuer.serve(None);
    pass(JWKS_KEPT_SECS - 1).await;
    assert_eq!(code(&keyring, "rsa").await, "ok");
    pass(1).await;
    assert_eq!(code(&keyring, "rsa").await, "key_set.unavailable");
    issuer.serve(Some(&["rsa"]));
    pass(JWKS_RETRY_SECS).await;
    assert_eq!(code(&keyring, "rsa").await, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_withdraws_its_last_key_has_none() {
    let issuer = Issuer::new(&["rsa"]);
    let keyring = issuer.keyring();
    assert_eq!(code(&keyring, "rsa").await, "ok");
    issuer.serve(Some(&[]));
    pass(JWKS_AGE_SECS_DEFAULT).await;
    assert_eq!(code(&keyring, "rsa").await, "key_set.unavailable");
    issuer.serve(Some(&["p256"]));
    pass(JWKS_RETRY_SECS).await;
    assert_eq!(code(&keyring, "rsa").await, "token.invalid");
    assert_eq!(code(&keyring, "p256").await, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_holds_up_one_request_until_the_set_is_too_old() {
    let issuer = Issuer::new(&["rsa"]);
    let keyring = Arc::new(issuer.keyring());
    assert_eq!(code(&keyring, "rsa").await, "ok");
    issuer.0.lock().unwrap().secs = 3;
    let verify_both = async |secs: u64| {
        pass(secs).await;
        let first = Arc::clone(&keyring);
        let first = tokio::spawn(async move { code(&first, "rsa").await });
        tokio::task::yield_now().await;
        let before = Instant::now();
        assert_eq!(code(&keyring, "rsa").await, "ok");
        let waited = before.elapsed();
        assert_eq!(first.await.unwrap(), "ok");
        waited
    };
    assert_eq!(verify_both(JWKS_AGE_SECS_DEFAULT).await, Duration::ZERO);
    assert_eq!(verify_both(JWKS_AGE_SECS_MAX).await, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_delays_no_fetch() {
    let issuer = Issuer::new(&["rsa"]);
    let keyring = issuer.keyring();
    let verify = async |now: Timestamp| keyring.verify(&token("rsa"), now).await.is_ok();
    assert!(verify(NOW.plus_days(1)).await);
    pass(JWKS_AGE_SECS_DEFAULT).await;
    assert!(verify(NOW).await);
    assert_eq!(issuer.asked(), 2, "the day ahead was none");
    // A process that was frozen: the monotonic clock stood still.
    assert!(verify(NOW.plus_secs(20 * 60)).await);
    assert_eq!(issuer.asked(), 1);
}
