//! The session: a user's role and standing as the host application and its pages see them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    account::{Account, Standing},
    accounts::{Accounts, Best},
    grant::Shown,
    id::{Epoch, RevocationId, UserId, Version},
    policy::{Policy, Role},
    subscription::Status,
    time::{Timestamp, rfc3339_option},
};

/// The response of `GET /session`, and the content of a `SNAPSHOT` frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The user's id.
    pub user_id: String,
    /// The effective role.
    pub role: String,
    /// The standing.
    #[serde(flatten)]
    pub standing: StandingView,
    /// Time of the latest role change.
    #[serde(serialize_with = "rfc3339_option")]
    pub role_assigned_at: Option<Timestamp>,
    /// The roles of the policy, lowest first.
    pub roles: Vec<Role>,
    /// The epoch of the two counters below.
    pub epoch: Epoch,
    /// Number of role changes so far.
    pub revocation_id: RevocationId,
    /// Number of commits of the account so far.
    pub account_version: Version,
    /// Whose role it is, of a token that speaks for several accounts. The counters above are then those of all
    /// of them together.
    #[serde(flatten)]
    pub members: Option<Members>,
}

/// The accounts of a token that speaks for several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Members {
    /// The account that gives the role.
    pub account_id: UserId,
    /// All of them: the user's own first, then the others in the order of the claims.
    pub accounts: Vec<UserId>,
}

impl Members {
    /// The accounts, if there are several.
    pub(super) fn of(accounts: &Accounts, best: &Best<'_>) -> Option<Self> {
        let account_id = best.account.user.clone();
        accounts.several().map(|accounts| Self { account_id, accounts })
    }
}

/// [`Standing`] as JSON for browsers: camel case, times as RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StandingView {
    /// The features of the role and those by Stripe's entitlements.
    pub features: BTreeSet<Box<str>>,
    /// Stripe's status of the subscription that is shown.
    pub status: Option<Status>,
    /// Whether some subscription or purchase gives access.
    pub subscription_active: bool,
    /// The end of what is paid for of the best one.
    #[serde(serialize_with = "rfc3339_option")]
    pub subscription_expires_at: Option<Timestamp>,
    /// End of the trial, while the subscription is in one.
    #[serde(serialize_with = "rfc3339_option")]
    pub trial_ends_at: Option<Timestamp>,
    /// Time at which the subscription will be canceled.
    #[serde(serialize_with = "rfc3339_option")]
    pub cancel_at: Option<Timestamp>,
    /// Time at which the subscription became past due, while it is.
    #[serde(serialize_with = "rfc3339_option")]
    pub past_due_since: Option<Timestamp>,
}

impl From<&Standing> for StandingView {
    fn from(standing: &Standing) -> Self {
        let Shown { status, trial_ends_at, cancel_at, past_due_since } = standing.shown.clone();
        Self {
            features: standing.features.clone(),
            status,
            subscription_active: standing.subscription_active,
            subscription_expires_at: standing.subscription_expires_at,
            trial_ends_at,
            cancel_at,
            past_due_since,
        }
    }
}

impl Session {
    /// The session of an account at a time.
    #[must_use]
    pub fn new(account: &Account, policy: &Policy, now: Timestamp) -> Self {
        Self::of(&account.clone().into(), policy, now)
    }

    /// The session of all accounts that a token speaks for: the best role of any, with the features of all.
    #[must_use]
    pub fn of(accounts: &Accounts, policy: &Policy, now: Timestamp) -> Self {
        let (best, counters) = (accounts.best(policy, now), accounts.counters());
        Self {
            user_id: accounts.user().to_string(),
            role: best.effective.role.to_string(),
            standing: StandingView::from(&best.effective.standing),
            role_assigned_at: best.account.role_assigned_at,
            roles: policy.roles().cloned().collect(),
            epoch: counters.epoch,
            revocation_id: counters.revocation_id,
            account_version: counters.version,
            members: Members::of(accounts, &best),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::UserId,
        policy::{Role, tests::policy},
    };

    #[test]
    fn a_session_shows_what_is_effective_now_and_not_what_was_committed() {
        let now = Timestamp::from_secs(1_795_000_000);
        let account = Account {
            role: Role::new("paid"),
            standing: Standing {
                subscription_active: true,
                subscription_expires_at: Some(now),
                ..Standing::default()
            },
            role_assigned_at: Some(Timestamp::from_millis(1)),
            revocation_id: RevocationId(3),
            ..Account::new(UserId::new("ada").unwrap(), &policy())
        };
        let session = Session::new(&account, &policy(), now);
        assert_eq!(
            serde_json::to_string(&session).unwrap(),
            r#"{"userId":"ada","role":"free","features":[],"status":null,"subscriptionActive":false,"subscriptionExpiresAt":null,"trialEndsAt":null,"cancelAt":null,"pastDueSince":null,"roleAssignedAt":"1970-01-01T00:00:00.001Z","roles":["free","paid","pro","operator"],"epoch":0,"revocationId":3,"accountVersion":0}"#
        );
    }
}
