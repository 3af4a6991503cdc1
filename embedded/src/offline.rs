//! A data file without a server: commands fill its queue, and it is applied at once.

use std::{path::Path, time::Duration};

use tierlift_core::{
    limits::{OFFLINE_POLL_MS, OFFLINE_STUCK_SECS},
    policy::Policy,
    ports::{DeadLetters, QueueError},
    shared::Shared,
    time::Clock,
};
use tierlift_operations::Desk;
use tierlift_worker::policy_change::note_first;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    OpenError,
    consumer::{self, Consumer},
    db::Db,
    sockets::Registry,
    thin,
};

/// An open data file and its consumers. They end with it.
#[derive(Debug)]
pub struct Offline {
    desk: Desk<Db>,
    consumers: JoinHandle<()>,
}

impl Offline {
    /// Opens the data file, which is locked from then on, and applies what is queued.
    pub async fn open(data: &Path, policy: Policy, clock: Clock) -> Result<Self, OpenError> {
        let db = Db::open(data, clock.clone())?;
        let livemode = policy.livemode;
        if !db.claim(livemode).await? {
            return Err(OpenError::Livemode { path: data.display().to_string(), livemode });
        }
        note_first(&db, &policy).await?;
        let (stop, stopping) = watch::channel(false);
        // Nobody takes thin events here, so they stay queued for the server.
        let (thin, _) = thin::channel();
        let (sockets, policy) = (Registry::default(), Shared::new(policy));
        let desk = Desk { backend: db, policy, clock, has_worker: true };
        let consumer = Consumer {
            db: desk.backend.clone(),
            sockets,
            policy: desk.policy.clone(),
            clock: desk.clock.clone(),
            thin: Some(thin),
        };
        let run = consumer::run(consumer, stopping);
        let consumers = tokio::spawn(async move {
            run.await;
            drop(stop);
        });
        Ok(Self { desk, consumers })
    }

    /// The queue and the store.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.desk.backend
    }

    /// What operators can do with it.
    #[must_use]
    pub const fn desk(&self) -> &Desk<Db> {
        &self.desk
    }

    /// Waits until nothing is queued, or nothing leaves the queue any more. Returns how many messages are left: what
    /// is retried may take longer than anybody waits.
    pub async fn drain(&self) -> Result<u64, QueueError> {
        let (mut least, mut moved_at) = (u64::MAX, Instant::now());
        loop {
            let queued = self.db().depth().await?.queued;
            if queued < least {
                (least, moved_at) = (queued, Instant::now());
            }
            if queued == 0 || moved_at.elapsed().as_secs() >= OFFLINE_STUCK_SECS {
                return Ok(queued);
            }
            sleep(Duration::from_millis(OFFLINE_POLL_MS)).await;
        }
    }
}

impl Drop for Offline {
    /// What is not applied yet stays queued.
    fn drop(&mut self) {
        self.consumers.abort();
    }
}
