//! What was paid for or given back and reaches nobody, one by one.

use serde::Serialize;
use tierlift_core::{codes::Code, limits::WAITING_LISTED_MAX, ports::Waiting};

use crate::{Backend, Desk, Error};

/// One thing that waits.
#[derive(Debug, Serialize)]
pub struct ShownWaiting {
    /// The id of the customer, of the guest's purchase, or of the payment.
    pub id: String,
    /// What it waits for.
    pub cause: Code,
    /// Time since which it waits.
    pub since: String,
}

impl From<Waiting> for ShownWaiting {
    fn from(waiting: Waiting) -> Self {
        let Waiting { since, id, cause } = waiting;
        Self { id, cause, since: since.to_string() }
    }
}

impl<B: Backend> Desk<B> {
    /// What waits: first what has no owner, then what nobody knows the subject of, and of each the oldest first; at most
    /// [`WAITING_LISTED_MAX`].
    pub async fn waiting(&self) -> Result<Vec<ShownWaiting>, Error> {
        let waiting = self.backend.waiting(WAITING_LISTED_MAX).await?;
        Ok(waiting.into_iter().map(Into::into).collect())
    }
}
