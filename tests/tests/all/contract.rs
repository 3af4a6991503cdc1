//! The embedded backend, held to the contract.

use std::time::Duration;

use tierlift_core::{limits::VISIBILITY_TIMEOUT_SECS, time::Timestamp};
use tierlift_embedded::Db;
use tierlift_testkit::clock::ManualClock;
use tierlift_tests::{
    contract::{Backend, OperationsBackend, QueueBackend, StoreBackend},
    contract_tests,
};

use crate::server::START;

/// A fresh file, and a clock that moves only when told.
struct Embedded {
    db: Db,
    clock: ManualClock,
    _folder: tempfile::TempDir,
}

impl Backend for Embedded {
    async fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::new(START);
        let db = Db::open(&folder.path().join("tierlift.db"), clock.clock()).unwrap();
        Self { db, clock, _folder: folder }
    }
}

impl StoreBackend for Embedded {
    type Store = Db;

    fn store(&self) -> &Db {
        &self.db
    }
}

impl QueueBackend for Embedded {
    type Queue = Db;

    fn queue(&self) -> &Db {
        &self.db
    }

    fn visibility_timeout(&self) -> Duration {
        Duration::from_secs(VISIBILITY_TIMEOUT_SECS.unsigned_abs())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        // The thread looks at its clock after every job.
        self.db.flush().await.unwrap();
    }
}

impl OperationsBackend for Embedded {
    type Operations = Db;

    fn operations(&self) -> &Db {
        &self.db
    }
}

contract_tests!(embedded, Embedded);
contract_tests!(embedded_for_operators, operations of Embedded);
contract_tests!(embedded_paused, pause of Embedded);
