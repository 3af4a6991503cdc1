//! A reconciliation: everything that Stripe lists is compared with what is stored. What differs is observed.
//!
//! The first one is the import. How far it has come is stored, so a process that was killed continues there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    id::CustomerId,
    limits::{RECONCILE_INTERVAL_SECS, RECONCILED_LISTED_MAX},
    observation::Because,
    time::Timestamp,
};

/// What is listed, in this order: a subscription finds its customer known, and a refund what it is of. Events are
/// listed at the end, and only to find out why something had to be fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listed {
    /// Customers.
    Customers,
    /// Subscriptions of every status.
    Subscriptions,
    /// Completed Checkout Sessions.
    CheckoutSessions,
    /// Refunds.
    Refunds,
    /// Disputes.
    Disputes,
    /// Events of the relevant types, in parts, since Stripe lists events of a few types at a time.
    Events {
        /// The part.
        part: usize,
    },
}

impl Listed {
    /// The next list; after the last part of the events there is another one, without types.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Customers => Self::Subscriptions,
            Self::Subscriptions => Self::CheckoutSessions,
            Self::CheckoutSessions => Self::Refunds,
            Self::Refunds => Self::Disputes,
            Self::Disputes => Self::Events { part: 0 },
            Self::Events { part } => Self::Events { part: part + 1 },
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Subscriptions => "subscriptions",
            Self::CheckoutSessions => "checkout sessions",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::Events { .. } => "events",
        }
    }
}

/// Where the next page starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The list.
    pub list: Listed,
    /// The object behind which it starts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<String>,
}

/// A reconciliation, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// [`Because::Import`] or [`Because::Reconcile`].
    pub because: Because,
    /// Time at which it began.
    pub begun_at: Timestamp,
    /// Where it goes on; `None` when everything was listed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<Place>,
    /// Time at which it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_at: Option<Timestamp>,
    /// What it has found so far.
    pub report: Report,
}

impl Reconciliation {
    /// One that begins.
    #[must_use]
    pub fn new(because: Because, begun_at: Timestamp) -> Self {
        let next = Some(Place { list: Listed::Customers, after: None });
        Self { because, begun_at, next, ended_at: None, report: Report::default() }
    }

    /// The one to go on with: an unfinished one, or none if the last one is recent. The first is the import.
    #[must_use]
    pub fn due(latest: Option<Self>, now: Timestamp) -> Option<Self> {
        match latest {
            None => Some(Self::new(Because::Import, now)),
            Some(latest) if latest.ended_at.is_none() => Some(latest),
            Some(latest) if latest.begun_at.plus_secs(RECONCILE_INTERVAL_SECS) <= now => {
                Some(Self::new(Because::Reconcile, now))
            }
            Some(_) => None,
        }
    }

    /// The one that somebody asks for. One of its kind that is unfinished goes on, and so does an unfinished import,
    /// which is more.
    #[must_use]
    pub fn asked_for(because: Because, latest: Option<Self>, now: Timestamp) -> Self {
        let goes_on = |latest: &Self| {
            latest.ended_at.is_none() && [because, Because::Import].contains(&latest.because)
        };
        latest.filter(goes_on).unwrap_or_else(|| Self::new(because, now))
    }
}

/// What a reconciliation found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Pages that were read.
    pub pages: u64,
    /// Objects that were compared.
    pub checked: u64,
    /// Those of which the accounts already said the same.
    pub right: u64,
    /// Those by which an account changes.
    pub fixed: u64,
    /// Those that earn something for nobody, since no user is known.
    pub unowned: u64,
    /// Those that could not be applied, and are dead letters.
    pub parked: u64,
    /// Prices that no plan names, each with the number of its subscriptions.
    pub unmapped: BTreeMap<String, u64>,
    /// Customers of what is fixed; the first [`RECONCILED_LISTED_MAX`] of them.
    pub customers: BTreeSet<CustomerId>,
    /// Of these, those for whom a webhook never came.
    pub never_came: u64,
    /// Of these, those for whom a webhook came and is a dead letter.
    pub came_and_failed: u64,
    /// What became of the webhooks of these, as far as it is known.
    #[serde(default)]
    pub webhooks: BTreeMap<CustomerId, Webhook>,
    /// Pages of events that were read to find that out.
    #[serde(default)]
    pub event_pages: u64,
}

/// What became of a webhook that should have changed what had to be fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Webhook {
    /// It never came.
    NeverCame,
    /// It came and is a dead letter.
    Failed,
}

impl Report {
    /// Notes that something of a customer is fixed.
    pub fn note_fixed(&mut self, customer: Option<CustomerId>) {
        self.fixed += 1;
        if self.customers.len() < RECONCILED_LISTED_MAX {
            self.customers.extend(customer);
        }
    }

