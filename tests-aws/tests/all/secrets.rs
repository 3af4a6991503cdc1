//! Secrets that are rotated while a function lives.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use serde_json::{Value, json};
use tierlift_aws::{Environment, secrets::CachedSecret};
use tierlift_core::{
    limits::{SECRET_AGE_SECS_MAX, SECRET_REFRESH_INTERVAL_SECS},
    ports::SigningSecrets as _,
    stripe::signature::{Secrets, sign, verify},
    time::{Clock, Timestamp},
};

use super::emulator::{Emulator, sdk_at};

const BODY: &[u8] = br#"{"id":"evt_1"}"#;

/// A service that stores secrets.
#[derive(Clone, Copy)]
enum Keeper {
    SecretsManager,
    ParameterStore,
}

impl Keeper {
    async fn put(self, emulator: &Emulator, text: &str, first: bool) -> String {
        let (target, input) = match self {
            Self::SecretsManager if first => {
                ("secretsmanager.CreateSecret", json!({ "Name": "hook", "SecretString": text }))
            }
            Self::SecretsManager => {
                let input = json!({ "SecretId": "hook", "SecretString": text });
                ("secretsmanager.PutSecretValue", input)
            }
            Self::ParameterStore => {
                let name = json!("/tierlift/hook");
                let input = json!({
                    "Name": name, "Value": text, "Type": "SecureString", "Overwrite": !first,
                });
                ("AmazonSSM.PutParameter", input)
            }
        };
        let answer: Value = emulator.call(target, &input).await;
        match self {
            Self::SecretsManager => answer["ARN"].as_str().unwrap_or_default().to_owned(),
            Self::ParameterStore => {
                "arn:aws:ssm:us-east-1:000000000000:parameter/tierlift/hook".to_owned()
            }
        }
    }
}

/// A clock that is moved by hand.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_795_000_000)))
    }

    fn pass(&self, secs: u64) {
        self.0.fetch_add(secs.cast_signed(), Ordering::SeqCst);
    }

    fn clock(&self) -> Clock {
        let shared = self.0.clone();
        Clock::new(move || Timestamp::from_secs(shared.load(Ordering::SeqCst)))
    }
}

fn signing(emulator: &Emulator, arn: &str, hand: &Hand) -> CachedSecret<Secrets> {
    let environment = Environment::from([("STRIPE_WEBHOOK_SECRET_ARN", arn)]);
    CachedSecret::signing_secrets(&environment, &emulator.sdk(), &hand.clock()).unwrap()
}

fn fits(secrets: &Secrets, secret: &str) -> bool {
    let now = Timestamp::from_secs(1_795_000_000);
    verify(secrets, sign(secret, BODY, now).as_bytes(), BODY, now).is_ok()
}

async fn rotates_without_a_deployment(keeper: Keeper) {
    let (emulator, hand) = (Emulator::start(), Hand::new());
    let arn = keeper.put(&emulator, "whsec_4GhNs8LpE2uAoC6xBiQz\n", true).await;
    let signing = signing(&emulator, &arn, &hand);
    let first = signing.current().await.unwrap();
    assert!(fits(&first, "whsec_4GhNs8LpE2uAoC6xBiQz"));

    keeper.put(&emulator, "whsec_4GhNs8LpE2uAoC6xBiQz, whsec_9JfZ3kWq7mXbT1vRyD5c", false).await;
    assert!(signing.refreshed(&first).await.unwrap().is_none(), "read a moment ago");
    hand.pass(SECRET_REFRESH_INTERVAL_SECS);
    let refreshed = signing.refreshed(&first).await.unwrap().expect("the rotated secret");
    assert!(
        fits(&refreshed, "whsec_9JfZ3kWq7mXbT1vRyD5c")
            && fits(&refreshed, "whsec_4GhNs8LpE2uAoC6xBiQz")
    );
    let beside = signing.refreshed(&first).await.unwrap().expect("what another request has read");
    assert!(Arc::ptr_eq(&beside, &refreshed));
    hand.pass(SECRET_REFRESH_INTERVAL_SECS);
    assert!(signing.refreshed(&refreshed).await.unwrap().is_none(), "unchanged");

    keeper.put(&emulator, "whsec_9JfZ3kWq7mXbT1vRyD5c", false).await;
    assert!(fits(&signing.current().await.unwrap(), "whsec_4GhNs8LpE2uAoC6xBiQz"), "still cached");
    hand.pass(SECRET_AGE_SECS_MAX);
    assert!(!fits(&signing.current().await.unwrap(), "whsec_4GhNs8LpE2uAoC6xBiQz"));
}

#[tokio::test]
async fn a_secret_of_secrets_manager_is_rotated_without_a_deployment() {
    rotates_without_a_deployment(Keeper::SecretsManager).await;
}

#[tokio::test]
async fn a_secret_of_the_parameter_store_is_rotated_without_a_deployment() {
    rotates_without_a_deployment(Keeper::ParameterStore).await;
}

#[tokio::test]
async fn a_secret_is_kept_while_it_cannot_be_reread_and_an_unread_one_is_an_error() {
    let (emulator, hand) = (Emulator::start(), Hand::new());
    let arn = Keeper::SecretsManager.put(&emulator, "whsec_4GhNs8LpE2uAoC6xBiQz", true).await;
    let signing = signing(&emulator, &arn, &hand);
    signing.current().await.unwrap();
    let address = emulator.address();
    Keeper::SecretsManager.put(&emulator, " , ", false).await;
    hand.pass(SECRET_AGE_SECS_MAX);
    assert!(
        fits(&signing.current().await.unwrap(), "whsec_4GhNs8LpE2uAoC6xBiQz"),
        "the new text is not usable"
    );
    drop(emulator);
    hand.pass(SECRET_AGE_SECS_MAX);
    assert!(
        fits(&signing.current().await.unwrap(), "whsec_4GhNs8LpE2uAoC6xBiQz"),
        "the service is unreachable"
    );
    // Whether another secret would match is not known, for as long as it is not asked again.
    let kept = signing.current().await.unwrap();
    for secs in [0, SECRET_REFRESH_INTERVAL_SECS] {
        hand.pass(secs);
        let error = signing.refreshed(&kept).await.unwrap_err().to_string();
        assert!(error.contains("read"), "{error}");
    }

    let environment = Environment::from([("STRIPE_WEBHOOK_SECRET_ARN", arn.as_str())]);
    let fresh =
        CachedSecret::signing_secrets(&environment, &sdk_at(address), &hand.clock()).unwrap();
    let error = fresh.current().await.unwrap_err().to_string();
    assert!(error.contains(&arn), "{error}");
}

#[test]
fn a_variable_that_names_no_secret_is_refused_with_what_is_allowed() {
    let sdk = sdk_at(([127, 0, 0, 1], 9).into());
    let error = |environment: Environment| {
        CachedSecret::signing_secrets(&environment, &sdk, &Hand::new().clock())
            .unwrap_err()
            .to_string()
    };
    assert!(error(Environment::default()).starts_with("STRIPE_WEBHOOK_SECRET_ARN is not set"));
    let wrong = error(Environment::from([("STRIPE_WEBHOOK_SECRET_ARN", "whsec_1")]));
    assert!(wrong.contains("allowed: the ARN of a Secrets Manager secret"), "{wrong}");
}
