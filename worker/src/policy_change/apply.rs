//! Applies a changed policy to what is stored.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tierlift_core::{
    account::Account,
    change::Change,
    customer::Customer,
    decide::{Commit, PolicyChange, Redecision, change_policy, concerned, settle_under},
    ledger::SystemEvent,
    limits::{CONFLICT_RETRIES_MAX, POLICY_COMMITS_AT_ONCE_MAX, POLICY_PAGE_ROWS_MAX},
    policy::Policy,
    ports::{Page, PolicyRecord, PolicyState, Progress, Scan, Store, StoreError},
    time::Clock,
};
use tokio::time::Instant;

use super::by_user;
use crate::conflict_delay_ms;

/// Returns the change to `policy` if it is not applied to everything yet.
pub async fn pending<S: PolicyRecord>(
    store: &S,
    policy: &Policy,
) -> Result<Option<PolicyState>, StoreError> {
    let known = store.policy_state().await?.unwrap_or_default();
    if known.fingerprint != policy.fingerprint() {
        return Ok(Some(known.next(SystemEvent::PolicyChanged, policy.fingerprint())));
    }
    Ok(Some(known).filter(|state| state.progress.is_some()))
}

/// Records the policy of an empty store, in which there is nothing to decide again.
pub async fn note_first<S: Scan + PolicyRecord>(
    store: &S,
    policy: &Policy,
) -> Result<(), StoreError> {
    let is_noted = store.policy_state().await?.is_some();
    if is_noted || !store.customers(None, 1).await?.items.is_empty() {
        return Ok(());
    }
    if !store.accounts(None, 1).await?.items.is_empty() {
        return Ok(());
    }
    let fingerprint = policy.fingerprint().to_owned();
    store.set_policy_state(PolicyState { fingerprint, ..PolicyState::default() }).await
}

/// Has [`apply`] decide everything again, since the clock was wrong when some of it was decided.
pub async fn correct_clock<S: PolicyRecord>(store: &S, policy: &Policy) -> Result<(), StoreError> {
    let known = store.policy_state().await?.unwrap_or_default();
    store.set_policy_state(known.next(SystemEvent::ClockCorrected, policy.fingerprint())).await
}

/// Applies a changed policy to everything, or continues to, until it is done or `deadline` has passed.
/// Passes each committed change to `notify`. Returns whether it is done.
pub async fn apply<S: Store + Scan + PolicyRecord, F: Future<Output = ()> + Send>(
    store: &S,
    policy: &Policy,
    clock: &Clock,
    notify: impl Fn(Change) -> F + Sync,
    deadline: Option<Instant>,
) -> Result<bool, StoreError> {
    let Some(mut state) = pending(store, policy).await? else { return Ok(true) };
    store.set_policy_state(state.clone()).await?;
    let pass = state.pass();
    while let Some(progress) = state.progress {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        let next = match progress {
            Progress::Customers(after) => {
                let page = store.customers(after.as_deref(), POLICY_PAGE_ROWS_MAX).await?;
                let Page { items, next } = page;
                let commits = items
                    .into_iter()
                    .map(|customer| apply_to_customer(store, policy, clock, customer, pass));
                run(commits, &notify).await?;
                next.map_or(Progress::Accounts(None), |next| Progress::Customers(Some(next)))
            }
            Progress::Accounts(after) => {
                let page = store.accounts(after.as_deref(), POLICY_PAGE_ROWS_MAX).await?;
                let Page { items, next } = page;
                let commits = items
                    .into_iter()
                    .map(|account| apply_to_account(store, policy, clock, account, pass));
                run(commits, &notify).await?;
                if next.is_none() {
                    state.progress = None;
                    store.set_policy_state(state).await?;
                    return Ok(true);
                }
                Progress::Accounts(next)
            }
        };
        state.progress = Some(next);
        store.set_policy_state(state.clone()).await?;
    }
    Ok(true)
}

/// Runs commits concurrently. Notifies of the changes of each as soon as it is durable.
async fn run<F: Future<Output = ()> + Send>(
    commits: impl Iterator<Item = impl Future<Output = Result<Vec<Change>, StoreError>>>,
    notify: &(impl Fn(Change) -> F + Sync),
) -> Result<(), StoreError> {
    let mut commits = stream::iter(commits).buffer_unordered(POLICY_COMMITS_AT_ONCE_MAX);
    while let Some(changes) = commits.next().await {
        for change in changes? {
            notify(change).await;
        }
    }
    Ok(())
}

async fn apply_to_customer<S: Store + Scan>(
    store: &S,
    policy: &Policy,
    clock: &Clock,
    customer: Customer,
    pass: Redecision,
) -> Result<Vec<Change>, StoreError> {
    let mut customer = customer;
    for conflicts in 1..=CONFLICT_RETRIES_MAX {
        let users = concerned(&customer);
        let stored = match store.accounts_of(users.iter().cloned().collect()).await {
            // A corrupt row does not block the others.
            Err(error @ StoreError::Corrupt(_)) => {
                let customer = customer.id.as_str();
                tracing::error!(customer, %error, "customer not decided under the changed policy");
                return Ok(Vec::new());
            }
            stored => stored?,
        };
        let mut stored = by_user(stored);
        let accounts = users.into_iter().map(|user| (user.clone(), stored.remove(&user))).collect();
        let id = customer.id.clone();
        let change = change_policy(customer, accounts, pass, policy, clock.now());
        let PolicyChange::Commit(commit) = change else { return Ok(Vec::new()) };
        if let Some(changes) = try_commit(store, *commit).await? {
            return Ok(changes);
        }
        tokio::time::sleep(Duration::from_millis(conflict_delay_ms(id.as_str(), conflicts))).await;
        match store.customer(&id).await? {
            Some(newer) => customer = newer,
            None => return Ok(Vec::new()),
        }
    }
    Err(StoreError::Conflict)
}

async fn apply_to_account<S: Store + Scan>(
    store: &S,
    policy: &Policy,
    clock: &Clock,
    account: Account,
    pass: Redecision,
) -> Result<Vec<Change>, StoreError> {
    let mut account = account;
    for conflicts in 1..=CONFLICT_RETRIES_MAX {
        let user = account.user.clone();
        let change = settle_under(account, pass, policy, clock.now());
        let PolicyChange::Commit(commit) = change else { return Ok(Vec::new()) };
        if let Some(changes) = try_commit(store, *commit).await? {
            return Ok(changes);
        }
        let delay_ms = conflict_delay_ms(user.as_str(), conflicts);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        match store.account(&user).await? {
            Some(newer) => account = newer,
            None => return Ok(Vec::new()),
        }
    }
    Err(StoreError::Conflict)
}

/// Commits. Returns the changes, or `None` if another writer committed first.
async fn try_commit<S: Store>(
    store: &S,
    commit: Commit,
) -> Result<Option<Vec<Change>>, StoreError> {
    let changes = commit.changes.clone();
    match store.commit(commit).await {
        Ok(()) => Ok(Some(changes)),
        // A process that was killed committed it before. Its notices were pushed, or snapshots have them.
        Err(StoreError::Duplicate) => Ok(Some(Vec::new())),
        Err(StoreError::Conflict) => Ok(None),
        Err(error @ (StoreError::TooLarge(_) | StoreError::Corrupt(_))) => {
            tracing::error!(%error, "commit refused, not decided under the changed policy");
            Ok(Some(Vec::new()))
        }
        Err(error @ StoreError::Unavailable(_)) => Err(error),
    }
}
