//! Revokes the tokens of a user: those that were issued until now count no more, and their sockets end.

use tierlift_core::{
    id::UserId,
    ledger::Act,
    ports::{Sockets, Store, StoreError},
};
use tierlift_session::Access;

use crate::notify;

/// Revokes all tokens of a user that were issued until now, and ends the sockets of this process that were
/// opened with one. Where a change feed notifies, [`Access::revoke`] is enough.
pub async fn revoke<S: Store, C: Sockets>(
    access: &Access<S>,
    sockets: &C,
    user: &UserId,
    act: &Act,
) -> Result<(), StoreError> {
    for change in access.revoke(user, act).await? {
        let report = notify(sockets, &change, None, &access.clock).await;
        let (sent, gone, failed) = (report.sent, report.gone, report.failed);
        tracing::warn!(
            user = user.as_str(),
            actor = act.actor(),
            sent,
            gone,
            failed,
            "tokens revoked"
        );
    }
    Ok(())
}
