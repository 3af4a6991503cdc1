//! A custom resource of `CloudFormation`: a function that is called when a stack is created, updated or deleted,
//! before other resources follow, and whose answer may stop that
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref.html>).
//!
//! The answer is sent to a URL of S3 that comes with the request. It has a fingerprint of the resource's properties,
//! by which versions of functions differ.

use std::time::Duration;

use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::{Error, Function, InvocationError};

/// Time that S3 may take for the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Length of the fingerprint, in bytes.
const FINGERPRINT_BYTES: usize = 8;
/// Length of a reason, in characters. `CloudFormation` takes answers of up to 4 KB.
const REASON_CHARS_MAX: usize = 800;
/// The name of the only resource that there is.
const RESOURCE: &str = "tierlift-check";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Deployment {
    request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    #[serde(default)]
    resource_properties: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    status: &'static str,
    reason: String,
    physical_resource_id: &'static str,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    data: Data,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    fingerprint: String,
}

impl Function {
    /// Serves deployments until Lambda ends the process. `check` says what is wrong with this one, if anything is.
    /// A stack may always be deleted.
    pub async fn serve_deployments<C>(&self, check: C) -> Result<(), Error>
    where
        C: AsyncFn() -> Result<(), String>,
    {
        let check = &check;
        lambda_runtime::run(service_fn(async move |event: LambdaEvent<Deployment>| {
            let request = event.payload;
            let checked = match request.request_type {
                RequestType::Delete => Ok(()),
                RequestType::Create | RequestType::Update => Box::pin(check()).await,
            };
            if let Err(reason) = &checked {
                tracing::error!(reason, "deployment refused");
            }
            let url = request.response_url.clone();
            let answer = serde_json::to_vec(&answer(request, checked))?;
            spawn_blocking(move || send(&url, &answer)).await??;
            self.flush();
            Ok::<_, InvocationError>(())
        }))
        .await
        .map_err(Error::Runtime)
    }
}

fn answer(request: Deployment, checked: Result<(), String>) -> Answer {
    Answer {
        status: if checked.is_ok() { "SUCCESS" } else { "FAILED" },
        reason: checked.err().unwrap_or_default().chars().take(REASON_CHARS_MAX).collect(),
        physical_resource_id: RESOURCE,
        stack_id: request.stack_id,
        request_id: request.request_id,
        logical_resource_id: request.logical_resource_id,
        data: Data { fingerprint: fingerprint(&request.resource_properties) },
    }
}

/// A digest of the properties, which are the same text whenever they are the same.
fn fingerprint(properties: &Value) -> String {
    let digest = Sha256::digest(properties.to_string());
    hex::encode(digest.into_iter().take(FINGERPRINT_BYTES).collect::<Vec<_>>())
}

/// The URL is signed for a request without a content type.
fn send(url: &str, answer: &[u8]) -> Result<(), InvocationError> {
    let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER_TIMEOUT));
    let agent: ureq::Agent = config.build().into();
    agent.put(url).header("content-type", "").send(answer)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lambda::events;

    const REQUEST: &str = include_str!("events/deployment.json");

    #[test]
    fn an_answer_names_its_request_and_says_what_is_wrong() {
        for text in events::read(REQUEST) {
            for (checked, status, reason) in [
                (Ok(()), "SUCCESS", ""),
                (
                    Err("TIERLIFT_PLANS: no role pro".to_owned()),
                    "FAILED",
                    "TIERLIFT_PLANS: no role pro",
                ),
            ] {
                let request: Deployment = serde_json::from_str(&text).unwrap();
                let answer = serde_json::to_value(answer(request, checked)).unwrap();
                assert_eq!(
                    (&answer["Status"], &answer["Reason"]),
                    (&json!(status), &json!(reason))
                );
                assert_eq!(answer["RequestId"], "unique id for this create request");
                assert_eq!(answer["LogicalResourceId"], "MyTestResource");
                assert_eq!(
                    answer["StackId"],
                    "arn:aws:cloudformation:us-east-2:namespace:stack/stack-name/guid"
                );
                assert_eq!(answer["PhysicalResourceId"], RESOURCE);
            }
        }
    }

    #[test]
    fn the_longest_reason_fits_into_an_answer() {
        let request: Deployment = serde_json::from_str(REQUEST).unwrap();
        let long = "…\n".repeat(5_000);
        assert!(serde_json::to_vec(&answer(request, Err(long))).unwrap().len() < 4_096);
    }

    #[test]
    fn a_fingerprint_changes_with_every_property() {
        let of = |text: &str| fingerprint(&serde_json::from_str(text).unwrap());
        let one = of(r#"{"CodePrefix":"1","Parameters":["a","b"]}"#);
        assert_eq!(one, of(r#"{"Parameters":["a","b"], "CodePrefix":"1"}"#));
        assert_ne!(one, of(r#"{"CodePrefix":"2","Parameters":["a","b"]}"#));
        assert_ne!(one, of(r#"{"CodePrefix":"1","Parameters":["b","a"]}"#));
    }
}
