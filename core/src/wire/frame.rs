//! Frames: the messages of a socket in both directions, version 1. Nothing here sends one.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::session::{Members, Session, StandingView};
use crate::{
    accounts::Accounts,
    change::{Change, ChangeKind},
    epoch::Seen,
    id::{Epoch, RevocationId, Version},
    policy::Policy,
    time::{Timestamp, rfc3339, rfc3339_option},
};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "tierlift.v1";
/// The prefix of the subprotocol that carries the token, which is never in the URL.
pub const BEARER_SUBPROTOCOL_PREFIX: &str = "bearer.";

/// The version of all frames that a server sends.
const V: u8 = 1;

/// What a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum ClientFrame {
    /// Requests a snapshot.
    Sync(Seen),
    /// Requests a `PONG`.
    Ping,
}

impl ClientFrame {
    /// Parses a text frame; `None` if it is not a client frame.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The answer to `sync`.
#[derive(Serialize)]
struct Snapshot<'a> {
    v: u8,
    r#type: &'static str,
    #[serde(flatten)]
    session: &'a Session,
}

/// The text of a `SNAPSHOT` frame.
#[must_use]
pub fn snapshot(session: &Session) -> String {
    text(&Snapshot { v: V, r#type: "SNAPSHOT", session })
}

/// A committed change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notice<'a> {
    v: u8,
    r#type: &'static str,
    user_id: &'a str,
    role: &'a str,
    previous_role: &'a str,
    epoch: Epoch,
    revocation_id: RevocationId,
    account_version: Version,
    #[serde(flatten)]
    standing: StandingView,
    #[serde(serialize_with = "rfc3339_option")]
    role_assigned_at: Option<Timestamp>,
    #[serde(flatten)]
    members: Option<&'a Members>,
    event_id: &'a str,
    #[serde(serialize_with = "rfc3339")]
    at: Timestamp,
}

/// The text of a `ROLE_UPGRADED`, `ROLE_DOWNGRADED` or `SUBSCRIPTION_CHANGED` frame.
#[must_use]
pub fn notice(change: &Change) -> String {
    notice_of(change, None)
}

/// The text of the same frame, about all accounts of a token that a change of one of them concerns. Its role
/// is the best of all, and so is the role before.
#[must_use]
pub fn notice_for(change: &Change, accounts: &Accounts, policy: &Policy, now: Timestamp) -> String {
    let (best, counters) = (accounts.best(policy, now), accounts.counters());
    let others = accounts.all().filter(|account| account.user != change.user);
    let others = others.map(|account| account.effective(policy, now).role);
    let previous = others.fold(change.previous_role.clone(), |a, b| policy.higher(a, b));
    let role = best.effective.role.clone();
    let kind = match policy.compare(&role, &previous) {
        Ordering::Greater => ChangeKind::Upgraded,
        Ordering::Less => ChangeKind::Downgraded,
        Ordering::Equal => ChangeKind::Subscription,
    };
    let members = Members::of(accounts, &best);
    let change = Change {
        kind,
        user: accounts.user().clone(),
        previous_role: previous,
        role,
        epoch: counters.epoch,
        revocation_id: counters.revocation_id,
        account_version: counters.version,
        standing: best.effective.standing,
        role_assigned_at: best.account.role_assigned_at,
        event: change.event.clone(),
        revoked_before: None,
        at: change.at,
    };
    notice_of(&change, members.as_ref())
}

fn notice_of(change: &Change, members: Option<&Members>) -> String {
    text(&Notice {
        v: V,
        r#type: match change.kind {
            ChangeKind::Upgraded => "ROLE_UPGRADED",
            ChangeKind::Downgraded => "ROLE_DOWNGRADED",
            ChangeKind::Subscription => "SUBSCRIPTION_CHANGED",
        },
        user_id: change.user.as_str(),
        role: change.role.as_str(),
        previous_role: change.previous_role.as_str(),
        epoch: change.epoch,
        revocation_id: change.revocation_id,
        account_version: change.account_version,
        standing: StandingView::from(&change.standing),
        role_assigned_at: change.role_assigned_at,
        members,
        event_id: change.event.as_str(),
        at: change.at,
    })
}

/// Why a socket is about to end, where no close frame with a code can be sent.
#[derive(Serialize)]
struct CloseNotice<'a> {
    v: u8,
    r#type: &'static str,
    code: u16,
    reason: &'a str,
}

