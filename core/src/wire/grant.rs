//! The answer to a service that grants something.

use serde::Serialize;

use crate::{
    id::UserId,
    policy::Role,
    service_grant::ServiceGrant,
    time::{Timestamp, rfc3339_option},
};

/// A grant by a service, as the service sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantView {
    /// What the service calls it.
    pub grant_id: String,
    /// The user.
    pub user_id: UserId,
    /// The role.
    pub role: Role,
    /// Time until which it holds; `None` if it has no end.
    #[serde(serialize_with = "rfc3339_option")]
    pub expires_at: Option<Timestamp>,
    /// Time at which it was granted.
    #[serde(serialize_with = "rfc3339_option")]
    pub granted_at: Option<Timestamp>,
    /// Time at which it was withdrawn.
    #[serde(serialize_with = "rfc3339_option")]
    pub withdrawn_at: Option<Timestamp>,
}

impl GrantView {
    /// The view of a grant.
    #[must_use]
    pub fn new(grant_id: String, user_id: UserId, grant: ServiceGrant) -> Self {
        let ServiceGrant { role, until, granted_at, withdrawn_at } = grant;
        let granted_at = Some(granted_at);
        Self { grant_id, user_id, role, expires_at: until, granted_at, withdrawn_at }
    }
}
