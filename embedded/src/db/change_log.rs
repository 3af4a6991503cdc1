//! The log of changes as hosts follow it. Its rows are written with each commit.

use tierlift_core::ports::{ChangeLog, Cursor, LoggedChange, StoreError};

use super::{
    change_rows::{changes_after, latest},
    handle::Db,
};

impl ChangeLog for Db {
    async fn changes_after(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Option<Vec<LoggedChange>>, StoreError> {
        Ok(self.read_committed(move |connection| changes_after(connection, after, max)).await?)
    }

    async fn latest_change(&self) -> Result<Cursor, StoreError> {
        Ok(self.read_committed(latest).await?)
    }

    async fn wait_for_change(&self, after: Cursor) {
        let mut latest = self.latest_position();
        // The sender lives as long as the file is open.
        let _ = latest.wait_for(|latest| *latest > after.position).await;
    }
}
