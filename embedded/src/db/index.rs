//! The queue's index in memory: which groups are ready, which are due later, and what is in flight.
//!
//! It holds the order; bodies stay in the file. A group is in one of three states:
//!
//! ```text
//!            enqueue           receive                delete, park
//!   (absent) ──────▶ ready ────────────▶ in flight ──────────────▶ ready, or absent when empty
//!                      ▲                   │ retry, release, or visibility timeout
//!                      └────── due ◀───────┘
//! ```
//!
//! Only the earliest message of a group is in flight, so the messages of a group stay in order.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use tierlift_core::{
    limits::{
        QUEUED_BODIES_BYTES_MAX, RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN, VISIBILITY_TIMEOUT_SECS,
    },
    ports::{Delivery, Group, Message, Receipt},
    time::Timestamp,
};
use tokio::sync::oneshot;

/// How far ahead a group can be due: its message is delayed, or in flight.
const DUE_AFTER_SECS_MAX: i64 = {
    let delay_secs = RETRY_DELAY_MS_MAX.div_ceil(1_000).cast_signed();
    if delay_secs > VISIBILITY_TIMEOUT_SECS { delay_secs } else { VISIBILITY_TIMEOUT_SECS }
};

/// One queued message: its row, and how often it failed and was delivered.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) seq: i64,
    pub(super) failures: u32,
    /// Deliveries by this process.
    pub(super) deliveries: u32,
    pub(super) visible_at: Timestamp,
    /// The message itself for its first delivery, if there was room to keep it.
    pub(super) message: Option<Arc<Message>>,
}

/// What a change of the queue's rows changes here, once it is committed.
#[derive(Debug)]
pub(super) enum IndexChange {
    /// A message was added to the end of its group.
    Pushed(Group, Entry),
    /// The message of a delivery left the queue.
    Completed(u64),
    /// A delivery failed; its message is visible again at that time.
    Retried(u64, Timestamp),
}

/// A message that was taken for delivery.
#[derive(Debug)]
pub(super) struct InFlightMessage {
    pub(super) message: Option<Arc<Message>>,
    pub(super) seq: i64,
    pub(super) attempt: u32,
    pub(super) deliveries: u32,
    pub(super) delivery: u64,
}

/// A receiver that waits for messages.
pub(super) struct Waiter {
    pub(super) max: usize,
    pub(super) reply: oneshot::Sender<Vec<Delivery>>,
}

/// The queue of one group.
#[derive(Debug, Default)]
struct GroupQueue {
    entries: VecDeque<Entry>,
    /// The delivery of the first entry, until it is settled.
    in_flight: Option<InFlight>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    delivery: u64,
    timeout_at: Timestamp,
}

/// The number of a receipt's delivery; 0, which no delivery has, for a receipt of another queue.
pub(super) fn delivery_number(receipt: &Receipt) -> u64 {
    receipt.0.parse().unwrap_or(0)
}

/// The index of all queued messages.
#[derive(Default)]
pub(super) struct Index {
    groups: HashMap<Group, GroupQueue>,
    ready: VecDeque<Group>,
    /// The times at which groups become ready by themselves: their first message is delayed, or its
    /// delivery times out.
    due: BTreeSet<(Timestamp, Group)>,
    /// The group of each delivery that is not settled.
    deliveries: HashMap<u64, Group>,
    last_delivery: u64,
    len: usize,
    bodies_bytes: usize,
    waiters: VecDeque<Waiter>,
    /// A pause in deliveries after a lost transaction. It has a start so that a clock that is set back
    /// ends it.
    pause: Range<Timestamp>,
}

impl Index {
    /// The number of deliveries that are not settled.
    pub(super) fn in_flight(&self) -> usize {
        self.deliveries.len()
    }

