//! A data file without a server: commands fill its queue, and it is applied at once.

use std::{path::Path, time::Duration};

use tierlift_core::{
    limits::OFFLINE_STUCK_SECS,
    policy::Policy,
    ports::{DeadLetters, QueueError},
    shared::Shared,
    time::Clock,
};
use tierlift_worker::policy_change::note_first;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{OpenError, consumer, db::Db, sockets::Registry};

/// An open data file and its consumers.
#[derive(Debug)]
pub struct Offline {
    db: Db,
    policy: Shared<Policy>,
    clock: Clock,
}

impl Offline {
    /// Opens the data file, which is locked from then on.
    pub async fn open(data: &Path, policy: Policy, clock: Clock) -> Result<Self, OpenError> {
        let db = Db::open(data, clock.clone())?;
        let livemode = policy.livemode;
        if !db.claim(livemode).await? {
            return Err(OpenError::Livemode { path: data.display().to_string(), livemode });
        }
        note_first(&db, &policy).await?;
        Ok(Self { db, policy: policy.into(), clock })
    }

    /// The queue and the store.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// Applies what is queued while something is done, and until nothing is left. Returns how many messages are
    /// left, since what is retried may take longer than anybody waits.
    pub async fn apply_during<T>(
        &self,
        act: impl Future<Output = T>,
    ) -> Result<(T, u64), QueueError> {
        let (stop, stopping) = watch::channel(false);
        let (db, sockets) = (self.db.clone(), Registry::default());
        let consumers = tokio::spawn(consumer::run(
            db,
            sockets,
            self.policy.clone(),
            self.clock.clone(),
            stopping,
        ));
        let done = act.await;
        let left = self.drain().await;
        let _ = stop.send(true);
        let _ = consumers.await;
        Ok((done, left?))
    }

    /// Waits until nothing is queued, or nothing leaves the queue any more.
    async fn drain(&self) -> Result<u64, QueueError> {
        let (mut least, mut moved_at) = (u64::MAX, Instant::now());
        loop {
            let queued = self.db.depth().await?.queued;
            if queued < least {
                (least, moved_at) = (queued, Instant::now());
            }
            if queued == 0 || moved_at.elapsed().as_secs() >= OFFLINE_STUCK_SECS {
                return Ok(queued);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}
