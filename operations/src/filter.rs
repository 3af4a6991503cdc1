//! Which dead letters are meant: by event, cause, type, customer, user and time, all of them together.

use serde::Deserialize;
use tierlift_core::{
    codes::Code,
    customer::Customer,
    id::{CustomerId, EventId, UserId},
    policy::Policy,
    ports::DeadLetter,
    stripe::event::Event,
    time::Timestamp,
};

use crate::{Backend, Desk, Error};

/// Which dead letters are meant. Without any field it is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Filter {
    /// Those of these events; all, where it is empty.
    pub events: Vec<EventId>,
    /// Those that failed for this cause at last.
    pub cause: Option<Code>,
    /// Those with this error message at last.
    pub error: Option<String>,
    /// Those of this event type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Those of this customer.
    pub customer: Option<CustomerId>,
    /// Those that name this user, or whose customer does.
    pub user: Option<UserId>,
    /// Those that failed at this time or later, in seconds since the epoch.
    pub since_secs: Option<i64>,
}

impl Filter {
    /// The filter in short, for the ledger.
    #[must_use]
    pub fn summary(&self) -> String {
        let listed = |name: &str, value: Option<&str>| value.map(|value| format!("{name}:{value}"));
        let event = self.events.first().map(EventId::as_str);
        let parts = [
            listed("event", event),
            listed("cause", self.cause.map(Code::as_str)),
            self.error.as_ref().map(|_| "error".to_owned()),
            listed("type", self.kind.as_deref()),
            listed("customer", self.customer.as_ref().map(CustomerId::as_str)),
            // An act stays in the ledger when a user is erased, so it names none.
            self.user.as_ref().map(|_| "user".to_owned()),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "all".to_owned() } else { parts.join(",") }
    }

    /// Whether it means a dead letter, as far as that one says by itself. The user may be its customer's.
    fn admits(&self, dead_letter: &DeadLetter) -> bool {
        let DeadLetter { message, failure } = dead_letter;
        let since = self.since_secs.map(Timestamp::from_secs);
        (self.events.is_empty() || self.events.contains(&message.event))
            && self.cause.is_none_or(|cause| failure.cause == cause)
            && self.error.as_ref().is_none_or(|error| failure.last_error == *error)
            && self.kind.as_ref().is_none_or(|kind| message.kind.as_str() == kind)
            && self.customer.as_ref().is_none_or(|id| *message.group.0 == *id.as_str())
            && since.is_none_or(|since| failure.last_at >= since)
    }
}

/// The users that an event names, as far as it can be parsed.
pub(crate) fn event_of(dead_letter: &DeadLetter, policy: &Policy) -> Option<Event> {
    let message = &dead_letter.message;
    let id = message.event.clone();
    Event::parse(id, message.kind, &message.body, &policy.user_id_keys).ok()
}

impl<B: Backend> Desk<B> {
    /// Whether a filter means a dead letter.
    pub(crate) async fn admits(&self, filter: &Filter, one: &DeadLetter) -> Result<bool, Error> {
        let Some(user) = filter.user.as_ref().filter(|_| filter.admits(one)) else {
            return Ok(filter.admits(one));
        };
        let event = event_of(one, &self.policy.current());
        if event.as_ref().and_then(|event| event.fact.user()) == Some(user) {
            return Ok(true);
        }
        let Some(customer) = event.and_then(|event| event.customer) else { return Ok(false) };
        let customer: Option<Customer> = self.backend.customer(&customer).await?;
        Ok(customer.is_some_and(|customer| customer.named_users().contains(user)))
    }
}
