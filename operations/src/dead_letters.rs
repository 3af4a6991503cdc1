//! One dead letter, or a list: the event, its failures, the state now, and what a redrive would change.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use tierlift_core::{
    codes::Code,
    config::Fetch,
    customer::Customer,
    explain::Prediction,
    id::{EventId, UserId},
    limits::DEAD_LETTERS_PAGE_MAX,
    ports::{DeadLetter, Discarded, Message},
    stripe::event::Type,
};
use tierlift_worker::{
    decide_only,
    thin::{self, Admitted},
};

use crate::{Backend, CustomerState, Desk, Error, Filter, filter::event_of, readable};

/// A dead letter in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The event.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its customer, or the event itself if it has none.
    pub group: String,
    /// The latest cause.
    pub cause: Code,
    /// The latest error message.
    pub error: String,
    /// The time of the latest failure.
    pub last_at: String,
    /// Failures so far, those before a redrive included.
    pub failures: usize,
}

/// A failed attempt.
#[derive(Debug, Serialize)]
pub struct Attempt {
    /// When.
    pub at: String,
    /// Its cause.
    pub cause: Code,
    /// The error message.
    pub error: String,
}

/// A user's role now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleNow {
    /// The user.
    pub user: UserId,
    /// The role.
    pub role: String,
    /// The number of role changes so far.
    pub revocation_id: u64,
}

/// A dead letter with all that an operator needs to judge it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The dead letter.
    #[serde(flatten)]
    pub listed: Listed,
    /// Time at which the webhook arrived.
    pub received_at: String,
    /// The failures that are kept, oldest first.
    pub attempts: Vec<Attempt>,
    /// The event, without what is secret or personal.
    pub body: Value,
    /// The customer that it is about as it is now, if it is known.
    pub customer: Option<CustomerState>,
    /// The roles now of the users that it concerns.
    pub roles: Vec<RoleNow>,
    /// What a redrive would do.
    pub redrive: Prediction,
    /// The same in sentences.
    pub explanation: Vec<String>,
    /// The page of its cause.
    pub page: &'static str,
}

/// A discarded dead letter.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownDiscarded {
    /// The dead letter.
    #[serde(flatten)]
    pub listed: Listed,
    /// Who discarded it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub discarded_at: String,
    /// Until when it can be brought back.
    pub expires_at: String,
}

impl From<&DeadLetter> for Listed {
    fn from(dead_letter: &DeadLetter) -> Self {
        let DeadLetter { message, failure } = dead_letter;
        Self {
            event: message.event.clone(),
            kind: message.kind.as_str(),
            group: message.group.0.to_string(),
            cause: failure.cause,
            error: failure.last_error.clone(),
            last_at: failure.last_at.to_string(),
            failures: failure.earlier.len() + 1,
        }
    }
}

impl From<&Discarded> for ShownDiscarded {
    fn from(discarded: &Discarded) -> Self {
        Self {
            listed: (&discarded.dead_letter).into(),
            actor: discarded.act.actor().to_owned(),
            reason: discarded.act.reason().to_owned(),
            discarded_at: discarded.discarded_at.to_string(),
            expires_at: discarded.expires_at.to_string(),
        }
    }
}

fn attempts(dead_letter: &DeadLetter) -> Vec<Attempt> {
    let failure = &dead_letter.failure;
    let attempt = |at: tierlift_core::time::Timestamp, cause, error: &str| Attempt {
        at: at.to_string(),
        cause,
        error: error.to_owned(),
    };
    let earlier = failure.earlier.iter().map(|it| attempt(it.at, it.cause, &it.error));
    earlier.chain([attempt(failure.last_at, failure.cause, &failure.last_error)]).collect()
}

impl<B: Backend> Desk<B> {
    /// The oldest dead letters that a filter means, at most `max`.
    pub async fn list(&self, filter: &Filter, max: usize) -> Result<Vec<Listed>, Error> {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page =
                self.backend.dead_letters(after.as_deref(), None, DEAD_LETTERS_PAGE_MAX).await?;
            for one in &page.items {
                if listed.len() < max && self.admits(filter, one).await? {
                    listed.push(one.into());
                }
            }
            after = page.next;
            if after.is_none() || listed.len() >= max {
                return Ok(listed);
            }
        }
    }

    /// What would become of a message if it were redriven now: the worker's decision, without its commit.
    /// Stripe is not asked: of a thin event it is said what Stripe would be asked for.
    pub async fn predict(&self, message: &Message) -> Result<Prediction, Error> {
        let policy = self.policy.current();
        if message.kind == Type::Thin && policy.fetch != Fetch::Never {
            return Ok(match thin::admit(&self.backend, &policy, message).await? {
                Admitted::Asks(_, object) => {
                    Prediction::Asks { object: object.as_str().to_owned() }
                }
                Admitted::Parks(failure) => (&failure).into(),
                Admitted::Duplicate => Prediction::Duplicate,
            });
        }
        let decision = decide_only(&self.backend, &policy, message, self.clock.now()).await?;
        Ok((&decision).into())
    }

    /// One dead letter.
    pub async fn show(&self, event: &EventId) -> Result<Shown, Error> {
        let found = self.backend.get(event).await?;
        let found = found.ok_or_else(|| Error::Missing(format!("a dead letter of {event}")))?;
        let redrive = self.predict(&found.message).await?;
        let (mut users, mut customer, policy) = (BTreeSet::new(), None, self.policy.current());
        if let Some(event) = event_of(&found, &policy) {
            users.extend(event.fact.user().cloned());
            if let Some(id) = &event.customer {
                customer = self.backend.customer(id).await?;
                users.extend(customer.iter().flat_map(Customer::named_users));
            }
        }
        Ok(Shown {
            listed: (&found).into(),
            received_at: found.message.received_at.to_string(),
            attempts: attempts(&found),
            body: readable(&found.message.body),
            customer: customer.map(|customer| CustomerState::new(&customer, &policy)),
            roles: self.roles(users).await?,
            explanation: redrive.sentences(),
            redrive,
            page: found.failure.cause.page(),
        })
    }

    async fn roles(&self, users: BTreeSet<UserId>) -> Result<Vec<RoleNow>, Error> {
        let policy = self.policy.current();
        let mut roles = Vec::new();
        for user in users {
            let account = self.backend.account(&user).await?;
            let account = account
                .unwrap_or_else(|| tierlift_core::account::Account::new(user.clone(), &policy));
            let role = account.effective(&policy, self.clock.now()).role.to_string();
            roles.push(RoleNow { user, role, revocation_id: account.revocation_id.0 });
        }
        Ok(roles)
    }

    /// The newest discarded dead letters, at most [`DEAD_LETTERS_PAGE_MAX`].
    pub async fn discarded(&self) -> Result<Vec<ShownDiscarded>, Error> {
        let (mut shown, mut after) = (Vec::new(), None);
        loop {
            let max = DEAD_LETTERS_PAGE_MAX - shown.len();
            let page = self.backend.discarded(after.as_deref(), max).await?;
            shown.extend(page.items.iter().map(ShownDiscarded::from));
            after = page.next;
            if after.is_none() || shown.len() >= DEAD_LETTERS_PAGE_MAX {
                return Ok(shown);
            }
        }
    }
}
