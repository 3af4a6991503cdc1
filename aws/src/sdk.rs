//! What all of Amazon's clients share: region, credentials, one HTTP client, timeouts and retries.
//!
//! Built once for each process. A function trusts Mozilla's list of authorities, which is in the
//! program: it chains to Amazon's, and a cold start opens no file. The response bodies are small and every attempt has a timeout, so
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
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::base64;
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
        Self::shared(&config.build(), http_client(trust_in_mozilla()))
    }

    /// As a person's shell has it: the credentials chain and the profile of Amazon's own tools.
    pub async fn of_shell() -> Self {
        // Whom this machine trusts is its owner's business. The chain may ask a sign-in service, so it
        // needs the client before the rest does.
        let http = http_client(TrustStore::default());
        let defaults = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let config = defaults.http_client(http.clone()).load().await;
        Self::shared(&config, http)
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
        Self::shared(&config.build(), http_client(trust_in_mozilla()))
    }

    fn shared(config: &SdkConfig, http: SharedHttpClient) -> Self {
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

fn http_client(trust: TrustStore) -> SharedHttpClient {
    let tls = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(trust).build() {
        Ok(context) => tls.tls_context(context).build_https(),
        // Only names of servers can be refused there, and none is given.
        Err(_) => tls.build_https(),
    }
}

/// The client wants its certificates as text.
fn trust_in_mozilla() -> TrustStore {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let text = base64::encode(certificate);
        let _ = write!(pem, "-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    }
    TrustStore::empty().with_pem_certificate(pem)
}

/// An error of the SDK with all that it says: alone it says only "service error".
pub(crate) fn words(error: &dyn std::error::Error) -> Box<dyn std::error::Error + Send + Sync> {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(words, ": {inner}");
        source = inner.source();
    }
    words.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_of_the_list_can_be_read() {
        // The client reads them as it is built, and panics at one that it cannot.
        let sdk = Sdk::at("https://sqs.us-east-1.amazonaws.com", "key", "secret");
        drop(aws_sdk_sqs::Client::new(sdk.config()));
        assert!(webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() > 100);
    }

    #[test]
    fn an_error_says_all_that_it_knows() {
        let inner = std::io::Error::other("refused");
        let outer = std::io::Error::other(inner);
        assert!(words(&outer).to_string().contains("refused"));
    }
}
