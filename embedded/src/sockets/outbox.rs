//! The frames that wait for one socket, and the close that ends it.
//!
//! ```text
//! open ──push──▶ open            up to SOCKET_OUTBOX_FRAMES_MAX frames; one more ends it: too slow
//!   └───end────▶ ending(close)   accepts nothing more; the first close stays
//! ```

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use tierlift_core::{change::Change, limits::SOCKET_OUTBOX_FRAMES_MAX, ports::Pushed};
use tierlift_notifier::Close;
use tokio_tungstenite::tungstenite::Message;

/// The outbox of one socket. One task writes what is in it; any task may push.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    writer: AtomicWaker,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Pending>,
    ending: Option<Close>,
}

/// A frame that waits.
#[derive(Debug, PartialEq)]
pub(super) enum Pending {
    /// It is ready.
    Frame(Message),
    /// The notice of a change for a token that speaks for several accounts. Its task makes it.
    Change(Arc<Change>),
}

/// What the writing task does next.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    /// Send these frames.
    Send(VecDeque<Pending>),
    /// Send nothing more and close.
    End(Close),
}

impl Outbox {
    /// Adds a frame behind the others. A socket with too many waiting frames is ended.
    pub(super) fn push(&self, frame: Message) -> Pushed {
        self.add(Pending::Frame(frame))
    }

    /// Adds a change, of which the notice is made when it is sent.
    pub(super) fn push_change(&self, change: Arc<Change>) -> Pushed {
        self.add(Pending::Change(change))
    }

    fn add(&self, frame: Pending) -> Pushed {
        let mut state = self.lock();
        if state.ending.is_some() {
            return Pushed::Gone;
        }
        if state.frames.len() >= SOCKET_OUTBOX_FRAMES_MAX {
            state.end(Close::TooSlow);
            drop(state);
            self.writer.wake();
            return Pushed::Gone;
        }
        state.frames.push_back(frame);
        drop(state);
        self.writer.wake();
        Pushed::Sent
    }

    /// Ends the socket. Waiting frames are dropped: the client gets a snapshot when it reconnects.
    pub(super) fn end(&self, close: Close) {
        self.lock().end(close);
        self.writer.wake();
    }

    /// Waits until there is something to do and takes all of it.
    pub(super) async fn work(&self) -> Work {
        std::future::poll_fn(|cx| self.poll_work(cx)).await
    }

    /// Waits until the socket is to be closed, whatever waits to be sent.
    pub(super) async fn ended(&self) -> Close {
        std::future::poll_fn(|cx| {
            self.writer.register(cx.waker());
            self.lock().ending.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn poll_work(&self, cx: &Context<'_>) -> Poll<Work> {
        self.writer.register(cx.waker());
        let mut state = self.lock();
        match state.ending {
            Some(close) => Poll::Ready(Work::End(close)),
            None if state.frames.is_empty() => Poll::Pending,
            // The whole queue is taken, with its memory: an idle socket keeps none.
            None => Poll::Ready(Work::Send(std::mem::take(&mut state.frames))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, and the state is consistent between any two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self, close: Close) {
        self.ending.get_or_insert(close);
        self.frames = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(outbox: &Outbox) -> Option<Work> {
        let cx = Context::from_waker(std::task::Waker::noop());
        match outbox.poll_work(&cx) {
            Poll::Ready(work) => Some(work),
            Poll::Pending => None,
        }
    }

    #[test]
    fn frames_leave_in_the_order_they_came_and_take_their_memory_along() {
        let outbox = Outbox::default();
        assert_eq!(work(&outbox), None);
        assert_eq!(outbox.push("a".into()), Pushed::Sent);
        assert_eq!(outbox.push("b".into()), Pushed::Sent);
        let frames = ["a", "b"].map(|text| Pending::Frame(text.into()));
        assert_eq!(work(&outbox), Some(Work::Send(frames.into())));
        assert_eq!(outbox.lock().frames.capacity(), 0);
    }

    #[test]
    fn a_reader_that_is_too_slow_is_ended_and_sent_nothing_more() {
        let outbox = Outbox::default();
        for _ in 0..SOCKET_OUTBOX_FRAMES_MAX {
            assert_eq!(outbox.push("a".into()), Pushed::Sent);
        }
        assert_eq!(outbox.push("b".into()), Pushed::Gone);
        assert_eq!(work(&outbox), Some(Work::End(Close::TooSlow)));
        outbox.end(Close::GoingAway);
        assert_eq!(work(&outbox), Some(Work::End(Close::TooSlow)));
        assert_eq!(outbox.push("c".into()), Pushed::Gone);
    }
}
