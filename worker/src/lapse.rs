//! Ends a role whose time is over although no webhook came.

use tierlift_core::{
    decide::{Change, lapse},
    id::UserId,
    policy::Policy,
    ports::{Store, StoreError},
    time::Timestamp,
};

/// Brings one user's account up to what is effective now; gives the changes to tell of.
pub async fn lapse_one<S: Store>(
    store: &S,
    policy: &Policy,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<Change>, StoreError> {
    let Some(account) = store.account(user).await? else { return Ok(Vec::new()) };
    let Some(commit) = lapse(account, policy, now) else { return Ok(Vec::new()) };
    let changes = commit.changes.clone();
    match store.commit(commit).await {
        Ok(()) => {
            let (user, count) = (user.as_str(), changes.len());
            tracing::info!(user, changes = count, "a subscription's time is over");
            Ok(changes)
        }
        // A webhook came in between and decided with the same clock.
        Err(StoreError::Conflict | StoreError::Duplicate) => Ok(Vec::new()),
        Err(why @ (StoreError::TooLarge(_) | StoreError::Unavailable(_))) => Err(why),
    }
}
