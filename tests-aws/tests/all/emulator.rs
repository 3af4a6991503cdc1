//! ministack, an AWS emulator, as a child process on a loopback port with a folder of its own.
//!
//! Each test starts its own, which takes a third of a second, so no test sees the state of another. The
//! process ends with its test however the test ends, because it reads a pipe that the test holds open.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use serde_json::Value;
use tierlift_aws::Sdk;
use tierlift_testkit::harness::{
    client::{Client, Response},
    program::Program,
    tools,
};

/// Access key and secret of an emulated account's root.
const ROOT: &str = "test";

/// An `Authorization` header of the right form. Emulators require one and do not verify it.
pub(super) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=test/20261122/us-east-1/any/aws4_request, SignedHeaders=host, Signature=none";

/// The same for IAM, whose requests name no target.
pub(super) const IAM_AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=test/20261122/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none";

/// A running emulator.
pub(super) struct Emulator {
    program: Program,
    /// Removed after the program has ended.
    folder: tempfile::TempDir,
}

/// Whether the emulator enforces IAM policies.
#[derive(Clone, Copy)]
enum Policies {
    Ignored,
    Enforced,
}

impl Emulator {
    /// Starts one that allows every caller everything.
    pub(super) fn start() -> Self {
        Self::start_with(Policies::Ignored)
    }

    /// Starts one that allows a function only what its role allows, and the root everything.
    pub(super) fn with_policies() -> Self {
        Self::start_with(Policies::Enforced)
    }

    fn start_with(policies: Policies) -> Self {
        let auth = match policies {
            Policies::Ignored => "false",
            Policies::Enforced => "true",
        };
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(tools::python());
        command.arg("-B").arg(tools::script("tests-aws/ministack/serve.py"));
        command.env("TMPDIR", folder.path()).env("AUTH", auth).env("LOG_LEVEL", "WARNING");
        let program = Program::start_with_input(command, &log(&folder));
        Self { program, folder }
    }

    /// Its address.
    pub(super) const fn address(&self) -> SocketAddr {
        self.program.address
    }

    /// Its log.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(log(&self.folder)).unwrap_or_default()
    }

    /// SDK configuration for this emulator.
    pub(super) fn sdk(&self) -> Sdk {
        sdk_at(self.address())
    }

    /// Calls an API by its target, such as `AmazonSQS.CreateQueue`; the call must succeed.
    pub(super) async fn call(&self, target: &str, input: &Value) -> Value {
        let response = call(self.address(), target, input).await;
        assert_eq!(response.status, 200, "{target} {input}: {}", response.body);
        response.json()
    }
}

fn log(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("log")
}

/// SDK configuration for an emulator at that address.
pub(super) fn sdk_at(address: SocketAddr) -> Sdk {
    Sdk::for_endpoint(&format!("http://{address}"), ROOT, ROOT)
}

/// Calls an API of an emulator by its target, such as `AmazonSQS.CreateQueue`.
pub(super) async fn call(address: SocketAddr, target: &str, input: &Value) -> Response {
    let headers = [
        ("x-amz-target", target),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-date", "20261122T000000Z"),
        ("authorization", AUTHORIZATION),
    ];
    let mut client = Client::connect(address).await.unwrap();
    client.ask("POST", "/", &headers, input.to_string().as_bytes()).await.unwrap()
}
