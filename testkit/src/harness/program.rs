//! A program that announces its address and serves there, logging to a file.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::child::{Child, announced};

/// How long a program may take to end when it is asked to.
const END_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a program that ends with its input may take to clean up.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Program {
    /// Starts it; `address` finds its address in the first line that it prints.
    pub fn start(
        command: Command,
        log: &Path,
        address: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Self {
        Self::announced(command, log, Child::spawn, address)
    }

    /// Starts one that prints its port on 127.0.0.1 and ends when its input does.
    #[must_use]
    pub fn start_with_input(command: Command, log: &Path) -> Self {
        let spawn = |command: &mut Command| Child::spawn_with_input(command, CLEAN_UP_TIMEOUT);
        Self::announced(command, log, spawn, |line| {
            Some(([127, 0, 0, 1], line.trim().parse().ok()?).into())
        })
    }

    fn announced(
        mut command: Command,
        log: &Path,
        spawn: impl Fn(&mut Command) -> std::io::Result<Child>,
        address: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Self {
        let stderr = File::options().create(true).append(true).open(log).unwrap();
        let mut child = spawn(command.stdout(Stdio::piped()).stderr(stderr)).unwrap();
        let found = announced(child.stdout().unwrap(), address);
        let Some(address) = found else {
            panic!(
                "{command:?} announced no address; its log: {}",
                fs::read_to_string(log).unwrap()
            )
        };
        Self { child, address }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it in the middle of whatever it does.
    pub fn kill(self) {
        self.child.kill().unwrap();
    }

    /// Asks it to end, and waits: it must end well.
    pub fn terminate(mut self) {
        assert_eq!(self.child.terminate(END_TIMEOUT).unwrap().code(), Some(0));
    }
}