    /// Notes what became of a webhook of a customer of what is fixed. One that failed says more than one that
    /// never came.
    pub fn note_webhook(&mut self, customer: CustomerId, found: Webhook) {
        let known = self.webhooks.entry(customer).or_insert(found);
        *known = found.max(*known);
        let count = |wanted| {
            let count = self.webhooks.values().filter(|found| **found == wanted).count();
            u64::try_from(count).unwrap_or(u64::MAX)
        };
        (self.never_came, self.came_and_failed) =
            (count(Webhook::NeverCame), count(Webhook::Failed));
    }

    /// Leaves out which customers and prices it is about: all that may be large. The counts stay.
    pub fn forget_names(&mut self) {
        self.customers.clear();
        self.webhooks.clear();
        self.unmapped.clear();
    }

    /// Notes a price that no plan names.
    pub fn note_unmapped(&mut self, price: String) {
        if self.unmapped.len() < RECONCILED_LISTED_MAX || self.unmapped.contains_key(&price) {
            *self.unmapped.entry(price).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unfinished_one_goes_on_and_a_finished_one_is_repeated_after_a_day() {
        let at = Timestamp::from_secs;
        let mut first = Reconciliation::due(None, at(0)).unwrap();
        assert_eq!(first.because, Because::Import);
        first.next = Some(Place { list: Listed::Refunds, after: Some("re_1".into()) });
        let json = serde_json::to_string(&first).unwrap();
        assert_eq!(serde_json::from_str::<Reconciliation>(&json).unwrap(), first);
        assert_eq!(Reconciliation::due(Some(first.clone()), at(9)), Some(first.clone()));
        first.ended_at = Some(at(10));
        assert_eq!(Reconciliation::due(Some(first.clone()), at(RECONCILE_INTERVAL_SECS - 1)), None);
        let next = Reconciliation::due(Some(first), at(RECONCILE_INTERVAL_SECS)).unwrap();
        assert_eq!((next.because, next.report.checked), (Because::Reconcile, 0));
    }

    #[test]
    fn what_is_asked_for_goes_on_where_it_was_and_forgets_no_import() {
        use Because::{Import, Reconcile};
        let at = Timestamp::from_secs;
        for (latest, ended_at, wanted, goes_on) in [
            (Import, None, Import, true),
            (Import, None, Reconcile, true),
            (Reconcile, None, Reconcile, true),
            (Reconcile, None, Import, false),
            (Import, Some(at(5)), Import, false),
            (Reconcile, Some(at(5)), Reconcile, false),
        ] {
            let latest = Reconciliation { ended_at, ..Reconciliation::new(latest, at(1)) };
            let asked = Reconciliation::asked_for(wanted, Some(latest.clone()), at(9));
            let expected = if goes_on { latest } else { Reconciliation::new(wanted, at(9)) };
            assert_eq!(asked, expected);
        }
        assert_eq!(Reconciliation::asked_for(Import, None, at(9)).begun_at, at(9));
    }

    #[test]
    fn a_place_among_the_events_is_kept_and_older_records_are_read() {
        let mut state = Reconciliation::new(Because::Reconcile, Timestamp::from_secs(0));
        state.next = Some(Place { list: Listed::Disputes.next().next(), after: None });
        state.report.note_webhook(CustomerId::new("cus_1").unwrap(), Webhook::NeverCame);
        let mut json = serde_json::to_value(&state).unwrap();
        assert_eq!(json["next"]["list"], serde_json::json!({ "events": { "part": 1 } }));
        assert_eq!(serde_json::from_value::<Reconciliation>(json.clone()).unwrap(), state);
        let report = json["report"].as_object_mut().unwrap();
        report.retain(|name, _| name != "webhooks" && name != "event_pages");
        state.report.webhooks.clear();
        assert_eq!(serde_json::from_value::<Reconciliation>(json).unwrap(), state);
    }

    #[test]
    fn a_webhook_that_failed_says_more_than_one_that_never_came() {
        let mut report = Report::default();
        let [ada, bob] = ["cus_ada", "cus_bob"].map(|id| CustomerId::new(id).unwrap());
        for (customer, found) in [
            (&ada, Webhook::NeverCame),
            (&bob, Webhook::NeverCame),
            (&ada, Webhook::Failed),
            (&ada, Webhook::NeverCame),
        ] {
            report.note_webhook(customer.clone(), found);
        }
        assert_eq!((report.never_came, report.came_and_failed), (1, 1));
        report.forget_names();
        assert_eq!((report.never_came, report.came_and_failed, report.webhooks.len()), (1, 1, 0));
    }
}