    /// The number of messages.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Applies a committed change.
    pub(super) fn apply(&mut self, change: IndexChange) {
        match change {
            IndexChange::Pushed(group, entry) => self.push(group, entry),
            IndexChange::Completed(delivery) => self.complete(delivery),
            IndexChange::Retried(delivery, visible_at) => {
                self.redeliver(delivery, visible_at, |head| head.failures += 1);
            }
        }
    }

    /// Adds a message to the end of its group.
    pub(super) fn push(&mut self, group: Group, mut entry: Entry) {
        let bytes = entry.message.as_ref().map_or(0, |message| message.body.len());
        if self.bodies_bytes + bytes > QUEUED_BODIES_BYTES_MAX {
            entry.message = None;
        } else {
            self.bodies_bytes += bytes;
        }
        let queue = self.groups.entry(group.clone()).or_default();
        queue.entries.push_back(entry);
        self.len += 1;
        if queue.entries.len() == 1 {
            self.schedule(group);
        }
    }

    /// Takes the first message of up to `max` ready groups.
    pub(super) fn take(&mut self, max: usize, now: Timestamp) -> Vec<InFlightMessage> {
        self.promote_due(now);
        let mut taken = Vec::new();
        while taken.len() < max {
            let Some(group) = self.ready.pop_front() else { break };
            let Some(queue) = self.groups.get_mut(&group) else { continue };
            let (Some(head), None) = (queue.entries.front_mut(), queue.in_flight) else { continue };
            self.last_delivery += 1;
            let delivery = self.last_delivery;
            let timeout_at = now.plus_secs(VISIBILITY_TIMEOUT_SECS);
            queue.in_flight = Some(InFlight { delivery, timeout_at });
            head.deliveries += 1;
            let message = head.message.take();
            self.bodies_bytes -= message.as_ref().map_or(0, |message| message.body.len());
            taken.push(InFlightMessage {
                message,
                seq: head.seq,
                attempt: head.failures + 1,
                deliveries: head.deliveries,
                delivery,
            });
            self.due.insert((timeout_at, group.clone()));
            self.deliveries.insert(delivery, group);
        }
        taken
    }

    /// Removes the message of a delivery, unless that has timed out.
    pub(super) fn complete(&mut self, delivery: u64) {
        let Some(group) = self.end_delivery(delivery) else { return };
        let Some(queue) = self.groups.get_mut(&group) else { return };
        if queue.entries.pop_front().is_some() {
            self.len -= 1;
        }
        if queue.entries.is_empty() {
            self.groups.remove(&group);
        } else {
            self.schedule(group);
        }
    }

    /// Settles a delivery as not attempted: its message stays first and is visible again at `visible_at`.
    pub(super) fn release(&mut self, delivery: u64, visible_at: Timestamp) {
        self.redeliver(delivery, visible_at, |_| {});
    }

    fn redeliver(&mut self, delivery: u64, visible_at: Timestamp, count: impl FnOnce(&mut Entry)) {
        let Some(group) = self.end_delivery(delivery) else { return };
        let Some(queue) = self.groups.get_mut(&group) else { return };
        let Some(head) = queue.entries.front_mut() else { return };
        count(head);
        head.visible_at = visible_at;
        self.schedule(group);
    }

    /// The row of a delivery that is not settled and has not timed out.
    pub(super) fn row_of(&self, delivery: u64) -> Option<i64> {
        let queue = self.groups.get(self.deliveries.get(&delivery)?)?;
        queue.entries.front().map(|head| head.seq)
    }

    /// Adds a receiver behind the others.
    pub(super) fn add_waiter(&mut self, waiter: Waiter) {
        self.waiters.push_back(waiter);
    }

    /// Removes the first receiver if there is a message for it. Receivers that no longer wait are forgotten.
    pub(super) fn next_waiter(&mut self, now: Timestamp) -> Option<Waiter> {
        self.waiters.retain(|waiter| !waiter.reply.is_closed());
        if self.waiters.is_empty() || self.pause.contains(&now) {
            return None;
        }
        self.promote_due(now);
        if self.ready.is_empty() {
            return None;
        }
        self.waiters.pop_front()
    }

