//! One change to all live sockets of its user.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tierlift_core::{
    change::{Change, DeliveryContext},
    limits::PUSHES_AT_ONCE_MAX,
    ports::{Pushed, Sockets, SocketsError},
    time::{Clock, Timestamp},
    wire::frame,
};
use tierlift_traces::{Key, Span, Stage};

/// What became of a notice, by number of sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FanoutReport {
    /// Sockets to which it was pushed.
    pub sent: u64,
    /// Sockets that were gone, and are forgotten now.
    pub gone: u64,
    /// Sockets that could not be reached; their next snapshot makes up for it. One, where the user's
    /// sockets could not be listed.
    pub failed: u64,
}

/// What one push did.
#[derive(Clone, Copy)]
enum Push {
    Sent,
    Gone,
    Failed,
}

/// Pushes a change to every live socket of its user. `context` is that of the webhook that caused it, if one did.
pub async fn notify<S: Sockets>(
    sockets: &S,
    change: &Change,
    context: Option<&DeliveryContext>,
    clock: &Clock,
) -> FanoutReport {
    let Some(context) = context else { return fan_out(sockets, change, None, clock).await };
    let mut span = Span::start(Stage::Notifier, context.trace.clone());
    span.set(Key::EventId, change.event.as_str());
    let report = fan_out(sockets, change, Some(context.received_at), clock).await;
    let FanoutReport { sent, gone, failed } = report;
    let counts = [(Key::SocketsSent, sent), (Key::SocketsGone, gone), (Key::SocketsFailed, failed)];
    for (key, count) in counts {
        span.count(key, count);
    }
    report
}

async fn fan_out<S: Sockets>(
    sockets: &S,
    change: &Change,
    received_at: Option<Timestamp>,
    clock: &Clock,
) -> FanoutReport {
    let live = match sockets.for_user(&change.user).await {
        Ok(live) => live,
        Err(error) => return not_listed(change, &error),
    };
    if live.is_empty() {
        return FanoutReport::default();
    }
    let text = frame::notice(change);
    let (text, change) = (text.as_str(), &Arc::new(change.clone()));
    let report = stream::iter(live)
        .map(|socket| async move {
            match change.revoked_before {
                Some(at) => revoke(sockets, change, &socket, text, at).await,
                None => push(sockets, change, &socket, text).await,
            }
        })
        .buffer_unordered(PUSHES_AT_ONCE_MAX)
        .fold(FanoutReport::default(), |report, push| std::future::ready(report.and(push)))
        .await;
    record(&report, received_at, clock);
    report
}

async fn push<S: Sockets>(sockets: &S, change: &Arc<Change>, socket: &S::Id, text: &str) -> Push {
    let user = &change.user;
    match sockets.push_change(socket, change, text).await {
        Ok(Pushed::Sent) => Push::Sent,
        Ok(Pushed::Gone) => {
            if let Err(error) = sockets.forget(socket).await {
                tracing::warn!(user = user.as_str(), ?socket, %error, "could not forget socket");
            }
            Push::Gone
        }
        Err(error) => {
            tracing::warn!(user = user.as_str(), ?socket, %error, "push failed");
            Push::Failed
        }
    }
}

/// Ends a socket whose token is revoked by the change; the others are notified.
async fn revoke<S: Sockets>(
    sockets: &S,
    change: &Arc<Change>,
    socket: &S::Id,
    text: &str,
    revoked_before: Timestamp,
) -> Push {
    match sockets.revoke(socket, revoked_before).await {
        Ok(true) => Push::Sent,
        Ok(false) => push(sockets, change, socket, text).await,
        Err(error) => {
            let user = change.user.as_str();
            tracing::error!(user, ?socket, %error, "socket of a revoked token not closed");
            Push::Failed
        }
    }
}

fn not_listed(change: &Change, error: &SocketsError) -> FanoutReport {
    let (user, event) = (change.user.as_str(), change.event.as_str());
    tracing::error!(user, event, %error, "could not list sockets");
    metrics::counter!("tierlift_notices_total", "result" => "failed").increment(1);
    FanoutReport { failed: 1, ..FanoutReport::default() }
}

fn record(report: &FanoutReport, received_at: Option<Timestamp>, clock: &Clock) {
    let FanoutReport { sent, gone, failed } = *report;
    for (result, count) in [("sent", sent), ("gone", gone), ("failed", failed)] {
        if count > 0 {
            metrics::counter!("tierlift_notices_total", "result" => result).increment(count);
        }
    }
    if let (Some(received_at), 1..) = (received_at, sent) {
        metrics::histogram!("tierlift_webhook_to_socket_seconds")
            .record(clock.now().since(received_at));
    }
}

impl FanoutReport {
    const fn and(mut self, push: Push) -> Self {
        match push {
            Push::Sent => self.sent += 1,
            Push::Gone => self.gone += 1,
            Push::Failed => self.failed += 1,
        }
        self
    }
}
