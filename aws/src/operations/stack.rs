//! A deployment by the name of its stack. The worker's own environment says which table and queues it has and which
//! policy it follows, so a prediction is what that worker would decide.

use aws_sdk_lambda::{
    Client, operation::get_function_configuration::GetFunctionConfigurationError,
};
use tierlift_core::policy::Policy;

use super::{Deployment, worker::EventSource};
use crate::{
    Environment, Sdk, environment,
    queue::{Producer, Queue},
    sdk::with_sources,
    secrets,
    store::Store,
};

/// Why the deployment of a stack was not found.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// There is no such stack in this account and region.
    #[error("there is no function {0}-worker in this account and region")]
    Missing(String),
    /// The worker's environment is not that of a worker.
    #[error("the environment of the worker: {0}")]
    Environment(#[from] environment::Error),
    /// AWS was not reached, or did not allow it.
    #[error("the worker's configuration could not be read: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Deployment {
    /// The deployment of a stack, the policy that its worker follows, and the connected accounts whose events count.
    pub async fn of_stack(
        sdk: &Sdk,
        stack: &str,
    ) -> Result<(Self, Policy, Vec<String>), StackError> {
        let lambda = Client::new(sdk.config());
        let worker = format!("{stack}-worker");
        let found = lambda.get_function_configuration().function_name(worker).send().await;
        let found = found.map_err(|error| match error.as_service_error() {
            Some(GetFunctionConfigurationError::ResourceNotFoundException(_)) => {
                StackError::Missing(stack.to_owned())
            }
            _ => StackError::Unavailable(with_sources(&error)),
        })?;
        let variables = found.environment.and_then(|environment| environment.variables);
        let mut environment: Environment = variables.unwrap_or_default().into();
        if let Some((arn, version)) = environment.policy_document()? {
            let text = secrets::read_version(sdk, arn, version).await;
            let text = text.map_err(|error| StackError::Unavailable(error.into()))?;
            environment = environment.with_policy_document(&text)?;
        }
        let table = environment.table()?;
        let (queue, dead) = (environment.queue_url()?, environment.dead_letter_queue_url()?);
        let (queue, store) = (Queue::new(sdk, queue, dead, table), Store::new(sdk, table));
        let source = Some(EventSource::new(lambda));
        let thin = environment.thin_queue_url().map(|url| Producer::new(sdk, url));
        let deployment = Self { thin, source, ..Self::new(store, queue) };
        Ok((deployment, environment.policy()?, environment.connected_accounts()?))
    }
}
