//! Who waits until an event is processed. A commit and a parking wake those who wait for that event, after they
//! are durable.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tierlift_core::id::EventId;
use tokio::sync::{Notify, futures::Notified};

/// The events that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Awaited(Mutex<HashMap<EventId, Arc<Notify>>>);

impl Awaited {
    /// Wakes those who wait for an event.
    pub(super) fn processed(&self, event: &EventId) {
        if let Some(notify) = self.lock().get(event) {
            notify.notify_waiters();
        }
    }

    pub(super) fn wait(&self, event: &EventId) -> Waiter<'_> {
        let notify = Arc::clone(self.lock().entry(event.clone()).or_default());
        Waiter { awaited: self, event: event.clone(), notify }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EventId, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits. The last one for an event takes it off the list.
pub(super) struct Waiter<'a> {
    awaited: &'a Awaited,
    event: EventId,
    notify: Arc<Notify>,
}

impl Waiter<'_> {
    /// Completes with the next wake.
    pub(super) fn woken(&self) -> Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut awaited = self.awaited.lock();
        let Entry::Occupied(entry) = awaited.entry(self.event.clone()) else { return };
        // The list's and this one's.
        if Arc::strong_count(entry.get()) <= 2 {
            entry.remove();
        }
    }
}