    /// The time at which the next group becomes ready by itself, if a receiver waits for it.
    pub(super) fn next_due_for_waiters(&self, now: Timestamp) -> Option<Timestamp> {
        if self.waiters.is_empty() {
            return None;
        }
        if self.pause.contains(&now) {
            return Some(self.pause.end);
        }
        self.due.first().map(|(due, _)| *due)
    }

    /// Delivers nothing for a moment: what lost a transaction of everybody, most likely a full disk, would
    /// lose the next one too.
    pub(super) fn pause(&mut self, now: Timestamp) {
        self.pause = now..now.plus_millis(i64::try_from(RETRY_DELAY_MS_MIN).unwrap_or(i64::MAX));
    }

    /// Ends a delivery, unless it has timed out; returns its group.
    fn end_delivery(&mut self, delivery: u64) -> Option<Group> {
        let group = self.deliveries.remove(&delivery)?;
        let queue = self.groups.get_mut(&group)?;
        let ended = queue.in_flight.take_if(|it| it.delivery == delivery)?;
        self.due.remove(&(ended.timeout_at, group.clone()));
        Some(group)
    }

    /// Makes a group that has nothing in flight ready now, or due when its first message is visible.
    fn schedule(&mut self, group: Group) {
        let Some(queue) = self.groups.get(&group) else { return };
        let (Some(head), None) = (queue.entries.front(), queue.in_flight) else { return };
        if head.visible_at == Timestamp::default() {
            self.ready.push_back(group);
        } else {
            self.due.insert((head.visible_at, group));
        }
    }

    /// Brings a time nearer that was noted by a clock that was ahead: nothing is ever delayed, or in
    /// flight, for longer than [`DUE_AFTER_SECS_MAX`].
    fn bring_near(&mut self, now: Timestamp) {
        let latest = now.plus_secs(DUE_AFTER_SECS_MAX);
        while let Some((due, _)) = self.due.last()
            && *due > latest
        {
            let Some((_, group)) = self.due.pop_last() else { return };
            let queue = self.groups.get_mut(&group);
            if let Some(in_flight) = queue.and_then(|queue| queue.in_flight.as_mut()) {
                in_flight.timeout_at = latest;
            }
            self.due.insert((latest, group));
        }
    }

    /// Makes the groups ready that are due.
    fn promote_due(&mut self, now: Timestamp) {
        self.bring_near(now);
        while let Some((due, _)) = self.due.first()
            && *due <= now
        {
            let Some((_, group)) = self.due.pop_first() else { return };
            let Some(queue) = self.groups.get_mut(&group) else { continue };
            if let Some(timed_out) = queue.in_flight.take() {
                // It was not settled in time: the delivery is void and the message is redelivered.
                self.deliveries.remove(&timed_out.delivery);
            }
            self.ready.push_back(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_secs(1_795_000_000);

    #[test]
    fn a_clock_that_was_ahead_delays_nobody_for_longer_than_a_retry() {
        let mut index = Index::default();
        for (seq, group) in [(1, "cus_retried"), (2, "cus_in_flight")] {
            index.push(Group(group.into()), Entry { seq, ..Entry::default() });
        }
        let ahead = NOON.plus_secs(50 * 60);
        let taken = index.take(2, ahead);
        index.release(taken[0].delivery, ahead.plus_secs(1));
        assert!(index.take(2, NOON).is_empty());
        // What is in flight can be settled all the same.
        assert_eq!(index.row_of(taken[1].delivery), Some(2));
        let later = NOON.plus_secs(DUE_AFTER_SECS_MAX);
        assert!(index.take(2, later.plus_secs(-1)).is_empty());
        let seqs: Vec<i64> = index.take(2, later).iter().map(|it| it.seq).collect();
        assert_eq!(seqs, [2, 1]);
        assert!(index.row_of(taken[1].delivery).is_none());
    }
}
