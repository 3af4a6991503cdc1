//! A round against a store that takes a second for each account, by a clock that is paused.

use std::{collections::BTreeSet, sync::Mutex};

use tierlift_core::{
    account::Account,
    customer::Customer,
    decide::{Commit, LoadKeys, Loaded},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    limits::EXPIRIES_AT_ONCE_MAX,
    policy::{PolicyConfig, Role},
    ports::{Page, PolicyState, Waiting, WaitingTotals},
    time::Timestamp,
};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const ACCOUNT: Duration = Duration::from_secs(1);

/// Accounts that are due until they are committed. It counts what else a round asks for.
#[derive(Default)]
struct Slow {
    due: Mutex<BTreeSet<UserId>>,
    reports: Mutex<usize>,
    state: Mutex<Option<PolicyState>>,
}

impl Store for Slow {
    async fn load(&self, _: &LoadKeys) -> Result<Loaded, StoreError> {
        unreachable!("no event is applied")
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        for change in commit.changes {
            assert!(self.due.lock().unwrap().remove(&change.user), "{} again", change.user);
        }
        Ok(())
    }

    /// It has a role that nothing earns any more.
    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        tokio::time::sleep(ACCOUNT).await;
        let account = Account::new(user.clone(), &policy());
        Ok(Some(Account { role: Role::new("paid"), ..account }))
    }

    async fn customer(&self, _: &CustomerId) -> Result<Option<Customer>, StoreError> {
        unreachable!("nothing is known of a customer")
    }

    async fn ledger(&self, _: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        unreachable!("no event is applied")
    }

    async fn expired(&self, _: Timestamp, max: usize) -> Result<Vec<UserId>, StoreError> {
        Ok(self.due.lock().unwrap().iter().take(max).cloned().collect())
    }
}

impl Scan for Slow {
    async fn customers(&self, _: Option<&str>, _: usize) -> Result<Page<Customer>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn accounts(&self, _: Option<&str>, _: usize) -> Result<Page<Account>, StoreError> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn accounts_of(&self, _: Vec<UserId>) -> Result<Vec<Account>, StoreError> {
        Ok(Vec::new())
    }
}

impl WaitingList for Slow {
    async fn waiting(&self, _: usize) -> Result<Vec<Waiting>, StoreError> {
        Ok(Vec::new())
    }

    async fn waiting_totals(&self) -> Result<WaitingTotals, StoreError> {
        *self.reports.lock().unwrap() += 1;
        Ok(WaitingTotals::default())
    }
}

impl PolicyRecord for Slow {
    async fn policy_state(&self) -> Result<Option<PolicyState>, StoreError> {
        Ok(self.state.lock().unwrap().clone())
    }

    async fn set_policy_state(&self, state: PolicyState) -> Result<(), StoreError> {
        *self.state.lock().unwrap() = Some(state);
        Ok(())
    }
}

fn policy() -> Policy {
    Policy::new(PolicyConfig::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_at_its_deadline_and_the_next_one_goes_on() {
    let users = (0..20 * EXPIRIES_AT_ONCE_MAX).map(|n| UserId::new(&format!("user_{n}")).unwrap());
    let maintenance = Maintenance {
        store: Slow { due: Mutex::new(users.collect()), ..Slow::default() },
        policy: policy(),
        clock: Clock::new(|| NOW),
    };
    // Nothing is ready at half a second, so what was begun before the deadline is not finished.
    let time = 9 * ACCOUNT + ACCOUNT / 2;
    for (left, taken) in [(11, time), (2, time), (0, 2 * ACCOUNT)] {
        let begun = Instant::now();
        maintenance.run(time).await.unwrap();
        assert_eq!(begun.elapsed(), taken);
        let due = maintenance.store.due.lock().unwrap().len();
        assert_eq!(due, left * EXPIRIES_AT_ONCE_MAX);
    }
    // The other parts are done whatever time expiry takes.
    assert_eq!(*maintenance.store.reports.lock().unwrap(), 3);
    let noted = maintenance.store.state.lock().unwrap().clone();
    assert_eq!(noted.unwrap().fingerprint, policy().fingerprint());
}
