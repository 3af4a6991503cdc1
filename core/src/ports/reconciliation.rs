//! How far the latest reconciliation has come.

use std::future::Future;

use crate::{ports::StoreError, reconciliation::Reconciliation};

/// Remembers the latest reconciliation.
pub trait ReconciliationRecord: Send + Sync {
    /// The latest one, if there was any.
    fn reconciliation(
        &self,
    ) -> impl Future<Output = Result<Option<Reconciliation>, StoreError>> + Send;

    /// Notes how far it has come.
    fn set_reconciliation(
        &self,
        state: Reconciliation,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
