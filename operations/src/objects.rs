//! Objects and events from a file, as Stripe's API or CLI writes them: an object is an observation, an event is one that
//! has just come.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tierlift_core::{
    limits::WEBHOOK_BODY_BYTES_MAX,
    observation::{Because, Observed, Window},
    ports::{Enqueue, Enqueued, Message, QueueError},
    stripe::{self, event::Type, observation},
};

use crate::{Backend, Desk, Error, transfer};

/// Lines of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectLines {
    /// The file's name, for messages.
    pub name: String,
    /// Time as of which the objects are, in seconds since the epoch.
    pub as_of_secs: i64,
    /// The lines, each with its number.
    pub lines: Vec<(u64, String)>,
}

/// What became of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Objects that were enqueued.
    pub objects: u64,
    /// Events that were enqueued.
    pub events: u64,
    /// What was in the queue before.
    pub repeated: u64,
    /// Events that bear on no access.
    pub ignored: u64,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    object: &'a str,
    livemode: Option<bool>,
}

impl<B: Backend + Enqueue> Desk<B> {
    /// Enqueues every line. All of them are read before the first is enqueued.
    pub async fn import(&self, file: &ObjectLines, accounts: &[String]) -> Result<Imported, Error> {
        let window = Window { from_secs: file.as_of_secs, to_secs: file.as_of_secs };
        let read = |(number, line): &(u64, String)| {
            self.message(line.trim(), window, accounts)
                .map_err(|error| Error::Invalid(format!("{}:{number}: {error}", file.name)))
        };
        let messages: Vec<_> = file.lines.iter().map(read).collect::<Result<_, _>>()?;
        let mut imported = Imported::default();
        for message in messages {
            let Some(message) = message else {
                imported.ignored += 1;
                continue;
            };
            let is_object = message.kind == Type::Observation;
            match self.enqueue(message).await? {
                Enqueued::Duplicate => imported.repeated += 1,
                Enqueued::Queued if is_object => imported.objects += 1,
                Enqueued::Queued => imported.events += 1,
            }
        }
        Ok(imported)
    }

    /// Enqueues a message, when there is room for it.
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        loop {
            match self.backend.enqueue(message.clone()).await {
                Err(QueueError::Full) => tokio::time::sleep(Duration::from_secs(1)).await,
                enqueued => return enqueued,
            }
        }
    }

    /// The message of a line; none if it cannot bear on access.
    fn message(
        &self,
        line: &str,
        window: Window,
        accounts: &[String],
    ) -> Result<Option<Message>, stripe::Error> {
        let malformed = |reason: &str| stripe::Error::Malformed(reason.to_owned());
        let head: Head<'_> = serde_json::from_str(line)
            .map_err(|error| malformed(&format!("neither an object nor an event: {error}")))?;
        let now = self.clock.now();
        if !matches!(head.object, "event" | "v2.core.event") {
            let livemode = head.livemode.unwrap_or(self.policy.current().livemode);
            let observed = Observed { window, because: Because::Import };
            return observation::message(line, observed, livemode, now).map(Some);
        }
        if line.len() > WEBHOOK_BODY_BYTES_MAX {
            return Err(malformed("larger than a webhook"));
        }
        transfer::message(line, accounts, now)
    }
}
