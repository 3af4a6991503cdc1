//! What all of Amazon's clients share: region, credentials, one HTTP client, timeouts and retries.
//!
//! Built once for each process. The response bodies are small and every attempt has a timeout, so
//! the SDK's protection against stalled streams, which costs a timer for each call, is off.

use std::{fmt::Write as _, time::Duration};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, environment::EnvironmentVariableCredentialsProvider,
    retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use tierlift_core::limits::{
    AWS_ATTEMPT_TIMEOUT_MS, AWS_ATTEMPTS_MAX, AWS_CALL_TIMEOUT_MS, AWS_CONNECT_TIMEOUT_MS,
};

/// What all clients share.
#[derive(Clone, Debug)]
pub struct Sdk(SdkConfig);

impl Sdk {
    /// As a Lambda function finds it in its environment: the region, the credentials of its role,
    /// and an endpoint where it runs in an emulator. It reads no file and asks nobody, so that it
    /// costs a cold start nothing.
    #[must_use]
    pub fn of_lambda() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region.map(Region::new))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ));
        config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
        Self::shared(&config.build())
    }

    /// As a person's shell has it: the credentials chain and the profile of Amazon's own tools.
    pub async fn of_shell() -> Self {
        // It may ask a sign-in service, so it needs the client before the rest does.
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config =
            aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).load().await;
        Self::shared(&config)
    }

    /// At one endpoint for everything, such as an emulator's.
    #[must_use]
    pub fn at(endpoint: &str, key: &str, secret: &str) -> Self {
        let credentials = Credentials::new(key, secret, None, None, "given");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint);
        Self::shared(&config.build())
    }

    fn shared(config: &SdkConfig) -> Self {
        // It reads the system's certificates when the first connection is made, not before.
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(AWS_CONNECT_TIMEOUT_MS))
            .operation_attempt_timeout(Duration::from_millis(AWS_ATTEMPT_TIMEOUT_MS))
            .operation_timeout(Duration::from_millis(AWS_CALL_TIMEOUT_MS))
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(AWS_ATTEMPTS_MAX)
            .with_initial_backoff(Duration::from_millis(50));
        Self(
            config
                .to_builder()
                .http_client(http)
                .timeout_config(timeouts)
                .retry_config(retries)
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .build(),
        )
    }

    pub(crate) const fn config(&self) -> &SdkConfig {
        &self.0
    }
}

/// An error of the SDK with all that it says: alone it says only "service error".
pub(crate) fn words(why: &dyn std::error::Error) -> Box<dyn std::error::Error + Send + Sync> {
    let mut words = why.to_string();
    let mut source = why.source();
    while let Some(inner) = source {
        let _ = write!(words, ": {inner}");
        source = inner.source();
    }
    words.into()
}
