//! Where a test's AWS is: an emulator of its own, or with `TIERLIFT_TEST_AWS=1` the account of the shell.

use std::{
    io::Write as _,
    net::SocketAddr,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tierlift_aws::Sdk;
use tierlift_testkit::harness::tools;

use super::{
    dynoxide::Dynoxide,
    emulator::{Emulator, call, sdk_at},
};

/// An AWS, or a part of it.
pub(super) enum Endpoint {
    Ministack(Emulator),
    Dynoxide(Dynoxide),
    /// The account of the shell.
    Account,
}

impl Endpoint {
    /// Where the adapters are tested: an emulator, unless a real account is asked for.
    pub(super) fn start() -> Self {
        if std::env::var("TIERLIFT_TEST_AWS").is_ok_and(|value| value == "1") {
            Self::Account
        } else {
            Self::Ministack(Emulator::start())
        }
    }

    /// Address of the emulator; `None` in a real account.
    pub(super) const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Ministack(emulator) => Some(emulator.address()),
            Self::Dynoxide(dynoxide) => Some(dynoxide.address),
            Self::Account => None,
        }
    }

    pub(super) async fn sdk(&self) -> Sdk {
        match self.address() {
            Some(address) => sdk_at(address),
            None => Sdk::from_default_chain().await,
        }
    }

    /// Calls an API by its target, past the ports under test; returns the text of a refusal.
    pub(super) async fn call(&self, target: &str, input: &Value) -> Result<Value, String> {
        let Some(address) = self.address() else { return call_account(target, input) };
        let response = call(address, target, input).await;
        if response.status == 200 { Ok(response.json()) } else { Err(response.body) }
    }

    /// Deletes a resource of a real account; an emulator ends with its test. What cannot be deleted is
    /// printed, so that a person can do it.
    pub(super) fn delete(&self, target: &str, input: &Value) {
        if let Self::Account = self
            && let Err(error) = call_account(target, input)
        {
            eprintln!("{target} {input} failed: {error}");
        }
    }
}

/// Calls the real AWS through boto3, since the tests have no SDK client of their own.
fn call_account(target: &str, input: &Value) -> Result<Value, String> {
    let mut command = Command::new(tools::python());
    command.arg("-B").arg(tools::script("tests-aws/real.py"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let request = json!({ "target": target, "input": input }).to_string();
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(request.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() || !matches!(written, Some(Ok(()))) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}
