//! The erasure of a person: dead letters, notes, customers, the account, and in the end the ledger, in which a pseudonym
//! stands for them from then on. Each step is durable by itself, and one that is made again changes nothing: an erasure
//! that was interrupted is finished by the same request.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tierlift_core::{
    account::Account,
    change::Change,
    decide::{Erasure, concerned},
    id::{CustomerId, EventId, UserId},
    ledger::LedgerEntry,
    limits::{
        CONFLICT_RETRIES_MAX, DEAD_LETTERS_PAGE_MAX, ERASED_ROWS_AT_ONCE_MAX, LEDGER_PAGE_MAX,
    },
    ports::{DeadLetter, LedgerFilter, StoreError},
};

use crate::{Backend, Desk, Error, Signed, filter::event_of};

/// What an erasure took away.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// What stands for the user in the ledger.
    pub pseudonym: String,
    /// Customers in which the user was named.
    pub customers: usize,
    /// Dead letters, discarded ones included.
    pub dead_letters: usize,
    /// Notes on groups of dead letters.
    pub notes: usize,
    /// Rows of the ledger.
    pub rows: usize,
}

impl<B: Backend> Desk<B> {
    /// Erases a user. `changes` gets what is to be pushed, also where it fails in the middle.
    pub async fn erase(
        &self,
        user: &UserId,
        signed: &Signed,
        changes: &mut Vec<Change>,
    ) -> Result<Erased, Error> {
        let erasure = Erasure::new(user.clone(), signed.act()?, self.clock.now());
        let erasure = erasure.ok_or_else(|| Error::Invalid(user.to_string()))?;
        let begin = erasure.begin(self.clock.now());
        self.backend.commit(begin.ok_or_else(|| Error::Invalid(user.to_string()))?).await?;
        Ok(Erased {
            pseudonym: erasure.pseudonym().to_string(),
            // A customer says whose its dead letters are, so those go first.
            dead_letters: self.erase_dead_letters(user).await?,
            notes: self.erase_notes(&erasure).await?,
            customers: self.erase_customers(&erasure, changes).await?,
            rows: {
                self.erase_account(&erasure, changes).await?;
                self.erase_rows(&erasure).await?
            },
        })
    }

    async fn erase_dead_letters(&self, user: &UserId) -> Result<usize, Error> {
        let mut events = BTreeSet::new();
        let mut after = None;
        loop {
            let page =
                self.backend.dead_letters(after.as_deref(), None, DEAD_LETTERS_PAGE_MAX).await?;
            for one in &page.items {
                if self.concerns_only(user, one).await? {
                    events.insert(one.message.event.clone());
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        loop {
            let page = self.backend.discarded(after.as_deref(), DEAD_LETTERS_PAGE_MAX).await?;
            for one in &page.items {
                if self.concerns_only(user, &one.dead_letter).await? {
                    events.insert(one.dead_letter.message.event.clone());
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let events: Vec<EventId> = events.into_iter().collect();
        Ok(self.backend.erase_messages(&events).await?)
    }

    /// Whether a dead letter names a user; or nobody, and its customer names this user only.
    async fn concerns_only(&self, user: &UserId, one: &DeadLetter) -> Result<bool, Error> {
        let event = event_of(one, &self.policy.current());
        if let Some(named) = event.as_ref().and_then(|event| event.fact.user()) {
            return Ok(named == user);
        }
        let by_group = || CustomerId::new(&one.message.group.0).ok();
        let Some(id) = event.and_then(|event| event.customer).or_else(by_group) else {
            return Ok(false);
        };
        let customer = self.backend.customer(&id).await?;
        Ok(customer.is_some_and(|customer| customer.mentions_only(user)))
    }

    async fn erase_notes(&self, erasure: &Erasure) -> Result<usize, Error> {
        let notes = self.backend.notes().await?;
        let named = notes
            .iter()
            .filter(|(group, note)| erasure.is_in(group) || erasure.is_in(note.act.reason()));
        let mut erased = 0;
        for (group, _) in named {
            self.backend.erase_note(group).await?;
            erased += 1;
        }
        Ok(erased)
    }

    async fn erase_customers(
        &self,
        erasure: &Erasure,
        changes: &mut Vec<Change>,
    ) -> Result<usize, Error> {
        let customers = self.customers_where(|customer| customer.mentions(erasure.user())).await?;
        for customer in &customers {
            self.erase_customer(&customer.id, erasure, changes).await?;
        }
        Ok(customers.len())
    }

    async fn erase_customer(
        &self,
        id: &CustomerId,
        erasure: &Erasure,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        for _ in 0..CONFLICT_RETRIES_MAX {
            let Some(customer) = self.backend.customer(id).await? else { return Ok(()) };
            let mut accounts = BTreeMap::new();
            for user in concerned(&customer).into_iter().chain([erasure.user().clone()]) {
                let account = self.backend.account(&user).await?;
                accounts.insert(user, account);
            }
            let (policy, now) = (self.policy.current(), self.clock.now());
            let commit = erasure.customer(customer, accounts, &policy, now);
            let Some(commit) = commit else { return Ok(()) };
            if let Some(pushed) = self.try_commit(commit).await? {
                changes.extend(pushed);
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn erase_account(
        &self,
        erasure: &Erasure,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        for _ in 0..CONFLICT_RETRIES_MAX {
            let account: Account = self.account(erasure.user()).await?;
            let commit = erasure.account(account, &self.policy.current(), self.clock.now());
            let Some(commit) = commit else { break };
            if let Some(pushed) = self.try_commit(commit).await? {
                changes.extend(pushed);
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Replaces every row that is about the user, and those of other acts that name them. All are found before the
    /// first is replaced.
    async fn erase_rows(&self, erasure: &Erasure) -> Result<usize, Error> {
        let user = Some(erasure.user().clone());
        let about = LedgerFilter { user, ..LedgerFilter::default() };
        let mut rows = self.rows_where(&about, erasure, |_| true).await?;
        let acts = LedgerFilter { acts_only: true, ..LedgerFilter::default() };
        rows.extend(self.rows_where(&acts, erasure, |row| erasure.is_in_act(row)).await?);
        let rows: Vec<(EventId, LedgerEntry)> = rows.into_iter().collect();
        for some in rows.chunks(ERASED_ROWS_AT_ONCE_MAX) {
            self.backend.replace_rows(some.to_vec()).await?;
        }
        Ok(rows.len())
    }

    /// The rows that are meant, by their event, as they are without the user.
    async fn rows_where(
        &self,
        filter: &LedgerFilter,
        erasure: &Erasure,
        is_meant: impl Fn(&LedgerEntry) -> bool,
    ) -> Result<BTreeMap<EventId, LedgerEntry>, Error> {
        let (mut rows, mut before) = (BTreeMap::new(), None);
        loop {
            let page = self.backend.ledger_page(filter, before.as_deref(), LEDGER_PAGE_MAX).await?;
            for row in page.items.into_iter().filter(&is_meant) {
                rows.insert(row.event.clone(), erasure.without_user(row));
            }
            before = page.next;
            if before.is_none() {
                return Ok(rows);
            }
        }
    }
}
