//! An AWS of one's own: ministack as a child process on a loopback port, with its own folder.
//!
//! Each test has one: it starts in a third of a second, and so no test can see what another one did.
//! It ends with its test however that ends, since it reads a pipe that the test holds.

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

/// How long it may take to end what it runs and remove what it wrote.
const END_TIMEOUT: Duration = Duration::from_secs(10);
/// The root of its account.
const ROOT: &str = "test";

/// What it says besides its port, in its folder.
const LOG: &str = "log";

/// The python of the venv that `make` prepares.
pub(super) fn python() -> PathBuf {
    tools::python()
}

/// The form of a signature, which emulators want to see and do not check.
pub(super) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/any/aws4_request, \
                             SignedHeaders=host, Signature=none";

/// A running emulator.
pub(crate) struct Emulator {
    child: process::Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

/// Who may do what.
#[derive(Clone, Copy)]
enum Policies {
    Ignored,
    Enforced,
}

impl Emulator {
    /// A fresh one, which lets every caller do everything.
    pub(crate) fn start() -> Self {
        Self::start_with(Policies::Ignored)
    }

    /// A fresh one, which lets a function do what its role allows, and its owner everything.
    pub(super) fn guarded() -> Self {
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
        // What it leaves behind if it has to be killed is in a folder that goes with it.
        command.env("TMPDIR", folder.path()).env("AUTH", auth).env("LOG_LEVEL", "WARNING");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(&log).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(port) = line.trim().parse::<u16>() else {
            drop(child.kill());
            panic!("it said {line:?} and {}", fs::read_to_string(&log).unwrap());
        };
        Self { child, address: ([127, 0, 0, 1], port).into(), folder }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it complained of.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join(LOG)).unwrap_or_default()
    }

    /// Clients that speak to it.
    pub(crate) fn sdk(&self) -> Sdk {
        sdk_at(self.address)
    }

    /// One call of an API by its target, such as `AmazonSQS.CreateQueue`; it must succeed.
    pub(crate) async fn call(&self, target: &str, input: &Value) -> Value {
        let answer = ask(self.address, target, input).await;
        assert_eq!(answer.status, 200, "{target} {input}: {}", answer.body);
        answer.json()
    }
}

/// What an emulator answers to one call of an API by its target.
pub(super) async fn ask(address: SocketAddr, target: &str, input: &Value) -> Answer {
    let headers = [
        ("x-amz-target", target),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-date", "20261122T000000Z"),
        ("authorization", AUTHORIZATION),
    ];
    let mut client = Client::connect(address).await.unwrap();
    client.ask("POST", "/", &headers, input.to_string().as_bytes()).await.unwrap()
}

/// Clients that speak to an emulator behind that address.
pub(crate) fn sdk_at(address: SocketAddr) -> Sdk {
    Sdk::at(&format!("http://{address}"), ROOT, ROOT)
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
