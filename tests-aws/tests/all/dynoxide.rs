//! A second opinion on transactions: dynoxide, a DynamoDB emulator on SQLite that is tested against
//! the responses of the real service. It runs as a child process on a loopback port, in memory. Its
//! tests fail, and are not skipped, where it is not installed.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use tierlift_aws::store::Store;
use tierlift_tests::{
    contract::{Backend, StoreBackend},
    contract_tests,
};

use tierlift_testkit::harness::tools;

use super::store_table::Table;

/// Most ports that are tried.
const PORTS_TRIED_MAX: usize = 5;

/// A running dynoxide.
pub(super) struct Dynoxide {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Dynoxide {
    /// Starts an empty one.
    pub(super) fn start() -> Self {
        let program = tools::dynoxide();
        let started = (0..PORTS_TRIED_MAX).find_map(|_| Self::try_start(&program));
        started.expect("dynoxide should have listened on a free port")
    }

    /// Starts it on a port that was free a moment ago: dynoxide cannot choose one itself, and another
    /// process may take this one first.
    fn try_start(program: &Path) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(program);
        command.args(["serve", "--port", &address.port().to_string()]).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let this = Self { child, address };
        let listens = lines.any(|line| line.unwrap().contains(&format!("http://{address}")));
        listens.then_some(this)
    }
}

impl Drop for Dynoxide {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A store on a table of its own.
struct OnDynoxide {
    _table: Table,
    store: Store,
}

impl Backend for OnDynoxide {
    async fn fresh() -> Self {
        let table = Table::on_dynoxide().await;
        let store = table.store().await;
        Self { _table: table, store }
    }
}

impl StoreBackend for OnDynoxide {
    type Store = Store;

    fn store(&self) -> &Store {
        &self.store
    }
}

contract_tests!(dynoxide, store of OnDynoxide);
