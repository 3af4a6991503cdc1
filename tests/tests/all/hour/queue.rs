//! A FIFO queue as SQS documents it, on a clock that a test moves: a message that is received is invisible for a
//! time, and holds back its group until it is deleted. After too many receives it is dead.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard},
};

use tierlift_core::{
    codes::Code,
    failure::Failure,
    id::EventId,
    limits::{SQS_RECEIVES_MAX, VISIBILITY_TIMEOUT_SECS},
    ports::{Delivery, Enqueue, Enqueued, Group, Message, Queue, QueueError, Receipt},
    time::Timestamp,
};
use tierlift_testkit::clock::ManualClock;

/// The queue. Clones are one queue.
#[derive(Clone)]
pub(super) struct FifoQueue {
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    held: Vec<Held>,
    /// What was ever enqueued, in that order.
    enqueued: Vec<(Group, EventId)>,
    dead: Vec<(EventId, Code)>,
    receives_max: u32,
}

struct Held {
    message: Message,
    visible_at: Timestamp,
    receives: u32,
    failures: u32,
}

impl Held {
    fn receipt(&self) -> Receipt {
        Receipt(self.message.event.to_string())
    }
}

impl FifoQueue {
    pub(super) fn new(clock: ManualClock) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The times at which its messages arrived.
    pub(super) fn waiting_since(&self) -> Vec<Timestamp> {
        self.state().held.iter().map(|held| held.message.received_at).collect()
    }

    pub(super) fn enqueued(&self) -> Vec<(Group, EventId)> {
        self.state().enqueued.clone()
    }

    pub(super) fn dead(&self) -> Vec<(EventId, Code)> {
        self.state().dead.clone()
    }

    /// How often the most often received message was received.
    pub(super) fn receives_max(&self) -> u32 {
        self.state().receives_max
    }

    /// Changes the messages of some receipts.
    fn change(&self, receipts: &[Receipt], change: impl Fn(&mut Held)) {
        let mut state = self.state();
        state.held.iter_mut().filter(|held| receipts.contains(&held.receipt())).for_each(change);
    }
}

impl Enqueue for FifoQueue {
    async fn enqueue(&self, message: Message) -> Result<Enqueued, QueueError> {
        let mut state = self.state();
        state.enqueued.push((message.group.clone(), message.event.clone()));
        let visible_at = self.clock.now();
        state.held.push(Held { message, visible_at, receives: 0, failures: 0 });
        Ok(Enqueued::Queued)
    }
}

impl Queue for FifoQueue {
    async fn receive(&self, max: usize) -> Result<Vec<Delivery>, QueueError> {
        let now = self.clock.now();
        let mut state = self.state();
        let State { held, dead, receives_max, .. } = &mut *state;
        held.retain(|held| {
            let is_exhausted = held.receives >= SQS_RECEIVES_MAX && held.visible_at <= now;
            dead.extend(
                is_exhausted.then(|| (held.message.event.clone(), Code::DeliveryExhausted)),
            );
            !is_exhausted
        });
        let mut blocked = HashSet::new();
        let mut received = Vec::new();
        for held in held.iter_mut() {
            let group = held.message.group.clone();
            if received.len() == max {
                break;
            }
            if blocked.contains(&group) || held.visible_at > now {
                blocked.insert(group);
                continue;
            }
            held.visible_at = now.plus_secs(VISIBILITY_TIMEOUT_SECS);
            held.receives += 1;
            *receives_max = held.receives.max(*receives_max);
            received.push(Delivery {
                receipt: held.receipt(),
                message: held.message.clone(),
                attempt: held.failures + 1,
                deliveries: held.receives,
            });
        }
        Ok(received)
    }

    async fn delete(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.state().held.retain(|held| !receipts.contains(&held.receipt()));
        Ok(())
    }

    async fn retry(
        &self,
        delivery: &Delivery,
        delay_ms: u64,
        _: Failure,
    ) -> Result<(), QueueError> {
        let visible_at = self.clock.now().plus_millis(delay_ms.cast_signed());
        self.change(std::slice::from_ref(&delivery.receipt), |held| {
            held.visible_at = visible_at;
            held.failures += 1;
        });
        Ok(())
    }

    async fn release(&self, deliveries: &[Delivery], delay_ms: u64) -> Result<(), QueueError> {
        let visible_at = self.clock.now().plus_millis(delay_ms.cast_signed());
        let receipts: Vec<_> = deliveries.iter().map(|one| one.receipt.clone()).collect();
        self.change(&receipts, |held| held.visible_at = visible_at);
        Ok(())
    }

    async fn park(&self, delivery: &Delivery, failure: Failure) -> Result<(), QueueError> {
        let mut state = self.state();
        state.dead.push((delivery.message.event.clone(), failure.cause));
        state.held.retain(|held| held.receipt() != delivery.receipt);
        Ok(())
    }
}
