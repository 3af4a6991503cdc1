//! One change to all live sockets of its user.

use futures_util::{StreamExt, stream};
use tierlift_core::{
    change::Change,
    id::UserId,
    limits::PUSHES_AT_ONCE_MAX,
    ports::{PushError, Pushed, Sockets},
    time::{Clock, Timestamp},
    wire::frame,
};

/// What became of a notice, by sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// They have it, or will have it next.
    pub sent: u64,
    /// They were gone, and are forgotten.
    pub gone: u64,
    /// They could not be reached; their next snapshot tells them.
    pub failed: u64,
}

/// Tells every live socket of the user of a change. `received_at` is when the webhook arrived that
/// caused it, if one did.
pub async fn notify<S: Sockets>(
    sockets: &S,
    change: &Change,
    received_at: Option<Timestamp>,
    clock: &Clock,
) -> Told {
    let live = match sockets.for_user(&change.user).await {
        Ok(live) => live,
        Err(error) => return unreachable_sockets(change, &error),
    };
    if live.is_empty() {
        return Told::default();
    }
    let text = frame::notice(change);
    let (text, user) = (text.as_str(), &change.user);
    let told = stream::iter(live)
        .map(|socket| async move { tell(sockets, user, &socket, text).await })
        .buffer_unordered(PUSHES_AT_ONCE_MAX)
        .fold(Told::default(), |told, result| std::future::ready(told.and(result)))
        .await;
    record(&told, received_at, clock);
    told
}

/// What became of one push.
#[derive(Clone, Copy)]
enum Push {
    Sent,
    Gone,
    Failed,
}

async fn tell<S: Sockets>(sockets: &S, user: &UserId, socket: &S::Id, text: &str) -> Push {
    match sockets.push(socket, text).await {
        Ok(Pushed::Sent) => Push::Sent,
        Ok(Pushed::Gone) => {
            if let Err(error) = sockets.forget(user, socket).await {
                tracing::warn!(user = user.as_str(), ?socket, %error, "not forgotten");
            }
            Push::Gone
        }
        Err(error) => {
            tracing::warn!(user = user.as_str(), ?socket, %error, "not told");
            Push::Failed
        }
    }
}

fn unreachable_sockets(change: &Change, error: &PushError) -> Told {
    let (user, event) = (change.user.as_str(), change.event.as_str());
    tracing::error!(user, event, %error, "nobody told of a change");
    metrics::counter!("tierlift_notices_total", "result" => "failed").increment(1);
    Told { failed: 1, ..Told::default() }
}

fn record(told: &Told, received_at: Option<Timestamp>, clock: &Clock) {
    for (result, count) in [("sent", told.sent), ("gone", told.gone), ("failed", told.failed)] {
        if count > 0 {
            metrics::counter!("tierlift_notices_total", "result" => result).increment(count);
        }
    }
    if let (Some(received_at), 1..) = (received_at, told.sent) {
        metrics::histogram!("tierlift_webhook_to_socket_seconds")
            .record(clock.now().since(received_at));
    }
}

impl Told {
    const fn and(mut self, push: Push) -> Self {
        match push {
            Push::Sent => self.sent += 1,
            Push::Gone => self.gone += 1,
            Push::Failed => self.failed += 1,
        }
        self
    }
}
