use tierlift_core::{
    id::{RevocationId, UserId},
    policy::{Policy, PolicyConfig},
    ports::SecretsError,
    time::{Clock, Timestamp},
};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

/// A source whose secret is set by hand; without one it is unavailable.
#[derive(Clone, Default)]
struct Source(Arc<Mutex<Option<Arc<Secret>>>>);

impl Source {
    fn set(&self, secret: Option<&Secret>) {
        *self.0.lock().unwrap() = secret.cloned().map(Arc::new);
    }
}

impl TokenSecrets for Source {
    async fn current(&self) -> Result<Arc<Secret>, SecretsError> {
        self.0.lock().unwrap().clone().ok_or(SecretsError("not set".into()))
    }
}

fn access(source: Option<Source>) -> RotatingAccess<(), Source> {
    let access = Access {
        store: (),
        policy: Policy::new(PolicyConfig::default()).unwrap().into(),
        keyring: Keyring::fixed(TokenKeys::default()),
        clock: Clock::new(|| NOW),
        last_known: LastKnown::default(),
    };
    RotatingAccess::new(Arc::new(access), source)
}

async fn verifies(access: &RotatingAccess<(), Source>, secret: &Secret) -> bool {
    let token = secret.mint(&UserId::new("ada").unwrap(), RevocationId(0), NOW);
    access.access().keyring.verify(&token, NOW).await.is_ok()
}

#[tokio::test]
async fn tokens_are_checked_with_the_current_secret() {
    let source = Source::default();
    let access = access(Some(source.clone()));
    let [old, new] = ["the old secret of at least 32 bytes", "the new secret of at least 32 bytes"]
        .map(|text| Secret::new(text).unwrap());
    source.set(Some(&old));
    for _ in 0..2 {
        access.rotate().await.unwrap();
        assert!(verifies(&access, &old).await && !verifies(&access, &new).await);
    }
    source.set(Some(&new));
    access.rotate().await.unwrap();
    assert!(verifies(&access, &new).await && !verifies(&access, &old).await);
}

#[tokio::test]
async fn an_unavailable_secret_is_an_error_with_its_code() {
    let error = access(Some(Source::default())).rotate().await.unwrap_err();
    let response = error.into_response();
    assert_eq!(response.status().as_u16(), 503);
    assert!(access(None).rotate().await.is_ok(), "another issuer's tokens need no secret");
}
