//! Brings an account of a restored store into a new epoch. When that is due, core decides.

use tierlift_core::{
    account::Account,
    accounts::Accounts,
    decide::begin_epoch,
    epoch::Seen,
    limits::CONFLICT_RETRIES_MAX,
    policy::Policy,
    ports::{Store, StoreError},
    time::Timestamp,
};

/// The accounts, the user's own in a new epoch if a client has seen more than is stored.
pub async fn current<S: Store>(
    store: &S,
    policy: &Policy,
    accounts: Accounts,
    seen: Seen,
    now: Timestamp,
) -> Result<Accounts, StoreError> {
    let seen = seen.of_own(&accounts);
    let own = current_account(store, policy, accounts.own().clone(), seen, now).await?;
    Ok(accounts.with_own(own))
}

/// The account, in a new epoch if somebody has seen more of it than is stored.
pub async fn current_account<S: Store>(
    store: &S,
    policy: &Policy,
    mut account: Account,
    seen: Seen,
    now: Timestamp,
) -> Result<Account, StoreError> {
    for _ in 0..CONFLICT_RETRIES_MAX {
        let Some(commit) = begin_epoch(account.clone(), seen, policy, now) else { break };
        let user = account.user.clone();
        match store.commit(commit).await {
            Ok(()) => {
                let user = user.as_str();
                tracing::warn!(user, "the store is behind what was seen of it, new epoch begun");
            }
            // Somebody else committed in between, perhaps the same epoch.
            Err(StoreError::Conflict | StoreError::Duplicate) => {}
            Err(error) => return Err(error),
        }
        account = store.account(&user).await?.unwrap_or_else(|| Account::new(user, policy));
    }
    Ok(account)
}
