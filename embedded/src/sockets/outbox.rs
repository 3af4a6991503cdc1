//! What waits to be sent on one socket, and the verdict that ends it.
//!
//! ```text
//! open ──push──▶ open            until SOCKET_OUTBOX_FRAMES_MAX wait; one more ends it: too slow
//!   └───end────▶ ending(why)     takes nothing more; the first reason stays
//! ```

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use tierlift_core::{limits::SOCKET_OUTBOX_FRAMES_MAX, ports::Pushed};
use tierlift_notifier::Close;
use tokio_tungstenite::tungstenite::Message;

/// The outbox of one socket. One task takes from it; anybody may push.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    taker: AtomicWaker,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Message>,
    ending: Option<Close>,
}

/// What there is to do for the task that writes.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    /// Send these.
    Send(VecDeque<Message>),
    /// Send nothing more, and close.
    End(Close),
}

impl Outbox {
    /// Puts a frame behind the others. A reader that leaves too many waiting is cut.
    pub(super) fn push(&self, frame: Message) -> Pushed {
        let mut state = self.lock();
        if state.ending.is_some() {
            return Pushed::Gone;
        }
        if state.frames.len() >= SOCKET_OUTBOX_FRAMES_MAX {
            state.end(Close::TooSlow);
            drop(state);
            self.taker.wake();
            return Pushed::Gone;
        }
        state.frames.push_back(frame);
        drop(state);
        self.taker.wake();
        Pushed::Sent
    }

    /// Ends the socket; what waits is dropped, since a snapshot will say it better.
    pub(super) fn end(&self, error: Close) {
        self.lock().end(error);
        self.taker.wake();
    }

    /// Waits until there is something to do, and takes all of it.
    pub(super) async fn work(&self) -> Work {
        std::future::poll_fn(|cx| self.poll_work(cx)).await
    }

    /// Waits until the socket is to be closed, whatever else there is to do.
    pub(super) async fn ended(&self) -> Close {
        std::future::poll_fn(|cx| {
            self.taker.register(cx.waker());
            self.lock().ending.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn poll_work(&self, cx: &Context<'_>) -> Poll<Work> {
        self.taker.register(cx.waker());
        let mut state = self.lock();
        match state.ending {
            Some(error) => Poll::Ready(Work::End(error)),
            None if state.frames.is_empty() => Poll::Pending,
            // The whole queue goes, its memory with it: an idle socket keeps none.
            None => Poll::Ready(Work::Send(std::mem::take(&mut state.frames))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and a queue of frames is whole between any two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self, error: Close) {
        self.ending.get_or_insert(error);
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
        assert_eq!(work(&outbox), Some(Work::Send(["a".into(), "b".into()].into())));
        assert_eq!(outbox.lock().frames.capacity(), 0);
    }

    #[test]
    fn a_reader_that_is_too_slow_is_cut_and_told_nothing_more() {
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