/// The text of a `CLOSE` frame, for a gateway that ends sockets with a code of its own.
#[must_use]
pub fn close(code: u16, reason: &str) -> String {
    text(&CloseNotice { v: V, r#type: "CLOSE", code, reason })
}

/// The code and the reason of a socket whose token has expired.
pub const TOKEN_EXPIRED: (u16, &str) = (4001, "token_expired");

/// The code and the reason of a socket whose token was revoked.
pub const REVOKED: (u16, &str) = (4003, "revoked");

/// The text of a `PONG` frame.
#[must_use]
pub const fn pong() -> &'static str {
    r#"{"v":1,"type":"PONG"}"#
}

fn text(frame: &impl Serialize) -> String {
    // Strings, numbers and booleans always have a JSON text.
    serde_json::to_string(frame).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        account::Standing,
        grant::Shown,
        id::{EventId, UserId},
        policy::Role,
        subscription::Status,
    };

    #[test]
    fn a_client_says_sync_or_ping_and_nothing_else() {
        let seen = Seen {
            epoch: Some(Epoch(5)),
            revocation_id: RevocationId(7),
            account_version: Version(9),
        };
        let sync = |seen| Some(ClientFrame::Sync(seen));
        let older = Seen { revocation_id: RevocationId(7), ..Seen::default() };
        for (text, frame) in [
            (r#"{"action":"sync","epoch":5,"revocationId":7,"accountVersion":9}"#, sync(seen)),
            (r#"{"action":"sync","revocationId":7}"#, sync(older)),
            (r#"{"action":"sync","more":[1]}"#, sync(Seen::default())),
            (r#"{"action":"ping"}"#, Some(ClientFrame::Ping)),
            (r#"{"action":"sync","revocationId":-1}"#, None),
            (r#"{"action":"shout"}"#, None),
            ("", None),
            ("[]", None),
        ] {
            assert_eq!(ClientFrame::parse(text), frame, "{text}");
        }
    }

    #[test]
    fn a_close_is_announced_with_its_code() {
        let expected = r#"{"v":1,"type":"CLOSE","code":4001,"reason":"token_expired"}"#;
        assert_eq!(close(4001, "token_expired"), expected);
    }

    fn change() -> Change {
        let shown = Shown {
            status: Some(Status::PastDue),
            trial_ends_at: None,
            cancel_at: Some(Timestamp::from_millis(3)),
            past_due_since: Some(Timestamp::from_millis(2)),
        };
        Change {
            kind: ChangeKind::Upgraded,
            user: UserId::new("ada").unwrap(),
            previous_role: Role::new("free"),
            role: Role::new("paid"),
            epoch: Epoch(0),
            revocation_id: RevocationId(3),
            account_version: Version(7),
            standing: Standing {
                subscription_active: true,
                subscription_expires_at: None,
                shown,
                features: ["export", "audit"].map(Box::from).into(),
            },
            event: EventId::new("evt_1").unwrap(),
            role_assigned_at: Some(Timestamp::from_millis(1)),
            revoked_before: None,
            at: Timestamp::from_millis(4),
        }
    }

    #[test]
    fn a_notice_has_the_documented_fields() {
        let change = change();
        let role_changed = r#""previousRole":"free","epoch":0,"revocationId":3,"accountVersion":7,"features":["audit","export"],"status":"past_due","subscriptionActive":true,"subscriptionExpiresAt":null,"trialEndsAt":null,"cancelAt":"1970-01-01T00:00:00.003Z","pastDueSince":"1970-01-01T00:00:00.002Z","roleAssignedAt":"1970-01-01T00:00:00.001Z","eventId":"evt_1","at":"1970-01-01T00:00:00.004Z"}"#;
        let head = r#"{"v":1,"type":"ROLE_UPGRADED","userId":"ada","role":"paid","#;
        assert_eq!(notice(&change), format!("{head}{role_changed}"));
        for (kind, name) in [
            (ChangeKind::Downgraded, "ROLE_DOWNGRADED"),
            (ChangeKind::Subscription, "SUBSCRIPTION_CHANGED"),
        ] {
            let text = notice(&Change { kind, ..change.clone() });
            assert_eq!(text, notice(&change).replace("ROLE_UPGRADED", name));
        }
    }

    #[test]
    fn a_snapshot_has_the_fields_of_a_notice_without_what_happened() {
        let Change { user, role, revocation_id, account_version, standing, .. } = change();
        let session = Session {
            user_id: user.to_string(),
            role: role.to_string(),
            standing: StandingView::from(&standing),
            role_assigned_at: None,
            roles: vec![Role::new("free"), Role::new("paid")],
            epoch: Epoch(9),
            revocation_id,
            account_version,
            members: None,
        };
        assert_eq!(
            snapshot(&session),
            r#"{"v":1,"type":"SNAPSHOT","userId":"ada","role":"paid","features":["audit","export"],"status":"past_due","subscriptionActive":true,"subscriptionExpiresAt":null,"trialEndsAt":null,"cancelAt":"1970-01-01T00:00:00.003Z","pastDueSince":"1970-01-01T00:00:00.002Z","roleAssignedAt":null,"roles":["free","paid"],"epoch":9,"revocationId":3,"accountVersion":7}"#
        );
        let fields = |text: &str| {
            let json: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(text).unwrap();
            json.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>()
        };
        let (snapshot, notice) = (fields(&snapshot(&session)), fields(&notice(&change())));
        let more: Vec<_> = notice.difference(&snapshot).map(String::as_str).collect();
        assert_eq!(more, ["at", "eventId", "previousRole"]);
        let fewer: Vec<_> = snapshot.difference(&notice).map(String::as_str).collect();
        assert_eq!(fewer, ["roles"]);
    }
}
