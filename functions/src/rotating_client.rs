//! Who asks Stripe, with a key that may be rotated while a function lives.
//!
//! The key is looked up before each use; its source decides how long one may be cached. A client lives as long as
//! its key, and with it what it has learned of Stripe's limits.

use std::sync::Arc;

use tierlift_aws::{
    Environment, Sdk, environment,
    secrets::{CachedSecret, STRIPE_KEY},
};
use tierlift_core::{
    config::StripeConfig,
    ports::{Answer, ListOf, Page, SecretsError, Stripe, StripeError, StripeId},
    time::Clock,
};
use tierlift_stripe::{Client, Key, KeyError, Settings};
use tokio::sync::Mutex;

/// Why Stripe cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The key is of the other mode.
    #[error("the key {0}")]
    Key(KeyError),
}

impl Error {
    /// The same for those who ask.
    #[must_use]
    pub fn into_stripe_error(self) -> StripeError {
        match self {
            Self::Secrets(error) => StripeError::Unavailable(error.to_string()),
            Self::Key(error) => StripeError::WrongMode(format!("the key {error}")),
        }
    }
}

/// A client, and the source of its key.
#[derive(Debug)]
pub struct RotatingClient {
    source: CachedSecret<Key>,
    config: StripeConfig,
    livemode: bool,
    client: Mutex<Option<(Arc<Key>, Arc<Client>)>>,
}

impl RotatingClient {
    /// Opens what the environment describes; `None` if it names no key.
    pub fn open(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
        livemode: bool,
    ) -> Result<Option<Self>, environment::Error> {
        let parse = |text: &str| Key::parse(text).map_err(|error| format!("the text {error}"));
        let source = CachedSecret::stripe_key(environment, sdk, clock, parse)?;
        let config = environment.stripe()?;
        Ok(source.map(|source| Self { source, config, livemode, client: Mutex::default() }))
    }

    /// The same; an error if the environment names no key.
    pub fn need(
        environment: &Environment,
        sdk: &Sdk,
        clock: &Clock,
        livemode: bool,
    ) -> Result<Self, environment::Error> {
        let meaning = "the ARN of the secret that holds a key of Stripe's API, rk_…";
        let client = Self::open(environment, sdk, clock, livemode)?;
        client.ok_or(environment::Error::Missing { name: STRIPE_KEY[0], meaning })
    }

    /// How Stripe is asked.
    #[must_use]
    pub const fn config(&self) -> &StripeConfig {
        &self.config
    }

    /// The client with the current key.
    pub async fn current(&self) -> Result<Arc<Client>, Error> {
        let key = self.source.current().await?;
        let mut known = self.client.lock().await;
        if let Some((known, client)) = &*known
            && Arc::ptr_eq(known, &key)
        {
            return Ok(Arc::clone(client));
        }
        let checked = Key::clone(&key).of_mode(self.livemode).map_err(Error::Key)?;
        let base = self.config.api_base.as_str().to_owned();
        let share_percent = self.config.share_percent;
        let client = Client::new(Settings { base, share_percent, ..Settings::new(checked) });
        let client = Arc::new(client);
        *known = Some((key, Arc::clone(&client)));
        Ok(client)
    }
}

/// Asks with the key that is current then.
impl Stripe for RotatingClient {
    async fn retrieve(&self, id: &StripeId) -> Result<Answer, StripeError> {
        self.current().await.map_err(Error::into_stripe_error)?.retrieve(id).await
    }

    async fn list(&self, list: &ListOf, after: Option<&str>) -> Result<Page<Answer>, StripeError> {
        self.current().await.map_err(Error::into_stripe_error)?.list(list, after).await
    }
}

#[cfg(test)]
mod tests {
    use tierlift_core::{codes::Code, time::Timestamp};

    use super::*;

    fn open(key: &str, livemode: bool) -> Result<RotatingClient, environment::Error> {
        let sdk = Sdk::for_endpoint("http://127.0.0.1:1", "key", "secret");
        let clock = Clock::new(|| Timestamp::from_secs(1_795_000_000));
        let environment = Environment::from([("STRIPE_API_KEY", key)]);
        RotatingClient::need(&environment, &sdk, &clock, livemode)
    }

    #[tokio::test]
    async fn a_key_has_one_client() {
        let client = open("rk_test_1234567", false).unwrap();
        let [first, second] = [client.current().await.unwrap(), client.current().await.unwrap()];
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[tokio::test]
    async fn a_key_that_does_not_fit_is_an_error_that_does_not_show_it() {
        for (key, livemode, code) in [
            ("rk_live_1234567", false, Code::StripeWrongMode),
            ("rk_test_1234567", true, Code::StripeWrongMode),
            ("pk_test_1234567", false, Code::StripeUnavailable),
            ("whsec_1234567", false, Code::StripeUnavailable),
        ] {
            let error = open(key, livemode).unwrap().current().await.unwrap_err();
            assert!(!error.to_string().contains("1234567"), "{error}");
            assert_eq!(error.into_stripe_error().code(), code, "{key}");
        }
        let error = open("", false).unwrap_err().to_string();
        assert!(error.starts_with("STRIPE_API_KEY_ARN is not set"), "{error}");
    }
}
