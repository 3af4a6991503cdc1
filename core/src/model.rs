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
    change::ChangeKind,
    codes::Code,
    customer::Customer,
    decide::{Commit, Decision, LoadKeys, Loaded, decide},
    id::{CustomerId, EventId, InvoiceId, PaymentId, UserId, Version},
    invoice::Invoice,
    ledger::{EntryKind, LedgerEntry, Outcome, SystemEvent},
    payment::Payment,
    policy::{Policy, Role},
    ports::Message,
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

/// Decides on an event, and loads what the decision asks for.
pub fn decide_with(
    event: &Event,
    mut load: impl FnMut(&LoadKeys) -> Loaded,
    policy: &Policy,
    now: Timestamp,
) -> Decision {
    let mut keys = LoadKeys::new(event);
    // The payment, its invoice, that invoice's other payments, the customer, its users.
    for _ in 0..8 {
        match decide(load(&keys), event, policy, now) {
            Decision::Load(more) => {
                assert_ne!(*more, keys, "asked twice");
                keys = *more;
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
    payments: BTreeMap<PaymentId, (Version, String)>,
    invoices: BTreeMap<InvoiceId, (Version, String)>,
    /// Connected accounts whose events count.
    pub connected_accounts: Vec<String>,
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

    /// A payment; a new one if none is stored.
    #[must_use]
    pub fn payment(&self, id: &PaymentId) -> Payment {
        self.payments.get(id).map_or_else(
            || Payment::new(id.clone()),
            |(version, text)| Payment { version: *version, ..serde_json::from_str(text).unwrap() },
        )
    }

    /// An invoice; a new one if none is stored.
    #[must_use]
    pub fn invoice(&self, id: &InvoiceId) -> Invoice {
        self.invoices.get(id).map_or_else(
            || Invoice::new(id.clone()),
            |(version, text)| Invoice { version: *version, ..serde_json::from_str(text).unwrap() },
        )
    }

    /// What a decision needs.
    #[must_use]
    pub fn load(&self, keys: &LoadKeys) -> Loaded {
        let customer = keys.customer.as_ref().map(|id| self.customer(id));
        let owners = customer.as_ref().map(Customer::named_users).unwrap_or_default();
        let users = keys.users.iter().cloned().chain(owners);
        let accounts = users.map(|user| (user.clone(), self.account(&user))).collect();
        Loaded {
            processed: self.ledger.contains_key(&keys.event),
            customer,
            payments: keys.payments.iter().map(|id| (id.clone(), self.payment(id))).collect(),
            invoices: keys.invoices.iter().map(|id| (id.clone(), self.invoice(id))).collect(),
            accounts,
        }
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
        let Head::Wanted { id, kind, customer } =
            Head::parse(body, &self.connected_accounts).unwrap()
        else {
            return Delivered::Ignored;
        };
        let event = match Event::parse(id, kind, body, &policy.user_id_keys) {
            Ok(event) => event,
            Err(error) => return Delivered::Parked(error.code()),
        };
        assert!(customer.is_none() || event.customer.is_none() || customer == event.customer);
        self.apply(&event, policy, now)
    }

    /// Delivers a message as the worker takes it from the queue.
    pub fn take(&mut self, message: &Message, policy: &Policy, now: Timestamp) -> Delivered {
        let id = message.event.clone();
        match Event::parse(id, message.kind, &message.body, &policy.user_id_keys) {
            Ok(event) => self.apply(&event, policy, now),
            Err(error) => Delivered::Parked(error.code()),
        }
    }

    /// Decides on an event and commits the decision.
    pub fn apply(&mut self, event: &Event, policy: &Policy, now: Timestamp) -> Delivered {
        match decide_with(event, |keys| self.load(keys), policy, now) {
            Decision::Duplicate => Delivered::Duplicate,
            Decision::Park(failure) => Delivered::Parked(failure.cause),
            Decision::Commit(commit) => Delivered::Committed(self.commit(*commit, policy, now)),
            Decision::Load(keys) => panic!("{keys:?} are loaded"),
        }
    }

    /// Commits, if every invariant holds.
    pub fn commit(&mut self, commit: Commit, policy: &Policy, now: Timestamp) -> Outcome {
        let Commit {
            ledger,
            customer,
            payments,
            invoices,
            accounts,
            changes,
            context: _,
            erased: _,
        } = commit;
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
            changes.into_iter().map(|change| (change.user, change.kind, change.role)).collect();
        assert_eq!(reported, expected_changes, "each change is reported, and nothing else");
        if let Some(customer) = customer {
            assert_eq!(self.customer(&customer.id).version, customer.version);
            let text = serde_json::to_string(&customer).unwrap();
            self.customers.insert(customer.id.clone(), (customer.version.next(), text));
        }
        for payment in payments {
            assert_eq!(self.payment(&payment.id).version, payment.version);
            let text = serde_json::to_string(&payment).unwrap();
            self.payments.insert(payment.id.clone(), (payment.version.next(), text));
        }
        for invoice in invoices {
            assert_eq!(self.invoice(&invoice.id).version, invoice.version);
            let text = serde_json::to_string(&invoice).unwrap();
            self.invoices.insert(invoice.id.clone(), (invoice.version.next(), text));
        }
        let row: LedgerEntry =
            serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
        assert_eq!(row, ledger);
        assert!(self.ledger.insert(ledger.event.clone(), ledger).is_none());
        outcome
    }
}

/// The revocation id goes up by one exactly when the role changes, by the event that changed it. A change
/// is due when the role or the standing changes.
fn check_step(
    before: &Account,
    after: &Account,
    ledger: &LedgerEntry,
) -> Option<(UserId, ChangeKind, Role)> {
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
    let owner = ledger.owners.iter().find(|owner| owner.user == after.user).unwrap();
    assert_eq!((&owner.from_role, &owner.to_role), (&before.role, &after.role));
    assert_eq!(owner.revocation_id, after.revocation_id);
    let is_heard = changed || before.standing != after.standing;
    if is_heard {
        assert_eq!(after.changed_at, Some(ledger.processed_at));
    }
    let kind = match changed {
        false => ChangeKind::Subscription,
        true if rank(&after.role) > rank(&before.role) => ChangeKind::Upgraded,
        true => ChangeKind::Downgraded,
    };
    is_heard.then(|| (after.user.clone(), kind, after.role.clone()))
}

fn rank(role: &Role) -> Option<usize> {
    ["free", "paid", "plus", "pro", "operator"].iter().position(|name| *name == role.as_str())
}
