//! A reversal: what was given back of a payment, by refunds and disputes. The policy decides whether that
//! ends access.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{fold::Arrival, latest::Latest, limits::DISPUTES_PER_PAYMENT_MAX};

/// The state of a dispute (<https://docs.stripe.com/api/disputes/object#dispute_object-status>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// An inquiry, or a dispute that was prevented or that a refund ended. It moves no money.
    Inquiry,
    /// The bank has withdrawn the money until it decides.
    Open,
    /// The merchant has won. Final.
    Won,
    /// The merchant has lost. Final.
    Lost,
}

impl DisputeStatus {
    /// Parses Stripe's name of the status. An unknown one is open, since money may be at stake.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "won" => Self::Won,
            "lost" => Self::Lost,
            // Old events have `charge_refunded`. The refund has an event of its own.
            "prevented" | "charge_refunded" => Self::Inquiry,
            text if text.starts_with("warning_") => Self::Inquiry,
            _ => Self::Open,
        }
    }

    const fn is_final(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }

    const fn takes_back(self) -> bool {
        matches!(self, Self::Open | Self::Lost)
    }
}

/// What one event reports about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// It was refunded, or a refund failed.
    Refunded {
        /// `created` of the event, in seconds since the epoch.
        at_secs: i64,
        /// Whether all of it is refunded now.
        full: bool,
    },
    /// A dispute was opened, changed or decided.
    Disputed {
        /// Stripe's id of the dispute.
        dispute: Box<str>,
        /// `created` of the event, in seconds since the epoch.
        at_secs: i64,
        /// Its state.
        status: DisputeStatus,
    },
}

/// A dispute as its latest event left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Dispute {
    at_secs: i64,
    status: DisputeStatus,
}

impl Dispute {
    /// The rank of a report: a decision counts over every other status, then the later report.
    const fn rank(self) -> (bool, i64, DisputeStatus) {
        (self.status.is_final(), self.at_secs, self.status)
    }
}

/// What was given back of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refunded: Option<Latest<bool>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    disputes: BTreeMap<Box<str>, Dispute>,
}

/// Why a report cannot be applied.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the payment has more than {DISPUTES_PER_PAYMENT_MAX} disputes")]
pub struct TooManyDisputes;

impl Reversal {
    /// Adds what an event reports.
    pub fn apply(&mut self, report: &Report) -> Result<Arrival, TooManyDisputes> {
        match report {
            Report::Refunded { at_secs, full } => {
                let latest = Latest { at_secs: *at_secs, value: *full };
                Ok(latest.merge_into(&mut self.refunded))
            }
            Report::Disputed { dispute, at_secs, status } => {
                let new = Dispute { at_secs: *at_secs, status: *status };
                if self.disputes.get(dispute).is_some_and(|known| known.rank() >= new.rank()) {
                    return Ok(Arrival::Stale);
                }
                let is_new = !self.disputes.contains_key(dispute);
                if is_new && self.disputes.len() >= DISPUTES_PER_PAYMENT_MAX {
                    return Err(TooManyDisputes);
                }
                self.disputes.insert(dispute.clone(), new);
                Ok(Arrival::Remembered)
            }
        }
    }

    /// Whether all of it is refunded.
    #[must_use]
    pub fn is_refunded(&self) -> bool {
        self.refunded.as_ref().is_some_and(|refunded| refunded.value)
    }

    /// Whether a dispute is open.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.has(DisputeStatus::Open)
    }

    /// Whether a dispute is lost.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.has(DisputeStatus::Lost)
    }

    fn has(&self, status: DisputeStatus) -> bool {
        self.disputes.values().any(|dispute| dispute.status == status)
    }

    /// The parts that can end access.
    #[must_use]
    pub fn summary(&self) -> GivenBack {
        GivenBack {
            refunded: self.is_refunded(),
            disputed: self.is_disputed(),
            lost: self.is_lost(),
        }
    }

    /// The second of the earliest report that can end access.
    #[must_use]
    pub fn since_secs(&self) -> Option<i64> {
        let refunded = self.refunded.as_ref().filter(|refunded| refunded.value);
        let taken = self.disputes.values().filter(|dispute| dispute.status.takes_back());
        let seconds = taken.map(|dispute| dispute.at_secs);
        seconds.chain(refunded.map(|refunded| refunded.at_secs)).min()
    }
}

/// The parts of a reversal that can end access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenBack {
    /// All of it is refunded.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub refunded: bool,
    /// A dispute is open.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub disputed: bool,
    /// A dispute is lost.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub lost: bool,
}

impl GivenBack {
    /// Combines several payments for one thing: refunded if all are, disputed or lost if any is.
    #[must_use]
    pub fn of_all(payments: impl IntoIterator<Item = Self>) -> Self {
        let mut payments = payments.into_iter();
        let Some(first) = payments.next() else { return Self::default() };
        payments.fold(first, |all, one| Self {
            refunded: all.refunded && one.refunded,
            disputed: all.disputed || one.disputed,
            lost: all.lost || one.lost,
        })
    }
}

#[cfg(test)]
#[path = "reversal_tests.rs"]
mod tests;
