//! ministack, an AWS emulator, as a child process on a loopback port with a folder of its own.
//!
//! Each test starts its own, which takes a third of a second, so no test sees the state of another. The
//! process ends with its test however the test ends, because it reads a pipe that the test holds open.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{self, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tierlift_aws::Sdk;
use tierlift_testkit::harness::tools;

use crate::process::{Answer, Client};

/// How long the emulator may take to stop its functions and remove its files.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// Access key and secret of the emulated account's root.
const ROOT: &str = "test";

/// Name of the log file in the emulator's folder.
const LOG: &str = "log";

/// The Python interpreter of the venv that `make` prepares.
pub(super) fn python() -> PathBuf {
    tools::python()
}

/// An `Authorization` header of the right form. Emulators require one and do not verify it.
pub(super) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/any/aws4_request, \
                             SignedHeaders=host, Signature=none";

/// A running emulator.
pub(crate) struct Emulator {
    child: process::Child,
    address: SocketAddr,
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
    pub(crate) fn start() -> Self {
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
        let log = folder.path().join(LOG);
        let mut command = Command::new(python());
        command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/ministack/serve.py"));
        // If it has to be killed, its files are still removed with this folder.
        command.env("TMPDIR", folder.path()).env("AUTH", auth).env("LOG_LEVEL", "WARNING");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(port) = line.trim().parse::<u16>() else {
            drop(child.kill());
            panic!("ministack printed {line:?} and logged {}", fs::read_to_string(&log).unwrap());
        };
        Self { child, address: ([127, 0, 0, 1], port).into(), folder }
    }

    /// Its address.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its log.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// SDK configuration for this emulator.
    pub(crate) fn sdk(&self) -> Sdk {
        sdk_at(self.address)
    }

    /// Calls an API by its target, such as `AmazonSQS.CreateQueue`; the call must succeed.
    pub(crate) async fn call(&self, target: &str, input: &Value) -> Value {
        let response = call(self.address, target, input).await;
        assert_eq!(response.status, 200, "{target} {input}: {}", response.body);
        response.json()
    }
}

/// Calls an API of an emulator by its target.
pub(super) async fn call(address: SocketAddr, target: &str, input: &Value) -> Answer {
    let headers = [
        ("x-amz-target", target),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-date", "20261122T000000Z"),
        ("authorization", AUTHORIZATION),
    ];
    let mut client = Client::connect(address).await.unwrap();
    client.ask("POST", "/", &headers, input.to_string().as_bytes()).await.unwrap()
}

/// SDK configuration for an emulator at that address.
pub(crate) fn sdk_at(address: SocketAddr) -> Sdk {
    Sdk::for_endpoint(&format!("http://{address}"), ROOT, ROOT)
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + END_TIMEOUT;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                drop(self.child.kill());
                drop(self.child.wait());
                return;
            }
            sleep(Duration::from_millis(5));
        }
    }
}
