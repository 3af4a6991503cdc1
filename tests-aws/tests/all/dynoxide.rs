//! A second opinion on transactions: dynoxide, a DynamoDB on SQLite that is held to Amazon's own
//! answers. It runs as a child process on a loopback port, in memory, and refuses to be skipped.

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

/// Ports that are tried before there is none.
const PORTS_TRIED_MAX: usize = 5;

/// A running dynoxide.
pub(super) struct Dynoxide {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Dynoxide {
    /// A fresh one.
    pub(super) fn start() -> Self {
        let program = tools::dynoxide();
        let started = (0..PORTS_TRIED_MAX).find_map(|_| Self::try_start(&program));
        started.expect("dynoxide should have listened on a free port")
    }

    /// It cannot choose a port by itself, and somebody else may take the one that was free.
    fn try_start(program: &Path) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(program);
        command.args(["serve", "--port", &address.port().to_string()]).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let this = Self { child, address };
        let listens = said.any(|line| line.unwrap().contains(&format!("http://{address}")));
        listens.then_some(this)
    }
}

impl Drop for Dynoxide {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A store of a test's own.
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
