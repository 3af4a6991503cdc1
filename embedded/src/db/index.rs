//! The queue's index in memory: which groups are ready, which wait, what is out for delivery.
//!
//! Bodies stay in the file; here is only the order. A group is in one of three states:
//!
//! ```text
//!            send               take                  delete, park
//!   (absent) ────▶ ready ──────────────▶ out ──────────────────────▶ ready, or absent when empty
//!                    ▲                    │ retry, or not answered in time
//!                    └──── due ◀───────── waiting
//! ```
//!
//! Of one group the earliest message alone is out at a time, so its messages stay in order.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    ops::Range,
};

use tierlift_core::{
    limits::{RETRY_DELAY_MIN_MS, VISIBILITY_TIMEOUT_SECS},
    ports::{Delivery, Group, Message},
    time::Timestamp,
};
use tokio::sync::oneshot;

/// One queued message: its row, and how often it was delivered.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: i64,
    pub(super) failures: u32,
    pub(super) visible_at: Timestamp,
    /// The message itself, for its first delivery, where there was room to keep it.
    pub(super) message: Option<Box<Message>>,
}

/// A message that was handed out.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) message: Option<Box<Message>>,
    pub(super) seq: i64,
    pub(super) attempt: u32,
    pub(super) delivery: u64,
}

/// Somebody who waits for messages.
pub(super) struct Waiter {
    pub(super) max: usize,
    pub(super) answer: oneshot::Sender<Vec<Delivery>>,
}

#[derive(Debug, Default)]
struct Line {
    entries: VecDeque<Entry>,
    out: Option<Out>,
}

#[derive(Clone, Copy, Debug)]
struct Out {
    delivery: u64,
    until: Timestamp,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Index {
    lines: HashMap<Group, Line>,
    ready: VecDeque<Group>,
    /// When a group becomes ready by itself: a delayed head, or a delivery nobody answers for.
    due: BTreeSet<(Timestamp, Group)>,
    /// Which group a delivery was of.
    deliveries: HashMap<u64, Group>,
    deliveries_made: u64,
    len: usize,
    kept_bytes: usize,
    waiters: VecDeque<Waiter>,
    /// While nothing is handed out, after a lost transaction. With its beginning, so that a clock that
    /// is set back ends it.
    rest: Range<Timestamp>,
}

/// Bodies that are kept in memory for their first delivery, in bytes. Beyond that they are read
/// from the file when their turn comes.
const KEPT_MAX_BYTES: usize = 32 * 1024 * 1024;

impl Index {
    /// How many messages there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// A message joined the end of its group's line.
    pub(super) fn push(&mut self, group: Group, mut entry: Entry) {
        let bytes = entry.message.as_ref().map_or(0, |message| message.body.len());
        if self.kept_bytes + bytes > KEPT_MAX_BYTES {
            entry.message = None;
        } else {
            self.kept_bytes += bytes;
        }
        let line = self.lines.entry(group.clone()).or_default();
        line.entries.push_back(entry);
        self.len += 1;
        if line.entries.len() == 1 {
            self.queue_up(group);
        }
    }

    /// Takes the heads of up to `max` ready groups.
    pub(super) fn take(&mut self, max: usize, now: Timestamp) -> Vec<Taken> {
        self.wake_due(now);
        let mut taken = Vec::new();
        while taken.len() < max {
            let Some(group) = self.ready.pop_front() else { break };
            let Some(line) = self.lines.get_mut(&group) else { continue };
            let (Some(head), None) = (line.entries.front_mut(), line.out) else { continue };
            self.deliveries_made += 1;
            let delivery = self.deliveries_made;
            let until = now.plus_secs(VISIBILITY_TIMEOUT_SECS);
            line.out = Some(Out { delivery, until });
            let message = head.message.take();
            self.kept_bytes -= message.as_ref().map_or(0, |message| message.body.len());
            taken.push(Taken { message, seq: head.seq, attempt: head.failures + 1, delivery });
            self.due.insert((until, group.clone()));
            self.deliveries.insert(delivery, group);
        }
        taken
    }

