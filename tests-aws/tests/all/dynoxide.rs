//! A second opinion on transactions: dynoxide, a DynamoDB emulator on SQLite that is tested against
//! the responses of the real service. It runs as a child process on a loopback port, in memory. Its
//! tests fail, and are not skipped, where it is not installed.

use std::{
    net::{SocketAddr, TcpListener},
    process::{Command, Stdio},
};

use tierlift_testkit::{
    child::{Child, announced},
    harness::tools,
};

/// Most ports that are tried.
const PORTS_TRIED_MAX: usize = 5;

/// A running dynoxide.
pub(super) struct Dynoxide {
    _child: Child,
    pub(super) address: SocketAddr,
}

impl Dynoxide {
    /// Starts an empty one.
    pub(super) fn start() -> Self {
        let started = (0..PORTS_TRIED_MAX).find_map(|_| Self::try_start());
        started.expect("dynoxide should have listened on a free port")
    }

    /// Starts it on a port that was free a moment ago: dynoxide cannot choose one itself, and another
    /// process may take this one first.
    fn try_start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(tools::dynoxide());
        command.args(["serve", "--port", &address.port().to_string()]).env_clear();
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = Child::spawn(&mut command).unwrap();
        let url = format!("http://{address}");
        announced(child.stderr().unwrap(), |line| line.contains(&url).then_some(()))?;
        Some(Self { _child: child, address })
    }
}
