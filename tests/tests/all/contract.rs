//! The embedded backend, held to the contract.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tierlift_core::{
    limits::VISIBILITY_TIMEOUT_SECS,
    time::{Clock, Timestamp},
};
use tierlift_embedded::Db;
use tierlift_tests::{
    contract::{Backend, QueueBackend, StoreBackend},
    contract_tests,
};

/// A fresh file, and a clock that moves only when told.
struct Embedded {
    db: Db,
    micros: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

impl Backend for Embedded {
    async fn fresh() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let micros = Arc::new(AtomicI64::new(Timestamp::from_secs(1_795_000_000).as_micros()));
        let shared = micros.clone();
        let clock = Clock::new(move || Timestamp::from_micros(shared.load(Ordering::SeqCst)));
        let db = Db::open(&folder.path().join("tierlift.db"), clock).unwrap();
        Self { db, micros, _folder: folder }
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
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }

    async fn pass(&self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).unwrap();
        self.micros.fetch_add(micros, Ordering::SeqCst);
        // The thread looks at its clock after every job.
        self.db.flush().await.unwrap();
    }
}

contract_tests!(embedded, Embedded);
