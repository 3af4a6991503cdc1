//! The dead letters that this process has read: a list of all, for its pages, and those that it holds for a redrive.

use tierlift_core::{
    id::EventId,
    limits::DEAD_LETTERS_PAGE_BYTES_MAX,
    ports::{DeadLetter, Fate, Page, QueueError, StoreError},
    time::Timestamp,
};

use super::Deployment;
use crate::{
    queue::{Held, HeldEvent, Placed, Queue},
    store::ledger_key,
};

/// A place in the list: the time of sending and the SQS message id.
type Place = (Timestamp, String);

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// All of them, oldest first, when they were read last.
    list: Option<Vec<Placed>>,
    held: Option<Held>,
}

impl Seen {
    /// A page of the list. For the first page of a list without an end they are read again; others are of what was
    /// read before, so that nothing is left out or comes twice.
    pub(super) async fn page(
        &mut self,
        queue: &Queue,
        after: Option<&str>,
        until: Option<&str>,
        max: usize,
    ) -> Result<Page<DeadLetter>, QueueError> {
        if self.list.is_none() || (after.is_none() && until.is_none()) {
            self.read(queue).await?;
        }
        let (after, until) = (after.and_then(parse), until.and_then(parse));
        let list = self.list.as_deref().unwrap_or_default();
        let is_wanted = |one: &&Placed| {
            let place = place(one);
            after.as_ref().is_none_or(|after| place > *after)
                && until.as_ref().is_none_or(|until| place <= *until)
        };
        let mut wanted = list.iter().filter(is_wanted);
        let (mut found, mut bytes): (Vec<&Placed>, usize) = (Vec::new(), 0);
        while found.len() < max
            && bytes < DEAD_LETTERS_PAGE_BYTES_MAX
            && let Some(one) = wanted.next()
        {
            bytes += one.content.message.body.len();
            found.push(one);
        }
        let next = wanted.next().and(found.last()).map(|one| cursor(one));
        Ok(Page { items: found.into_iter().map(|one| one.content.clone()).collect(), next })
    }

    /// The place of the newest one.
    pub(super) async fn end(&mut self, queue: &Queue) -> Result<Option<String>, QueueError> {
        self.read(queue).await?;
        Ok(self.list.as_deref().and_then(<[_]>::last).map(cursor))
    }

    /// The events of all of them, as they are now or were for the page before.
    pub(super) async fn events(&mut self, queue: &Queue) -> Result<Vec<EventId>, QueueError> {
        if self.list.is_none() {
            self.read(queue).await?;
        }
        let list = self.list.as_deref().unwrap_or_default();
        Ok(list.iter().map(|one| one.content.message.event.clone()).collect())
    }

    /// Takes the dead letters of an event out of those that are held; reads them again if that is too long ago.
    pub(super) async fn take(
        &mut self,
        queue: &Queue,
        event: &EventId,
    ) -> Result<Option<HeldEvent>, QueueError> {
        if !self.held.as_ref().is_some_and(Held::is_valid) {
            self.held = Some(queue.hold().await?);
        }
        self.held.as_mut().map_or(Ok(None), |held| held.take(event))
    }

    /// Returns what was taken and not handled.
    pub(super) fn put(&mut self, event: HeldEvent) {
        if let Some(held) = &mut self.held {
            held.put(event);
        }
    }

    /// Makes visible again what is held.
    pub(super) async fn let_go(&mut self, queue: &Queue) {
        if let Some(held) = self.held.take() {
            queue.let_go(held).await;
        }
    }

    async fn read(&mut self, queue: &Queue) -> Result<(), QueueError> {
        self.let_go(queue).await;
        let mut list = queue.all_dead_letters().await?;
        list.sort_by_key(place);
        self.list = Some(list);
        Ok(())
    }
}

fn place(one: &Placed) -> Place {
    (one.sent_at, one.id.clone())
}

fn cursor(one: &Placed) -> String {
    format!("{} {}", one.sent_at.as_micros(), one.id)
}

/// The place that a cursor stands for. Another backend's, or a wrong one, is none.
fn parse(cursor: &str) -> Option<Place> {
    let (sent_at, id) = cursor.split_once(' ')?;
    Some((Timestamp::from_micros(sent_at.parse().ok()?), id.to_owned()))
}

impl Deployment {
    /// By the table alone: a worker that parks an event records that.
    pub(super) async fn fates_of(&self, events: &[EventId]) -> Result<Vec<Fate>, StoreError> {
        let applied = self.store.get_all(&events.iter().map(ledger_key).collect()).await?;
        let parked = self.queue.parked(events).await.map_err(super::of_queue)?;
        let fate = |event: &EventId| {
            if applied.contains_key(&ledger_key(event)) {
                Fate::Applied
            } else if parked.contains(event) {
                Fate::Failed
            } else {
                Fate::Queued
            }
        };
        Ok(events.iter().map(fate).collect())
    }
}
