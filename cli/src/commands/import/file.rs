//! Objects and events from a file: one in each line, as Stripe's API or CLI writes them.

use std::{
    fmt,
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use anyhow::Context as _;
use serde::Deserialize;
use tierlift_core::{
    codes::Code,
    limits::WEBHOOK_BODY_BYTES_MAX,
    observation::{Because, Observed, Window},
    ports::{Enqueue, Enqueued, Group, Message, QueueError},
    stripe::{event::Head, observation},
    time::Timestamp,
};
use tierlift_embedded::{Db, system_clock};

use super::Rules;
use crate::error::{Error, Problem};

/// What became of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    objects: u64,
    events: u64,
    repeated: u64,
    ignored: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, events, repeated, ignored } = self;
        write!(f, "{objects} objects, {events} events, {repeated} queued before, {ignored} ignored")
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    object: &'a str,
    livemode: Option<bool>,
}

/// Enqueues every line of a file. A line that is neither an object nor an event ends it.
pub(super) async fn import(
    path: &Path,
    as_of_secs: Option<i64>,
    rules: &Rules,
    db: &Db,
) -> Result<Counts, Error> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    let written = file.metadata().and_then(|metadata| metadata.modified()).map(Timestamp::from);
    let to_secs = match as_of_secs {
        Some(secs) => secs,
        None => written.with_context(|| format!("cannot read the time of {name}"))?.as_secs(),
    };
    let mut counts = Counts::default();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {name}"))?;
        if line.trim().is_empty() {
            continue;
        }
        let window = Window { from_secs: to_secs, to_secs };
        let message = message(line.trim(), window, rules).map_err(|error| {
            let message = format!("{name}:{}: {error}", index + 1);
            Problem::new(Code::UsageInvalid, message)
        })?;
        counts.note(message, db).await?;
    }
    Ok(counts)
}

impl Counts {
    async fn note(&mut self, message: Option<Message>, db: &Db) -> Result<(), Error> {
        let Some(message) = message else {
            self.ignored += 1;
            return Ok(());
        };
        let is_object = message.kind == tierlift_core::stripe::event::Type::Observation;
        loop {
            match db.enqueue(message.clone()).await {
                Ok(Enqueued::Duplicate) => self.repeated += 1,
                Ok(Enqueued::Queued) if is_object => self.objects += 1,
                Ok(Enqueued::Queued) => self.events += 1,
                Err(QueueError::Full) => {
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    continue;
                }
                Err(error) => return Err(Error::failed(Code::CommandFailed, error)),
            }
            return Ok(());
        }
    }
}

/// The message of a line; none if it cannot bear on access.
fn message(line: &str, window: Window, rules: &Rules) -> anyhow::Result<Option<Message>> {
    let head: Line<'_> = serde_json::from_str(line).context("neither an object nor an event")?;
    let received_at = system_clock().now();
    if !matches!(head.object, "event" | "v2.core.event") {
        let livemode = head.livemode.unwrap_or(rules.policy.livemode);
        let observed = Observed { window, because: Because::Import };
        return Ok(Some(observation::message(line, observed, livemode, received_at)?));
    }
    anyhow::ensure!(line.len() <= WEBHOOK_BODY_BYTES_MAX, "larger than a webhook");
    let head = Head::parse(line.as_bytes(), &rules.connected_accounts)?;
    let Head::Wanted { id, kind, customer } = head else { return Ok(None) };
    let group = Group::new(&id, customer.as_ref());
    let body = line.to_owned().into();
    Ok(Some(Message { event: id, kind, group, received_at, trace: None, body }))
}
