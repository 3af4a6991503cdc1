//! The configuration that all SDK clients share: region, credentials, one HTTP client, timeouts and
//! retries.
//!
//! It is built once per process. A function trusts Mozilla's list of certificate authorities, which is
//! compiled in, so that a cold start opens no file; Amazon's authorities are among them. The SDK's
//! stalled-stream protection is off: it costs a timer per call, while bodies are small and every attempt
//! has a timeout anyway.

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
    AWS_PERSON_ATTEMPT_TIMEOUT_MS, AWS_PERSON_CALL_TIMEOUT_MS, AWS_RETRY_DELAY_MS_MIN,
};

/// How long the parts of a call may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    connect: Duration,
    attempt: Duration,
    call: Duration,
}

/// That of a function, which is near.
const FUNCTION: Patience = Patience {
    connect: Duration::from_millis(AWS_CONNECT_TIMEOUT_MS),
    attempt: Duration::from_millis(AWS_ATTEMPT_TIMEOUT_MS),
    call: Duration::from_millis(AWS_CALL_TIMEOUT_MS),
};

/// That of a person, who may be far away and asks for whole pages of a table.
const PERSON: Patience = Patience {
    connect: Duration::from_millis(AWS_PERSON_ATTEMPT_TIMEOUT_MS),
    attempt: Duration::from_millis(AWS_PERSON_ATTEMPT_TIMEOUT_MS),
    call: Duration::from_millis(AWS_PERSON_CALL_TIMEOUT_MS),
};

/// The shared configuration of SDK clients.
#[derive(Clone, Debug)]
pub struct Sdk(SdkConfig);

impl Sdk {
    /// The configuration in the environment of a Lambda function: the region, the credentials of its
    /// role, and the endpoint of an emulator if it runs in one. It reads no file and sends no request,
    /// so a cold start does not wait for it.
    #[must_use]
    pub fn from_lambda() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(region.map(Region::new))
            .credentials_provider(SharedCredentialsProvider::new(
                EnvironmentVariableCredentialsProvider::new(),
            ));
        config.set_endpoint_url(variable("AWS_ENDPOINT_URL"));
        Self::shared(&config.build(), http_client(mozilla_trust_store()), FUNCTION)
    }

    /// The configuration of the AWS CLI: the default credential provider chain and the profile. Its calls may take
    /// longer than those of a function, since they come from anywhere.
    pub async fn from_default_chain() -> Self {
        // The machine's own trust store applies. The chain may send requests to a sign-in service, so it
        // gets the HTTP client as well.
        let http = http_client(TrustStore::default());
        let defaults = aws_config::defaults(BehaviorVersion::v2026_01_12());
        let config = defaults.http_client(http.clone()).load().await;
        Self::shared(&config, http, PERSON)
    }

    /// A configuration for one endpoint that serves every API, such as an emulator.
    #[must_use]
    pub fn for_endpoint(endpoint: &str, key: &str, secret: &str) -> Self {
        let credentials = Credentials::new(key, secret, None, None, "given");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint);
        Self::shared(&config.build(), http_client(mozilla_trust_store()), FUNCTION)
    }

    fn shared(config: &SdkConfig, http: SharedHttpClient, patience: Patience) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(patience.connect)
            .operation_attempt_timeout(patience.attempt)
            .operation_timeout(patience.call)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(AWS_ATTEMPTS_MAX)
            .with_initial_backoff(Duration::from_millis(AWS_RETRY_DELAY_MS_MIN));
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
        // Building fails only for an invalid server name, and none is set.
        Err(_) => tls.build_https(),
    }
}

/// Mozilla's certificate authorities. The HTTP client takes them in PEM.
fn mozilla_trust_store() -> TrustStore {
    let mut pem = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let text = base64::encode(certificate);
        let _ = write!(pem, "-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    }
    TrustStore::empty().with_pem_certificate(pem)
}

/// An SDK error with the messages of its sources; its own message is only "service error".
pub(crate) fn with_sources(
    error: &dyn std::error::Error,
) -> Box<dyn std::error::Error + Send + Sync> {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(message, ": {inner}");
        source = inner.source();
    }
    message.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compiled_in_authority_can_be_read() {
        // Building a client parses them, and panics at an invalid one.
        let sdk = Sdk::for_endpoint("https://sqs.us-east-1.amazonaws.com", "key", "secret");
        drop(aws_sdk_sqs::Client::new(sdk.config()));
        assert!(webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() > 100);
    }

    #[test]
    fn an_error_has_the_messages_of_its_sources() {
        let inner = std::io::Error::other("refused");
        let outer = std::io::Error::other(inner);
        assert!(with_sources(&outer).to_string().contains("refused"));
    }
}
