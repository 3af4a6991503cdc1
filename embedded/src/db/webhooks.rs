//! Webhooks to the host, as those who send them and operators use the rows.

use tierlift_core::{id::UserId, ledger::LedgerEntry, ports::StoreError};

use super::{
    error::Error,
    handle::Db,
    rows,
    webhook::{Dead, Failed, Pending, Taken, Waiting},
    webhook_rows,
};

impl Db {
    /// Takes what the log of changes has next.
    pub(crate) async fn take_webhooks(&self) -> Result<Taken, StoreError> {
        let now = self.now();
        Ok(self.write(move |tables| webhook_rows::take(&tables.connection, now)).await?)
    }

    /// The position up to which the log of changes is taken; `None` before it ever was.
    pub async fn webhooks_taken(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.read_committed(webhook_rows::taken).await?)
    }

    /// The users whose next webhook is due, at most `max`.
    pub(crate) async fn webhooks_due(&self, max: usize) -> Result<Vec<UserId>, StoreError> {
        let now = self.now();
        Ok(self.read_committed(move |connection| webhook_rows::due(connection, now, max)).await?)
    }

    /// The next webhooks of a user, in order, and how often the first of them was tried.
    pub(crate) async fn webhooks_of(
        &self,
        user: &UserId,
        max: usize,
    ) -> Result<(u32, Vec<Pending>), StoreError> {
        let user = user.clone();
        Ok(self
            .read_committed(move |connection| webhook_rows::pending(connection, &user, max))
            .await?)
    }

    /// Settles what was sent for a user.
    pub(crate) async fn settle_webhooks(
        &self,
        user: &UserId,
        accepted: Vec<u64>,
        failed: Option<Failed>,
    ) -> Result<(), StoreError> {
        let (user, now) = (user.clone(), self.now());
        let settle = move |tables: &mut super::tables::Tables| {
            webhook_rows::settle(&tables.connection, &user, &accepted, failed.as_ref(), now)
        };
        Ok(self.write(settle).await?)
    }

    /// What waits to be sent, and what is dead.
    pub async fn webhooks_waiting(&self) -> Result<Waiting, StoreError> {
        Ok(self.read_committed(webhook_rows::waiting).await?)
    }

    /// At most `max` dead webhooks behind a position, in the order of the log.
    pub async fn dead_webhooks(&self, after: u64, max: usize) -> Result<Vec<Dead>, StoreError> {
        Ok(self
            .read_committed(move |connection| webhook_rows::dead(connection, after, max))
            .await?)
    }

    /// Makes dead webhooks wait again, with the row of that act; returns how many there were.
    pub(crate) async fn redrive_webhooks(
        &self,
        ids: Vec<String>,
        entry: LedgerEntry,
    ) -> Result<usize, StoreError> {
        let now = self.now();
        self.act_on_dead(ids, entry, move |connection, id| {
            webhook_rows::redrive(connection, id, now)
        })
        .await
    }

    /// Deletes dead webhooks, with the row of that act; returns how many there were.
    pub(crate) async fn discard_webhooks(
        &self,
        ids: Vec<String>,
        entry: LedgerEntry,
    ) -> Result<usize, StoreError> {
        self.act_on_dead(ids, entry, webhook_rows::discard).await
    }

    async fn act_on_dead(
        &self,
        ids: Vec<String>,
        entry: LedgerEntry,
        act: impl Fn(&rusqlite::Connection, &str) -> Result<bool, Error> + Send + 'static,
    ) -> Result<usize, StoreError> {
        let act = move |tables: &mut super::tables::Tables| {
            let mut count = 0;
            for id in &ids {
                count += usize::from(act(&tables.connection, id)?);
            }
            if count > 0 {
                rows::write_ledger(&tables.connection, &entry)?;
            }
            Ok(count)
        };
        Ok(self.write(act).await?)
    }

    /// Waits until the log has a change behind that position.
    pub(crate) async fn wait_for_webhook(&self, after: u64) {
        let mut latest = self.latest_position();
        // The greatest position ends the waits of requests; nothing is behind it.
        let _ = latest.wait_for(|latest| *latest > after && *latest < u64::MAX).await;
    }
}
