//! The ledger: one row per processed event. It is the audit trail and the dedupe.
//!
//! What tierlift or an operator does without a webhook has a row too, under an id that no Stripe event
//! has.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    codes::Code,
    id::{CustomerId, EventId, RevocationId, UserId},
    limits::{ACTOR_BYTES_MAX, LEDGER_KEPT_DAYS, REASON_BYTES_MAX},
    observation::Because,
    policy::Role,
    stripe::event::{Event, Type},
    time::Timestamp,
};

/// The outcome of a processed event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was recorded, and the user's account is up to date with it.
    Applied,
    /// It was recorded; its customer is not linked to a user yet.
    Waiting,
    /// An observation of what was known already: nobody earns more or less by it.
    Confirmed,
    /// It is older than what is already settled. It changed nothing.
    Stale,
    /// It bears on no access: a partial refund, a purchase of something that is no plan.
    Unrelated,
}

impl Outcome {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Waiting => "waiting",
            Self::Confirmed => "confirmed",
            Self::Stale => "stale",
            Self::Unrelated => "unrelated",
        }
    }
}

/// What a ledger row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EntryKind {
    /// A webhook or an observation.
    Event(Type),
    /// An act of tierlift or of an operator.
    System(SystemEvent),
}

macro_rules! system_events {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// An act without a webhook, named as Stripe names its events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum SystemEvent {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl SystemEvent {
            /// The name in the ledger.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

system_events! {
    /// Access expired and no webhook came.
    AccessExpired = "tierlift.access.expired",
    /// An operator granted or removed a manual role.
    RoleAssigned = "tierlift.role.assigned",
    /// A service of the host granted a role.
    ServiceGranted = "tierlift.grant.created",
    /// A service of the host withdrew what it had granted.
    ServiceWithdrew = "tierlift.grant.withdrawn",
    /// The store was behind what somebody had seen of it: it was restored from a backup.
    EpochBegun = "tierlift.epoch.begun",
    /// An operator revoked a user's tokens.
    TokensRevoked = "tierlift.tokens.revoked",
    /// The policy changed, and with it what a customer earns or what an account is.
    PolicyChanged = "tierlift.policy.changed",
    /// An operator had dead letters redriven.
    Redriven = "tierlift.dead_letters.redriven",
    /// An operator discarded a dead letter.
    Discarded = "tierlift.dead_letter.discarded",
    /// An operator made a discarded message a dead letter again.
    Undiscarded = "tierlift.dead_letter.undiscarded",
    /// An operator added dead letters that came from elsewhere.
    Imported = "tierlift.dead_letters.imported",
    /// An operator had events enqueued as if Stripe had sent them.
    Replayed = "tierlift.events.replayed",
    /// An operator wrote a note on a group of dead letters.
    Noted = "tierlift.dead_letters.noted",
    /// An operator had dead webhooks to the host sent again.
    WebhooksRedriven = "tierlift.webhooks.redriven",
    /// An operator discarded dead webhooks to the host.
    WebhooksDiscarded = "tierlift.webhooks.discarded",
    /// An operator linked a customer, subscription or purchase to a user, or removed that link.
    Linked = "tierlift.owner.linked",
    /// An operator paused the worker.
    Paused = "tierlift.worker.paused",
    /// An operator let the worker go on.
    Resumed = "tierlift.worker.resumed",
    /// An operator began to erase a user.
    ErasureBegun = "tierlift.erasure.begun",
    /// An operator erased a user: their account, or what a customer had of them.
    UserErased = "tierlift.user.erased",
    /// The clock had been ahead, and what was decided by it is decided again.
    ClockCorrected = "tierlift.clock.corrected",
}

impl EntryKind {
    /// The name in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Event(kind) => kind.as_str(),
            Self::System(kind) => kind.as_str(),
        }
    }
}

/// A user whose account an event concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The user.
    pub user: UserId,
    /// The user's role before.
    pub from_role: Role,
    /// The user's role after.
    pub to_role: Role,
    /// The user's revocation id after.
    pub revocation_id: RevocationId,
}

/// Why an act has no place in the ledger.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "an actor has 1 to {ACTOR_BYTES_MAX} bytes and a reason 1 to {REASON_BYTES_MAX}, without control \
     characters"
)]
pub struct ActError;

/// Who did something by hand, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    actor: Box<str>,
    reason: Box<str>,
}

impl Act {
    /// An act of somebody, with the reason that they give.
    pub fn new(actor: &str, reason: &str) -> Result<Self, ActError> {
        let fits = |text: &str, bytes_max| {
            !text.trim().is_empty() && text.len() <= bytes_max && !text.contains(char::is_control)
        };
        if fits(actor, ACTOR_BYTES_MAX) && fits(reason, REASON_BYTES_MAX) {
            return Ok(Self { actor: actor.into(), reason: reason.into() });
        }
        Err(ActError)
    }

