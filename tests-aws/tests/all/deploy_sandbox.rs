//! The run in an AWS account, on an emulator: what it uses and what it removes.

use std::process::{Command, Output};

use serde_json::json;
use tierlift_testkit::harness::tools;
use tokio::task::spawn_blocking;

use super::emulator::Emulator;

fn run(arguments: &[&str]) -> Output {
    let architecture = std::env::consts::ARCH.replace("aarch64", "arm64");
    let mut command = Command::new(tools::python());
    command.arg("-B").arg(tools::script("tests-aws/sandbox.py"));
    command.arg(tools::package()).arg(architecture).args(arguments);
    command.env_remove("TIERLIFT_SANDBOX_ACCOUNT").output().unwrap()
}

#[tokio::test]
async fn a_sandbox_is_deployed_used_updated_and_removed() {
    let emulator = Emulator::with_policies();
    let endpoint = format!("http://{}", emulator.address());
    let output = spawn_blocking(move || run(&["--endpoint", &endpoint])).await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("deployed, used, updated and removed"), "{output:?}");
    assert!(output.status.success(), "{output:?}");
    let queues = emulator.call("AmazonSQS.ListQueues", &json!({})).await;
    assert_eq!(queues["QueueUrls"].as_array().map_or(0, Vec::len), 0, "{queues}");
    let tables = emulator.call("DynamoDB_20120810.ListTables", &json!({})).await;
    assert_eq!(tables["TableNames"], json!([]));
    let secrets = emulator.call("secretsmanager.ListSecrets", &json!({})).await;
    assert_eq!(secrets["SecretList"], json!([]));
}

#[test]
fn no_account_is_used_that_is_not_named() {
    for (arguments, error) in [
        (&[][..], "TIERLIFT_SANDBOX_ACCOUNT is not set"),
        (&["--endpoint", "https://sqs.us-east-1.amazonaws.com"], "is not on 127.0.0.1"),
    ] {
        let output = run(arguments);
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && printed.contains(error), "{output:?}");
    }
}
