//! Expiry: settles accounts whose access ended although no webhook came.

use futures_util::{StreamExt as _, stream};
use tierlift_core::{
    change::Change,
    decide::expire,
    id::UserId,
    limits::{EXPIRIES_AT_ONCE_MAX, EXPIRIES_PER_ROUND_MAX},
    policy::Policy,
    ports::{Store, StoreError},
    time::{Clock, Timestamp},
};

/// One round: settles the accounts of which some access has expired, at most
/// [`EXPIRIES_PER_ROUND_MAX`], and hands each committed change to `notify`. Returns how many were due.
///
/// An account that cannot be settled is due again in the next round.
pub async fn expire_due<S: Store, F: Future<Output = ()> + Send>(
    store: &S,
    policy: &Policy,
    clock: &Clock,
    notify: impl Fn(Change) -> F + Sync,
) -> Result<usize, StoreError> {
    let due = store.expired(clock.now(), EXPIRIES_PER_ROUND_MAX).await?;
    let (count, notify) = (due.len(), &notify);
    let settled = stream::iter(due).map(|user: UserId| async move {
        match expire_one(store, policy, &user, clock.now()).await {
            Ok(changes) => {
                for change in changes {
                    notify(change).await;
                }
            }
            Err(error) => tracing::warn!(user = user.as_str(), %error, "expiry failed"),
        }
    });
    settled.buffer_unordered(EXPIRIES_AT_ONCE_MAX).collect::<()>().await;
    Ok(count)
}

/// Settles one user's account; returns the committed changes.
async fn expire_one<S: Store>(
    store: &S,
    policy: &Policy,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<Change>, StoreError> {
    let Some(account) = store.account(user).await? else { return Ok(Vec::new()) };
    let Some(commit) = expire(account, policy, now) else { return Ok(Vec::new()) };
    let changes = commit.changes.clone();
    match store.commit(commit).await {
        Ok(()) => {
            tracing::info!(user = user.as_str(), changes = changes.len(), "access expired");
            Ok(changes)
        }
        // A webhook came in between and decided at the same clock.
        Err(StoreError::Conflict | StoreError::Duplicate) => Ok(Vec::new()),
        Err(
            error @ (StoreError::TooLarge(_) | StoreError::Corrupt(_) | StoreError::Unavailable(_)),
        ) => Err(error),
    }
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
