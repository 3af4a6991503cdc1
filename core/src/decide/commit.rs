//! A commit: what a decision writes.

use crate::{
    account::{self, Account, Settled},
    change::{Change, ChangeKind, DeliveryContext},
    customer::Customer,
    grant::Grant,
    id::{CustomerId, EventId, UserId, Version},
    invoice::Invoice,
    ledger::{LedgerEntry, Owner},
    limits::ERASED_KEPT_DAYS,
    payment::Payment,
    policy::{Policy, Role},
    time::Timestamp,
};

/// What is written in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The event's ledger row; it must not exist yet.
    pub ledger: LedgerEntry,
    /// The customer, if it changed. Its `version` is the one that was loaded.
    pub customer: Option<Customer>,
    /// The payments that changed, each with the version that was loaded.
    pub payments: Vec<Payment>,
    /// The invoices that changed, each with the version that was loaded.
    pub invoices: Vec<Invoice>,
    /// The accounts that changed, each with the version that was loaded.
    pub accounts: Vec<Account>,
    /// The changes to push to the users.
    pub changes: Vec<Change>,
    /// The webhook behind the commit, if there is one.
    pub context: Option<DeliveryContext>,
    /// The user whose data it erases. What is blank after it is deleted in [`ERASED_KEPT_DAYS`].
    pub erased: Option<UserId>,
}

impl Commit {
    /// A commit that has only a ledger row.
    pub(super) const fn new(ledger: LedgerEntry) -> Self {
        Self {
            ledger,
            customer: None,
            payments: Vec::new(),
            invoices: Vec::new(),
            accounts: Vec::new(),
            changes: Vec::new(),
            context: None,
            erased: None,
        }
    }

    /// Time from which an account that it writes may be deleted: only that of a user who is erased.
    #[must_use]
    pub fn account_expires_at(&self, account: &Account) -> Option<Timestamp> {
        self.expires_at()
            .filter(|_| self.erased.as_ref() == Some(&account.user) && account.is_blank())
    }

    /// Time from which the customer may be deleted: only if nothing is left of it after an erasure.
    #[must_use]
    pub fn customer_expires_at(&self, customer: &Customer) -> Option<Timestamp> {
        self.expires_at().filter(|_| customer.is_blank())
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.erased.as_ref().map(|_| self.ledger.processed_at.plus_days(ERASED_KEPT_DAYS))
    }

    /// Replaces what a customer earns for an account, if a grant is given, and settles the account.
    pub(super) fn update(
        &mut self,
        mut account: Account,
        grant: Option<(&CustomerId, Grant)>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), account::Error> {
        let is_changed = match grant {
            Some((customer, grant)) => account.admit_grant(customer, grant, policy, now)?,
            None => false,
        };
        self.settle(account, is_changed, policy, now);
        Ok(())
    }

    /// Settles an account. Adds it if anything about it changed, and the change to push if there is one.
    pub(super) fn settle(
        &mut self,
        mut account: Account,
        is_changed: bool,
        policy: &Policy,
        now: Timestamp,
    ) {
        let from_role = account.role.clone();
        let Settled { previous_role, standing_changed } =
            account.settle(policy, now, &self.ledger.event);
        self.ledger.owners.push(Owner {
            user: account.user.clone(),
            from_role,
            to_role: account.role.clone(),
            revocation_id: account.revocation_id,
        });
        let is_new_account = account.version == Version::default();
        let is_heard = previous_role.is_some() || standing_changed;
        if is_heard {
            let event = &self.ledger.event;
            self.changes.push(change(&account, previous_role, event, policy, now));
        }
        if is_changed || is_heard || is_new_account {
            self.accounts.push(account);
        }
    }
}

/// The change of an account to push to its user.
pub(super) fn change(
    account: &Account,
    previous_role: Option<Role>,
    event: &EventId,
    policy: &Policy,
    now: Timestamp,
) -> Change {
    let kind = match &previous_role {
        None => ChangeKind::Subscription,
        Some(before) if policy.compare(&account.role, before).is_gt() => ChangeKind::Upgraded,
        Some(_) => ChangeKind::Downgraded,
    };
    Change {
        kind,
        user: account.user.clone(),
        previous_role: previous_role.unwrap_or_else(|| account.role.clone()),
        role: account.role.clone(),
        epoch: account.epoch,
        revocation_id: account.revocation_id,
        account_version: account.version.next(),
        standing: account.standing.clone(),
        event: event.clone(),
        role_assigned_at: account.role_assigned_at,
        revoked_before: None,
        at: now,
    }
}
