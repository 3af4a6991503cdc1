//! A reference model: a store in memory that decides on each event as it is delivered.
//!
//! Tests hold the real stores and the whole pipeline to it. It keeps text, as the real stores do, and
//! panics when a commit breaks an invariant. It is compiled for tests alone: behind the feature `model`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a model for tests: a broken invariant should stop them where it breaks"
)]

use std::collections::BTreeMap;

use crate::{
    account::Account,
    codes::Code,
    customer::Customer,
    decide::{Commit, Decision, Loaded, decide},
    id::{CustomerId, EventId, UserId, Version},
    ledger::{EntryKind, LedgerEntry, Outcome, SystemEvent},
    policy::{Policy, Role},
    stripe::event::{Event, Head},
    time::Timestamp,
};

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// It was committed.
    Committed(Outcome),
    /// The ledger had it.
    Duplicate,
    /// It cannot be applied.
    Parked(Code),
    /// It is of no type that matters.
    Ignored,
}

/// Decides on an event, and loads each account that the decision asks for.
pub fn decide_with(
    event: &Event,
    processed: bool,
    customer: &Customer,
    account: impl Fn(&UserId) -> Option<Account>,
    policy: &Policy,
    now: Timestamp,
) -> Decision {
    let mut accounts = BTreeMap::new();
    // The user before and the user after: no decision needs more.
    for _ in 0..3 {
        let (customer, accounts_so_far) = (customer.clone(), BTreeMap::clone(&accounts));
        let loaded = Loaded { processed, customer, accounts: accounts_so_far };
        match decide(loaded, event, policy, now) {
            Decision::Load(user) => {
                let known = account(&user);
                assert!(accounts.insert(user, known).is_none(), "asked twice");
            }
            decision @ (Decision::Duplicate | Decision::Park(_) | Decision::Commit(_)) => {
                return decision;
            }
        }
    }
    panic!("decide never stops asking");
}

/// Customers, accounts and the ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReferenceModel {
    customers: BTreeMap<CustomerId, (Version, String)>,
    accounts: BTreeMap<UserId, (Version, String)>,
    /// The rows of processed events.
    pub ledger: BTreeMap<EventId, LedgerEntry>,
}

impl ReferenceModel {
    /// A customer; a new one if none is stored.
    #[must_use]
    pub fn customer(&self, id: &CustomerId) -> Customer {
        self.customers.get(id).map_or_else(
            || Customer::new(id.clone()),
            |(version, text)| Customer { version: *version, ..serde_json::from_str(text).unwrap() },
        )
    }

    /// A user's account.
    #[must_use]
    pub fn account(&self, user: &UserId) -> Option<Account> {
        self.accounts.get(user).map(|(version, text)| Account {
            version: *version,
            ..serde_json::from_str(text).unwrap()
        })
    }

    /// All stored customers.
    pub fn customers(&self) -> impl Iterator<Item = Customer> {
        self.customers.keys().map(|id| self.customer(id))
    }

    /// All stored accounts.
    pub fn accounts(&self) -> impl Iterator<Item = Account> {
        self.accounts.keys().filter_map(|user| self.account(user))
    }

    /// A user's stored role and revocation id.
    #[must_use]
    pub fn role(&self, user: &str) -> (String, u64) {
        self.account(&UserId::new(user).unwrap()).map_or_else(
            || ("free".to_owned(), 0),
            |account| (account.role.to_string(), account.revocation_id.0),
        )
    }

    /// Delivers a webhook's body.
    pub fn deliver(&mut self, body: &[u8], policy: &Policy, now: Timestamp) -> Delivered {
        let Head::Wanted { id, kind, customer } = Head::parse(body).unwrap() else {
            return Delivered::Ignored;
        };
        let Ok(event) = Event::parse(id, kind, body) else {
            return Delivered::Parked(Code::PayloadMalformed);
        };
        assert_eq!(customer.as_ref(), Some(&event.customer));
        self.apply(&event, policy, now)
    }

    /// Decides on an event and commits the decision.
    pub fn apply(&mut self, event: &Event, policy: &Policy, now: Timestamp) -> Delivered {
        let (processed, customer) =
            (self.ledger.contains_key(&event.id), self.customer(&event.customer));
        let account = |user: &UserId| self.account(user);
        match decide_with(event, processed, &customer, account, policy, now) {
            Decision::Duplicate => Delivered::Duplicate,
            Decision::Park(failure) => Delivered::Parked(failure.cause),
            Decision::Commit(commit) => Delivered::Committed(self.commit(*commit, policy, now)),
            Decision::Load(user) => panic!("{user} is loaded"),
        }
    }

    /// Commits, if every invariant holds.
    pub fn commit(&mut self, commit: Commit, policy: &Policy, now: Timestamp) -> Outcome {
        let Commit { ledger, customer, accounts, changes, context: _ } = commit;
        let outcome = ledger.outcome;
        assert_eq!((ledger.processed_at, ledger.expires_at), (now, now.plus_days(90)));
        let mut expected_changes = Vec::new();
        for account in accounts {
            let before = self.account(&account.user);
            assert_eq!(before.as_ref().map(|b| b.version).unwrap_or_default(), account.version);
            let before = before.unwrap_or_else(|| Account::new(account.user.clone(), policy));
            expected_changes.extend(check_step(&before, &account, &ledger));
            let text = serde_json::to_string(&account).unwrap();
            self.accounts.insert(account.user.clone(), (account.version.next(), text));
        }
        let reported: Vec<_> =
            changes.into_iter().map(|change| (change.user, change.role)).collect();
        assert_eq!(reported, expected_changes, "each change of role is reported, and nothing else");
        if let Some(customer) = customer {
            assert_eq!(self.customer(&customer.id).version, customer.version);
            let text = serde_json::to_string(&customer).unwrap();
            self.customers.insert(customer.id.clone(), (customer.version.next(), text));
        }
        let row: LedgerEntry =
            serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
        assert_eq!(row, ledger);
        assert!(self.ledger.insert(ledger.event.clone(), ledger).is_none());
        outcome
    }
}

/// The revocation id goes up by one exactly when the role changes, by the event that changed it.
fn check_step(before: &Account, after: &Account, ledger: &LedgerEntry) -> Option<(UserId, Role)> {
    let changed = before.role != after.role;
    assert_eq!(after.revocation_id.0 - before.revocation_id.0, u64::from(changed));
    if changed {
        assert_eq!(after.role_assigned_by.as_ref(), Some(&ledger.event));
        assert_eq!(after.role_assigned_at, Some(ledger.processed_at));
    } else {
        assert_eq!(after.role_assigned_by, before.role_assigned_by);
        assert_eq!(after.role_assigned_at, before.role_assigned_at);
    }
    if ledger.kind != EntryKind::System(SystemEvent::RoleAssigned) {
        assert_eq!(after.manual_role, before.manual_role, "not a webhook's business");
    }
    if ledger.user.as_ref() == Some(&after.user) {
        assert_eq!(ledger.from_role.as_ref(), Some(&before.role));
        assert_eq!(ledger.to_role.as_ref(), Some(&after.role));
        assert_eq!(ledger.revocation_id, Some(after.revocation_id));
    }
    changed.then(|| (after.user.clone(), after.role.clone()))
}
