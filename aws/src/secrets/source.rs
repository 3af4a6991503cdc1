//! Places where a secret is stored: Secrets Manager, the Parameter Store, or an environment variable.

use std::fmt;

use aws_sdk_secretsmanager as secretsmanager;
use aws_sdk_ssm as ssm;

use crate::{Environment, Sdk, environment, sdk::with_sources};

/// The place of one secret.
pub(super) enum Source {
    SecretsManager { client: secretsmanager::Client, arn: String },
    ParameterStore { client: ssm::Client, arn: String },
    Environment { name: &'static str, text: String },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecretsManager { arn, .. } | Self::ParameterStore { arn, .. } => arn,
            Self::Environment { name, .. } => name,
        })
    }
}

impl Source {
    /// The secret whose ARN is in the variable `arn_name`, or else the text of `plain_name` itself;
    /// `None` where neither is set.
    pub(super) fn from_environment(
        environment: &Environment,
        sdk: &Sdk,
        [arn_name, plain_name]: [&'static str; 2],
    ) -> Result<Option<Self>, environment::Error> {
        match (environment.get(arn_name), environment.get(plain_name)) {
            (Some(arn), _) => Self::from_arn(arn_name, arn, sdk).map(Some),
            (None, Some(text)) => {
                Ok(Some(Self::Environment { name: plain_name, text: text.to_owned() }))
            }
            (None, None) => Ok(None),
        }
    }

    fn from_arn(name: &'static str, arn: &str, sdk: &Sdk) -> Result<Self, environment::Error> {
        let arn = arn.to_owned();
        match arn.split(':').nth(2) {
            Some("secretsmanager") => {
                Ok(Self::SecretsManager { client: secretsmanager::Client::new(sdk.config()), arn })
            }
            Some("ssm") => Ok(Self::ParameterStore { client: ssm::Client::new(sdk.config()), arn }),
            _ => Err(environment::Error::Invalid {
                name,
                value: arn,
                allowed: "the ARN of a Secrets Manager secret or of an SSM parameter",
            }),
        }
    }

    /// Reads a version of the text at an ARN.
    pub(super) async fn read_version(
        sdk: &Sdk,
        arn: &str,
        version: &str,
    ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let text = match Self::from_arn("TIERLIFT_POLICY_ARN", arn, sdk)? {
            Self::SecretsManager { client, arn } => {
                let request = client.get_secret_value().secret_id(arn).version_id(version);
                request.send().await.map_err(|error| with_sources(&error))?.secret_string
            }
            Self::ParameterStore { client, arn } => {
                let request = client.get_parameter().name(format!("{arn}:{version}"));
                let output = request.send().await.map_err(|error| with_sources(&error))?;
                output.parameter.and_then(|parameter| parameter.value)
            }
            Self::Environment { .. } => None,
        };
        text.ok_or_else(|| "it has no text".into())
    }

    /// Reads the secret's text.
    pub(super) async fn read(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let text = match self {
            Self::Environment { text, .. } => return Ok(text.clone()),
            Self::SecretsManager { client, arn } => {
                let secret = client.get_secret_value().secret_id(arn).send().await;
                secret.map_err(|error| with_sources(&error))?.secret_string
            }
            Self::ParameterStore { client, arn } => {
                let request = client.get_parameter().name(arn).with_decryption(true);
                let output = request.send().await.map_err(|error| with_sources(&error))?;
                output.parameter.and_then(|parameter| parameter.value)
            }
        };
        text.ok_or_else(|| "it has no text".into())
    }
}
