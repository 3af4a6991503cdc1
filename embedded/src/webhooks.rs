//! Webhooks to the host: every committed change, signed, in order for each user, until the host accepts it.
//!
//! They are fed from the log of changes, whose place is stored with them, so a process that is killed goes on where
//! it was; what was sent just before may be sent again, with the same id. A webhook that fails holds up its own user
//! alone. One that fails for too long is dead, and operators see it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tierlift_core::{
    id::UserId,
    limits::{
        WEBHOOK_CHECK_INTERVAL_MS, WEBHOOK_FAILURES_IN_A_ROW_MAX, WEBHOOK_TRIED_HOURS,
        WEBHOOKS_AT_ONCE_MAX, WEBHOOKS_PER_TURN_MAX, WEBHOOKS_TAKEN_MAX,
    },
    ports::StoreError,
    webhook,
};
use tierlift_notifier::webhook::{SendError, Sender};
use tierlift_worker::retry_delay_ms;
use tokio::{
    task::{JoinError, JoinSet},
    time::sleep,
};

use crate::db::{
    Db,
    webhook::{Failed, Pending, Taken},
};

/// Sends webhooks until it is dropped.
pub(crate) struct Dispatcher {
    db: Db,
    sender: Arc<Sender>,
    /// Users whose turn it is.
    busy: HashSet<UserId>,
    turns: JoinSet<(UserId, Result<bool, StoreError>)>,
    taken: Taken,
    /// Turns that failed since the last one that did not: then the host is only probed.
    failures: usize,
}

impl Dispatcher {
    pub(crate) fn new(db: Db, sender: Sender) -> Self {
        Self {
            db,
            sender: Arc::new(sender),
            busy: HashSet::new(),
            turns: JoinSet::new(),
            taken: Taken { place: 0, count: 0, is_full: false, has_gap: false },
            failures: 0,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let filled = self.fill().await;
            if let Err(error) = &filled {
                tracing::warn!(%error, "webhooks to the host not read; tried again");
            }
            self.wait(filled.is_ok()).await;
        }
    }

    /// Takes what the log has, and gives users their turn while there is room.
    async fn fill(&mut self) -> Result<(), StoreError> {
        loop {
            self.taken = self.db.take_webhooks().await?;
            if self.taken.has_gap {
                metrics::counter!("tierlift_outgoing_webhook_gaps_total").increment(1);
                tracing::error!(
                    place = self.taken.place,
                    "changes are gone that were never sent to the host; it should ask for all users"
                );
            }
            if self.taken.count < WEBHOOKS_TAKEN_MAX {
                break;
            }
        }
        let all =
            if self.failures < WEBHOOK_FAILURES_IN_A_ROW_MAX { WEBHOOKS_AT_ONCE_MAX } else { 1 };
        let room = all.saturating_sub(self.busy.len());
        if room == 0 {
            return Ok(());
        }
        let mut due = self.db.webhooks_due(room + self.busy.len()).await?;
        due.retain(|user| !self.busy.contains(user));
        due.truncate(room);
        for user in due {
            self.busy.insert(user.clone());
            let (db, sender) = (self.db.clone(), Arc::clone(&self.sender));
            self.turns.spawn(async move {
                let turn = turn(&db, &sender, &user).await;
                (user, turn)
            });
        }
        Ok(())
    }

    /// Waits until a turn is over, the log has more, or it is time to look again.
    async fn wait(&mut self, was_filled: bool) {
        let Taken { place, is_full, .. } = self.taken;
        tokio::select! {
            Some(ended) = self.turns.join_next() => self.ended(ended),
            () = self.db.wait_for_webhook(place), if was_filled && !is_full => {}
            () = sleep(Duration::from_millis(WEBHOOK_CHECK_INTERVAL_MS)) => {}
        }
        while let Some(ended) = self.turns.try_join_next() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, turn: Result<(UserId, Result<bool, StoreError>), JoinError>) {
        match turn {
            Ok((user, result)) => {
                self.busy.remove(&user);
                match result {
                    Ok(true) => self.failures = 0,
                    Ok(false) => self.failures += 1,
                    Err(error) => tracing::warn!(%error, "webhooks of a user not settled"),
                }
            }
            // Whose turn it was is not known any more, and nobody's is again before the next start.
            Err(error) => tracing::error!(%error, "a user's turn panicked"),
        }
    }
}

/// Sends the next webhooks of a user, up to the first that fails. Returns whether none did.
async fn turn(db: &Db, sender: &Sender, user: &UserId) -> Result<bool, StoreError> {
    let (attempts, webhooks) = db.webhooks_of(user, WEBHOOKS_PER_TURN_MAX).await?;
    let mut accepted = Vec::with_capacity(webhooks.len());
    let mut failed = None;
    for pending in &webhooks {
        let body = webhook::body(pending.position, &pending.change);
        match sender.send(&pending.id, db.now(), body).await {
            Ok(()) => accepted.push(pending.position),
            Err(error) => {
                let before = if accepted.is_empty() { attempts } else { 0 };
                failed = Some(failure(db, pending, before + 1, &error));
                break;
            }
        }
    }
    count("accepted", accepted.len());
    let is_accepted = failed.is_none();
    db.settle_webhooks(user, accepted, failed).await?;
    Ok(is_accepted)
}

fn failure(db: &Db, pending: &Pending, attempts: u32, error: &SendError) -> Failed {
    let now = db.now();
    let asked = match error {
        SendError::Refused { retry_after, .. } => *retry_after,
        SendError::Silent(_) | SendError::Ended => None,
    };
    let ours = Duration::from_millis(retry_delay_ms(&pending.id, attempts));
    let delay = ours.max(asked.unwrap_or_default());
    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    let is_dead = pending.taken_at.plus_secs(WEBHOOK_TRIED_HOURS * 3_600) <= now;
    let (user, id) = (pending.change.user.as_str(), pending.id.as_str());
    if is_dead {
        count("dead", 1);
        tracing::error!(user, id, attempts, %error, "webhook to the host is dead");
    } else {
        count("failed", 1);
        tracing::warn!(user, id, attempts, %error, "webhook to the host failed");
    }
    let position = pending.position;
    let next_at = now.plus_millis(delay_ms);
    Failed { position, attempts, error: error.to_string(), next_at, is_dead }
}

fn count(result: &'static str, number: usize) {
    if number > 0 {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        metrics::counter!("tierlift_outgoing_webhooks_total", "result" => result).increment(number);
    }
}
