//! A batch of the change feed to the sockets: users side by side, the changes of each in order.

use futures_util::{StreamExt, stream};
use tierlift_core::{
    change::{Change, ChangeRecord},
    limits::USERS_NOTIFIED_AT_ONCE_MAX,
    ports::Sockets,
    time::Clock,
};

use crate::notify;

/// The changes of one user, each with its index in the batch.
type UserChanges = Vec<(usize, ChangeRecord)>;

/// Pushes all changes of a batch. Returns for each, in the order given, whether it reached every live
/// socket of its user; so does a change whose user has no socket.
pub async fn notify_all<S: Sockets>(
    sockets: &S,
    records: Vec<ChangeRecord>,
    clock: &Clock,
) -> Vec<bool> {
    let mut pushed = vec![false; records.len()];
    let mut done = stream::iter(by_user(records))
        .map(|changes| async move { notify_user(sockets, changes, clock).await })
        .buffer_unordered(USERS_NOTIFIED_AT_ONCE_MAX);
    while let Some(indices) = done.next().await {
        for index in indices {
            if let Some(pushed) = pushed.get_mut(index) {
                *pushed = true;
            }
        }
    }
    pushed
}

fn by_user(records: Vec<ChangeRecord>) -> Vec<UserChanges> {
    let mut users: Vec<UserChanges> = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        match users.iter_mut().find(|changes| is_of_user(changes, &record.change)) {
            Some(changes) => changes.push((index, record)),
            None => users.push(vec![(index, record)]),
        }
    }
    users
}

fn is_of_user(changes: &[(usize, ChangeRecord)], change: &Change) -> bool {
    changes.first().is_some_and(|(_, first)| first.change.user == change.user)
}

/// Pushes a user's changes in order, up to the first that fails: it is redelivered before the rest.
/// Returns the indices of those that were pushed.
async fn notify_user<S: Sockets>(sockets: &S, changes: UserChanges, clock: &Clock) -> Vec<usize> {
    let mut indices = Vec::with_capacity(changes.len());
    for (index, ChangeRecord { change, context }) in changes {
        let (user, event) = (change.user.as_str(), change.event.as_str());
        let trace = context.as_ref().and_then(|context| context.trace.as_deref());
        let report = notify(sockets, &change, context.as_ref(), clock).await;
        let (sent, gone, failed) = (report.sent, report.gone, report.failed);
        if failed > 0 {
            tracing::warn!(user, event, sent, gone, failed, trace, "change pushed in part");
            break;
        }
        tracing::info!(user, event, sent, gone, failed, trace, "change pushed");
        indices.push(index);
    }
    indices
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
