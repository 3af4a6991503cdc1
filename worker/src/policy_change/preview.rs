//! Computes what a changed policy would do. It writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tierlift_core::{
    account::Account,
    decide::{PolicyChange, Redecision, change_policy, concerned, settle_under},
    id::UserId,
    ledger::SystemEvent,
    limits::POLICY_PAGE_ROWS_MAX,
    policy::{Policy, Role},
    ports::{Scan, StoreError},
    time::Timestamp,
};

use super::by_user;

/// Nothing is written, so this pass has no number.
const PASS: Redecision = Redecision { because: SystemEvent::PolicyChanged, generation: 0 };

/// What a changed policy would do to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The user.
    pub user: UserId,
    /// The role now.
    pub from: Role,
    /// The role under the new policy; the same one if only the standing or the features change.
    pub to: Role,
}

/// What a changed policy would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Each account that would change, in the order of users.
    pub accounts: Vec<Difference>,
}

impl Preview {
    /// The number of accounts that would go from one role to another, by both roles.
    #[must_use]
    pub fn by_role(&self) -> BTreeMap<(&str, &str), usize> {
        let mut counts = BTreeMap::new();
        for Difference { from, to, .. } in &self.accounts {
            *counts.entry((from.as_str(), to.as_str())).or_default() += 1;
        }
        counts
    }
}

/// Computes what a policy would change. Only a page of accounts and those that change are in memory.
pub async fn preview<S: Scan>(
    store: &S,
    policy: &Policy,
    now: Timestamp,
) -> Result<Preview, StoreError> {
    let mut changed = Changed::default();
    changed.through_customers(store, policy, now).await?;
    changed.through_accounts(store, policy, now).await?;
    let difference = |(user, (from, account)): (UserId, (Role, Account))| Difference {
        user,
        from,
        to: account.role,
    };
    let mut accounts: Vec<_> = changed.0.into_iter().map(difference).collect();
    accounts.sort_unstable_by(|a, b| a.user.cmp(&b.user));
    Ok(Preview { accounts })
}

/// The accounts of some users, without the corrupt ones.
async fn readable<S: Scan>(store: &S, users: Vec<UserId>) -> Result<Vec<Account>, StoreError> {
    match store.accounts_of(users.clone()).await {
        Err(StoreError::Corrupt(_)) => {}
        stored => return stored,
    }
    let mut accounts = Vec::with_capacity(users.len());
    for user in users {
        match store.accounts_of(vec![user]).await {
            Err(error @ StoreError::Corrupt(_)) => {
                tracing::error!(%error, "account left out of the preview");
            }
            stored => accounts.extend(stored?),
        }
    }
    Ok(accounts)
}

/// The accounts that change, each with its role before. The customers of one user add up.
#[derive(Default)]
struct Changed(HashMap<UserId, (Role, Account)>);

impl Changed {
    async fn through_customers<S: Scan>(
        &mut self,
        store: &S,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = store.customers(after.as_deref(), POLICY_PAGE_ROWS_MAX).await?;
            let users: BTreeSet<UserId> = page.items.iter().flat_map(concerned).collect();
            let stored = by_user(readable(store, users.into_iter().collect()).await?);
            for customer in page.items {
                let accounts = concerned(&customer).into_iter().map(|user| {
                    let known = self.0.get(&user).map(|(_, account)| account);
                    let account = known.or_else(|| stored.get(&user)).cloned();
                    (user, account)
                });
                let accounts = accounts.collect();
                let change = change_policy(customer, accounts, PASS, policy, now);
                self.note(change, |user| stored.get(user), policy);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn through_accounts<S: Scan>(
        &mut self,
        store: &S,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = store.accounts(after.as_deref(), POLICY_PAGE_ROWS_MAX).await?;
            for stored in page.items {
                let changed = self.0.get(&stored.user).map(|(_, account)| account);
                let account = changed.unwrap_or(&stored).clone();
                let change = settle_under(account, PASS, policy, now);
                self.note(change, |_| Some(&stored), policy);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn note<'a>(
        &mut self,
        change: PolicyChange,
        stored: impl Fn(&UserId) -> Option<&'a Account>,
        policy: &Policy,
    ) {
        let PolicyChange::Commit(commit) = change else { return };
        for account in commit.accounts {
            let before = stored(&account.user).map_or(policy.lowest(), |before| &before.role);
            let from = self.0.remove(&account.user).map_or_else(|| before.clone(), |known| known.0);
            self.0.insert(account.user.clone(), (from, account));
        }
    }
}
