//! A change: what a commit changed about an account, as far as its user is concerned. The notifier
//! pushes it as a notice.

use serde::{Deserialize, Serialize};

use crate::{
    account::Standing,
    id::{Epoch, EventId, RevocationId, UserId, Version},
    policy::Role,
    time::Timestamp,
};

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The role: it ranks above the previous one.
    Upgraded,
    /// The role: it does not rank above the previous one.
    Downgraded,
    /// Only what is shown of the subscription, or the features.
    Subscription,
}

/// A committed change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What changed.
    pub kind: ChangeKind,
    /// The user.
    pub user: UserId,
    /// The role before; the same one if it did not change.
    pub previous_role: Role,
    /// The role after.
    pub role: Role,
    /// The account's epoch.
    #[serde(skip_serializing_if = "Epoch::is_first", default)]
    pub epoch: Epoch,
    /// The account's revocation id.
    pub revocation_id: RevocationId,
    /// The account's version.
    pub account_version: Version,
    /// The account's standing after the change.
    pub standing: Standing,
    /// The event that caused the change.
    pub event: EventId,
    /// Time of the latest role change.
    pub role_assigned_at: Option<Timestamp>,
    /// Where the user's tokens were revoked with it: sockets of tokens that were issued before this time end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revoked_before: Option<Timestamp>,
    /// Time of the decision.
    pub at: Timestamp,
}

/// The webhook behind a commit: it lets the notifier, perhaps in another process, measure the delay
/// since the webhook and continue its trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryContext {
    /// Time at which the webhook arrived.
    pub received_at: Timestamp,
    /// W3C `traceparent` of the webhook's request, if it had one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace: Option<String>,
}

/// A committed change, as a change feed brings it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// The change.
    pub change: Change,
    /// The webhook that caused it; `None` where no webhook did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub context: Option<DeliveryContext>,
}