    /// Who did it.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The event's id.
    pub event: EventId,
    /// The event's type.
    pub kind: EntryKind,
    /// Its customer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub customer: Option<CustomerId>,
    /// The outcome.
    pub outcome: Outcome,
    /// The reason why it earned less than it could, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<Code>,
    /// Whether edges are missing: the state is a fixed choice until they arrive.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub ambiguous: bool,
    /// The users whose accounts it concerns.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub owners: Vec<Owner>,
    /// Who did it and why, if somebody did it by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub act: Option<Act>,
    /// Why Stripe was asked, if it is an observation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub because: Option<Because>,
    /// Stripe's time of the event.
    pub created: Timestamp,
    /// Time of processing.
    pub processed_at: Timestamp,
    /// Time from which the row may be deleted.
    pub expires_at: Timestamp,
}

impl LedgerEntry {
    /// Whether the role of some user changed.
    #[must_use]
    pub fn changes_role(&self) -> bool {
        self.owners.iter().any(|owner| owner.from_role != owner.to_role)
    }

    /// The row of a webhook that was applied at `now`.
    #[must_use]
    pub fn for_event(event: &Event, now: Timestamp) -> Self {
        Self {
            customer: event.customer.clone(),
            because: event.observed.map(|observed| observed.because),
            created: event.created,
            ..Self::new(event.id.clone(), EntryKind::Event(event.kind), now)
        }
    }

    /// The row of a system event on an account or a customer. It happens once for each `number`, such as
    /// the account's version. `None` if the id of the account or customer makes no event id.
    #[must_use]
    pub fn for_system_event(
        kind: SystemEvent,
        subject: &str,
        number: u64,
        now: Timestamp,
    ) -> Option<Self> {
        let event = system_event_id(kind, subject, number)?;
        Some(Self::new(event, EntryKind::System(kind), now))
    }

    /// The row of an operator's act on a subject. `None` if the subject makes no event id.
    #[must_use]
    pub fn for_act(kind: SystemEvent, subject: &str, act: Act, now: Timestamp) -> Option<Self> {
        let number = now.as_micros().unsigned_abs();
        let entry = Self::for_system_event(kind, subject, number, now)?;
        Some(Self { act: Some(act), ..entry })
    }

    /// The same row with a pseudonym in the place of a user's id, wherever it stands. The reason that somebody gave for
    /// an act is not kept, since it may name them.
    #[must_use]
    pub fn without_user(mut self, user: &UserId, pseudonym: &UserId) -> Self {
        for owner in &mut self.owners {
            if owner.user == *user {
                owner.user = pseudonym.clone();
            }
        }
        if let EntryKind::System(kind) = self.kind {
            self.event = system_event_without(kind, &self.event, user, pseudonym);
        }
        if let Some(act) = &mut self.act {
            act.reason = REASON_ERASED.into();
        }
        self
    }

    const fn new(event: EventId, kind: EntryKind, now: Timestamp) -> Self {
        Self {
            event,
            kind,
            customer: None,
            outcome: Outcome::Applied,
            cause: None,
            ambiguous: false,
            owners: Vec::new(),
            act: None,
            because: None,
            created: now,
            processed_at: now,
            expires_at: now.plus_days(LEDGER_KEPT_DAYS),
        }
    }
}

/// What stands in the place of a reason that may name an erased user.
const REASON_ERASED: &str = "(erased)";

/// Whether a text has a user's id as a word.
pub(crate) fn names(text: &str, user: &UserId) -> bool {
    places(text, user.as_str()).next().is_some()
}

/// Where a text has a word.
fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let (before, after) = (text.get(..*at), text.get(at + word.len()..));
        !is_part(before.and_then(|it| it.chars().next_back()))
            && !is_part(after.and_then(|it| it.chars().next()))
    })
}

/// A text with another word in the place of one.
fn with_word(text: &str, word: &str, other: &str) -> String {
    let (mut written, mut from) = (String::new(), 0);
    for at in places(text, word) {
        written.push_str(text.get(from..at).unwrap_or_default());
        written.push_str(other);
        from = at + word.len();
    }
    written + text.get(from..).unwrap_or_default()
}

/// The id of a system event without a user: a pseudonym is in its subject then. The same id if it does not name the user.
fn system_event_without(
    kind: SystemEvent,
    event: &EventId,
    user: &UserId,
    pseudonym: &UserId,
) -> EventId {
    let parts = event.as_str().strip_prefix(kind.as_str()).and_then(|rest| {
        let (number, subject) = rest.strip_prefix('.')?.split_once('.')?;
        Some((number.parse().ok()?, subject))
    });
    let Some((number, subject)) = parts else { return event.clone() };
    let (user, pseudonym) = (user.as_str(), pseudonym.as_str());
    // A long subject is there as its digest.
    let is_digest = |subject: &str| system_event_id(kind, subject, number).as_ref() == Some(event);
    let mut other = with_word(subject, user, pseudonym);
    if other == subject && (is_digest(user) || is_digest(&format!("user.{user}"))) {
        pseudonym.clone_into(&mut other);
    }
    system_event_id(kind, &other, number).unwrap_or_else(|| event.clone())
}

/// The id of a system event: one for each number, so that it happens once.
fn system_event_id(kind: SystemEvent, subject: &str, number: u64) -> Option<EventId> {
    let id = |subject: &str| EventId::new(&format!("{}.{number}.{subject}", kind.as_str()));
    // A user id may be as long as an event id can be. Its digest replaces it then, and is as unique.
    id(subject).or_else(|_| id(&hex::encode(Sha256::digest(subject)))).ok()
}