    /// A delivery is answered for: its message leaves the line. Gives the message's row, or `None`
    /// where the delivery is no longer the valid one.
    pub(super) fn finish(&mut self, delivery: u64) -> Option<i64> {
        let group = self.release(delivery)?;
        let line = self.lines.get_mut(&group)?;
        let entry = line.entries.pop_front()?;
        self.len -= 1;
        if line.entries.is_empty() {
            self.lines.remove(&group);
        } else {
            self.queue_up(group);
        }
        Some(entry.seq)
    }

    /// A delivery failed: its message stays at the head and is visible again at `visible_at`.
    pub(super) fn delay(&mut self, delivery: u64, visible_at: Timestamp) -> Option<i64> {
        self.put_off(delivery, visible_at, 1)
    }

    /// A delivery was not tried: the same, and it does not count.
    pub(super) fn put_back(&mut self, delivery: u64, visible_at: Timestamp) -> Option<i64> {
        self.put_off(delivery, visible_at, 0)
    }

    fn put_off(&mut self, delivery: u64, visible_at: Timestamp, failures: u32) -> Option<i64> {
        let group = self.release(delivery)?;
        let head = self.lines.get_mut(&group)?.entries.front_mut()?;
        head.failures += failures;
        head.visible_at = visible_at;
        let seq = head.seq;
        self.queue_up(group);
        Some(seq)
    }

    /// The row of a delivery that is still valid.
    pub(super) fn row_of(&self, delivery: u64) -> Option<i64> {
        let line = self.lines.get(self.deliveries.get(&delivery)?)?;
        line.entries.front().map(|head| head.seq)
    }

    pub(super) fn wait(&mut self, waiter: Waiter) {
        self.waiters.push_back(waiter);
    }

    /// The next waiter, where there is one and something for it.
    pub(super) fn next_waiter(&mut self, now: Timestamp) -> Option<Waiter> {
        if self.waiters.is_empty() || self.rest.contains(&now) {
            return None;
        }
        self.wake_due(now);
        if self.ready.is_empty() {
            return None;
        }
        self.waiters.pop_front()
    }

    /// When the next group becomes ready by itself, where somebody waits for it.
    pub(super) fn next_due_for_waiters(&self, now: Timestamp) -> Option<Timestamp> {
        if self.waiters.is_empty() {
            return None;
        }
        if self.rest.contains(&now) {
            return Some(self.rest.end);
        }
        self.due.first().map(|(due, _)| *due)
    }

    /// Takes over the messages of an index read anew, what was out included; waiters go on waiting.
    ///
    /// It rests first: what lost the transaction, a full disk above all, would lose the next one too,
    /// and nothing could be written of how often a message was tried.
    pub(super) fn replace(&mut self, fresh: Self, now: Timestamp) {
        let waiters = std::mem::take(&mut self.waiters);
        let deliveries_made = self.deliveries_made;
        let rest = now..now.plus_millis(i64::try_from(RETRY_DELAY_MIN_MS).unwrap_or(i64::MAX));
        *self = Self { deliveries_made, waiters, rest, ..fresh };
    }

    /// A delivery is over; its group's line is free.
    fn release(&mut self, delivery: u64) -> Option<Group> {
        let group = self.deliveries.remove(&delivery)?;
        let line = self.lines.get_mut(&group)?;
        let out = line.out.take_if(|out| out.delivery == delivery)?;
        self.due.remove(&(out.until, group.clone()));
        Some(group)
    }

    /// Puts a group whose head is nobody's where it belongs: ready, or waiting for its head.
    fn queue_up(&mut self, group: Group) {
        let Some(line) = self.lines.get(&group) else { return };
        let (Some(head), None) = (line.entries.front(), line.out) else { return };
        if head.visible_at == Timestamp::default() {
            self.ready.push_back(group);
        } else {
            self.due.insert((head.visible_at, group));
        }
    }

    /// Makes groups ready whose time has come.
    fn wake_due(&mut self, now: Timestamp) {
        while let Some((due, _)) = self.due.first()
            && *due <= now
        {
            let Some((_, group)) = self.due.pop_first() else { return };
            let Some(line) = self.lines.get_mut(&group) else { continue };
            if let Some(out) = line.out.take() {
                // Nobody answered in time: the delivery is void and the message comes again.
                self.deliveries.remove(&out.delivery);
                if let Some(head) = line.entries.front_mut() {
                    head.failures += 1;
                }
            }
            self.ready.push_back(group);
        }
    }
}
