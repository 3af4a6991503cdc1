//! Frames: the messages of a socket in both directions, version 1. Nothing here sends one.

use serde::{Deserialize, Serialize};

use super::session::{Session, StandingView};
use crate::{
    change::{Change, ChangeKind},
    id::{RevocationId, Version},
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
    Sync {
        /// The revocation id that the client shows.
        #[serde(rename = "revocationId", default)]
        revocation_id: RevocationId,
    },
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
    revocation_id: RevocationId,
    account_version: Version,
    #[serde(flatten)]
    standing: StandingView,
    #[serde(serialize_with = "rfc3339_option")]
    role_assigned_at: Option<Timestamp>,
    event_id: &'a str,
    #[serde(serialize_with = "rfc3339")]
    at: Timestamp,
}

/// The text of a `ROLE_UPGRADED`, `ROLE_DOWNGRADED` or `SUBSCRIPTION_CHANGED` frame.
#[must_use]
pub fn notice(change: &Change) -> String {
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
        revocation_id: change.revocation_id,
        account_version: change.account_version,
        standing: StandingView::from(&change.standing),
        role_assigned_at: change.role_assigned_at,
        event_id: change.event.as_str(),
        at: change.at,
    })
}

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
    use super::*;
    use crate::{
        account::Standing,
        id::{EventId, UserId},
        policy::Role,
    };

    #[test]
    fn a_client_says_sync_or_ping_and_nothing_else() {
        let sync = |id| Some(ClientFrame::Sync { revocation_id: RevocationId(id) });
        for (text, frame) in [
            (r#"{"action":"sync","revocationId":7}"#, sync(7)),
            (r#"{"action":"sync","more":[1]}"#, sync(0)),
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
    fn a_notice_has_the_documented_fields() {
        let change = Change {
            user: UserId::new("ada").unwrap(),
            previous_role: Role::new("free"),
            role: Role::new("paid"),
            upgraded: true,
            revocation_id: RevocationId(3),
            standing: Standing { subscription_active: true, subscription_expires_at: None },
            event: EventId::new("evt_1").unwrap(),
            at: Timestamp::from_millis(1),
        };
        assert_eq!(
            notice(&change),
            r#"{"v":1,"type":"ROLE_UPGRADED","userId":"ada","role":"paid","previousRole":"free","revocationId":3,"subscriptionActive":true,"subscriptionExpiresAt":null,"roleAssignedAt":"1970-01-01T00:00:00.001Z","eventId":"evt_1","at":"1970-01-01T00:00:00.001Z"}"#
        );
        assert!(notice(&Change { upgraded: false, ..change }).contains("ROLE_DOWNGRADED"));
    }
}
