//! The words of a policy: settings that have one of a few values.

use serde::Serialize;

use crate::{config::words, reversal::GivenBack, subscription::PauseBehavior};

words! {
    /// What `past_due` means for access.
    PastDue, "\"keep\" or \"revoke\"", [
        /// `keep`: access lasts for the days of grace, counted from when the subscription became past due.
        Keep = "keep",
        /// `revoke`: access ends at once.
        Revoke = "revoke",
    ]
}

words! {
    /// What to do with a live subscription none of whose prices is in the plan map.
    UnmappedPrice, "\"park\" or \"ignore\"", [
        /// `park`: the event becomes a dead letter. Somebody paid for something that the plan map does
        /// not name, and gets it once the map does.
        Park = "park",
        /// `ignore`: the subscription earns nothing, by intent.
        Ignore = "ignore",
    ]
}

words! {
    /// Whether access is kept.
    Access, "\"keep\" or \"revoke\"", [
        /// `keep`: it is.
        Keep = "keep",
        /// `revoke`: it ends at once.
        Revoke = "revoke",
    ]
}

words! {
    /// What a dispute means for access.
    OnDispute, "\"keep\", \"revoke\" or \"revoke_when_lost\"", [
        /// `keep`: nothing.
        Keep = "keep",
        /// `revoke`: access ends while a dispute is open, and permanently if it is lost.
        Revoke = "revoke",
        /// `revoke_when_lost`: access ends when a dispute is lost.
        RevokeWhenLost = "revoke_when_lost",
    ]
}

words! {
    /// How several purchases of a role for some days add up.
    Stack, "\"extend\" or \"longest\"", [
        /// `extend`: each one begins when the one before it ends.
        Extend = "extend",
        /// `longest`: the one that ends last counts.
        Longest = "longest",
    ]
}

/// What paused collection means for access, for each behavior of `pause_collection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PauseCollection {
    /// Invoices are kept as drafts.
    pub keep_as_draft: Access,
    /// Invoices are marked uncollectible.
    pub mark_uncollectible: Access,
    /// Invoices are voided.
    pub void: Access,
}

impl PauseCollection {
    /// The same for every behavior.
    #[must_use]
    pub const fn all(access: Access) -> Self {
        Self { keep_as_draft: access, mark_uncollectible: access, void: access }
    }

    /// Whether access ends by that behavior. One that Stripe added later keeps it.
    #[must_use]
    pub const fn revokes(self, behavior: PauseBehavior) -> bool {
        let access = match behavior {
            PauseBehavior::KeepAsDraft => self.keep_as_draft,
            PauseBehavior::MarkUncollectible => self.mark_uncollectible,
            PauseBehavior::Void => self.void,
            PauseBehavior::Other => Access::Keep,
        };
        matches!(access, Access::Revoke)
    }
}

/// What refunds and disputes mean for what was paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OnReversal {
    /// When all of a payment is refunded.
    pub refund: Access,
    /// When a payment is disputed.
    pub dispute: OnDispute,
}

impl OnReversal {
    /// Whether access ends by what was given back.
    #[must_use]
    pub const fn revokes(self, given_back: GivenBack) -> bool {
        let by_refund = given_back.refunded && matches!(self.refund, Access::Revoke);
        let by_dispute = match self.dispute {
            OnDispute::Keep => false,
            OnDispute::Revoke => given_back.disputed || given_back.lost,
            OnDispute::RevokeWhenLost => given_back.lost,
        };
        by_refund || by_dispute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parsed_and_written_alike() {
        for value in OnDispute::ALL {
            assert_eq!(value.as_str().parse(), Ok(*value));
        }
        for value in Stack::ALL {
            assert_eq!(value.as_str().parse(), Ok(*value));
        }
        let error = "kep".parse::<PastDue>().unwrap_err().to_string();
        assert_eq!(error, "is \"kep\"; allowed: \"keep\" or \"revoke\"");
        let error = "drop".parse::<UnmappedPrice>().unwrap_err().to_string();
        assert_eq!(error, "is \"drop\"; allowed: \"park\" or \"ignore\"");
    }

    #[test]
    fn a_dispute_ends_access_by_the_policy() {
        let open = GivenBack { disputed: true, ..GivenBack::default() };
        let lost = GivenBack { lost: true, ..GivenBack::default() };
        let on = |dispute| OnReversal { refund: Access::Keep, dispute };
        for (dispute, given_back, revokes) in [
            (OnDispute::Keep, lost, false),
            (OnDispute::Revoke, open, true),
            (OnDispute::Revoke, lost, true),
            (OnDispute::RevokeWhenLost, open, false),
            (OnDispute::RevokeWhenLost, lost, true),
        ] {
            assert_eq!(on(dispute).revokes(given_back), revokes, "{dispute:?} {given_back:?}");
        }
    }
}
