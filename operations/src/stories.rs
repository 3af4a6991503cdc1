//! Whole stories: of an event, of a customer, of a user, and of what was done by hand.

use serde::Serialize;
use tierlift_core::{
    account::Account,
    codes::Code,
    customer::Customer,
    explain::{RoleExplanation, RoleStep, explain_role},
    id::{CustomerId, EventId, UserId},
    ledger::{Act, LedgerEntry},
    limits::{LEDGER_PAGE_MAX, POLICY_PAGE_ROWS_MAX},
    ports::LedgerFilter,
};

use crate::{Backend, CustomerState, Desk, Error, Shown};

/// A row of the ledger.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The event.
    pub event: EventId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its customer.
    pub customer: Option<CustomerId>,
    /// The outcome.
    pub outcome: &'static str,
    /// Why it earned less than it could.
    pub cause: Option<Code>,
    /// The users whose accounts it concerned.
    pub owners: Vec<RoleStep>,
    /// Who did it, if somebody did it by hand.
    pub actor: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Stripe's time of the event.
    pub created_at: String,
    /// Time of processing.
    pub processed_at: String,
}

/// Rows of the ledger, newest first.
#[derive(Debug, Serialize)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where to go on; nothing at the end.
    pub next: Option<String>,
}

/// The story of an event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventStory {
    /// What it did, if it was applied.
    pub ledger: Option<Row>,
    /// Why it was not, if it is a dead letter.
    pub dead_letter: Option<Shown>,
}

/// The story of a customer.
#[derive(Debug, Serialize)]
pub struct CustomerStory {
    /// The customer as it is now.
    #[serde(flatten)]
    pub state: CustomerState,
    /// Its latest events, newest first.
    pub events: Vec<Row>,
}

impl From<LedgerEntry> for Row {
    fn from(entry: LedgerEntry) -> Self {
        Self {
            kind: entry.kind.as_str(),
            outcome: entry.outcome.as_str(),
            actor: entry.act.as_ref().map(Act::actor).map(str::to_owned),
            reason: entry.act.as_ref().map(Act::reason).map(str::to_owned),
            created_at: entry.created.to_string(),
            processed_at: entry.processed_at.to_string(),
            event: entry.event,
            customer: entry.customer,
            cause: entry.cause,
            owners: entry.owners.iter().map(Into::into).collect(),
        }
    }
}

impl<B: Backend> Desk<B> {
    /// The story of an event.
    pub async fn event(&self, event: &EventId) -> Result<EventStory, Error> {
        let ledger = self.backend.ledger(event).await?.map(Row::from);
        let dead_letter = match self.show(event).await {
            Ok(shown) => Some(shown),
            Err(Error::Missing(_)) => None,
            Err(error) => return Err(error),
        };
        if ledger.is_none() && dead_letter.is_none() {
            return Err(Error::Missing(format!("event {event}")));
        }
        Ok(EventStory { ledger, dead_letter })
    }

    /// The story of a customer.
    pub async fn customer(&self, id: &CustomerId) -> Result<CustomerStory, Error> {
        let customer = self.backend.customer(id).await?;
        let customer = customer.ok_or_else(|| Error::Missing(format!("customer {id}")))?;
        let filter = LedgerFilter { customer: Some(id.clone()), ..LedgerFilter::default() };
        let state = CustomerState::new(&customer, &self.policy.current());
        Ok(CustomerStory { state, events: self.ledger(&filter, None).await?.rows })
    }

    /// Why a user has their role.
    pub async fn explain(&self, user: &UserId) -> Result<RoleExplanation, Error> {
        let policy = self.policy.current();
        let account = self.backend.account(user).await?;
        let account = account.unwrap_or_else(|| Account::new(user.clone(), &policy));
        let customers = self.customers_of(user).await?;
        Ok(explain_role(&account, &customers, &policy, self.clock.now()))
    }

    /// Every customer that names a user.
    async fn customers_of(&self, user: &UserId) -> Result<Vec<Customer>, Error> {
        self.customers_where(|customer| customer.named_users().contains(user)).await
    }

    /// The customers that are meant. There is no index of them, so all are looked at, page by page.
    pub(crate) async fn customers_where(
        &self,
        is_meant: impl Fn(&Customer) -> bool,
    ) -> Result<Vec<Customer>, Error> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.backend.customers(after.as_deref(), POLICY_PAGE_ROWS_MAX).await?;
            found.extend(page.items.into_iter().filter(&is_meant));
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Rows of the ledger, newest first.
    pub async fn ledger(&self, filter: &LedgerFilter, before: Option<&str>) -> Result<Rows, Error> {
        let page = self.backend.ledger_page(filter, before, LEDGER_PAGE_MAX).await?;
        Ok(Rows { rows: page.items.into_iter().map(Into::into).collect(), next: page.next })
    }
}
