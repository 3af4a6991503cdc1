//! Explanations for operators, each from values that were decided and nothing else: what an event would
//! change, and why a user has their role.

mod role;

use serde::Serialize;

use crate::{
    codes::Code,
    decide::{Commit, Decision},
    failure::Failure,
    id::{RevocationId, UserId},
    ledger::{Outcome, Owner},
    policy::Role,
};

pub use role::{Ending, NotCounting, RoleExplanation, Source, explain_role};

/// A user's role before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleStep {
    /// The user.
    pub user: UserId,
    /// The role before.
    pub from_role: Role,
    /// The role after.
    pub to_role: Role,
    /// The revocation id after.
    pub revocation_id: RevocationId,
}

impl From<&Owner> for RoleStep {
    fn from(owner: &Owner) -> Self {
        let Owner { user, from_role, to_role, revocation_id } = owner.clone();
        Self { user, from_role, to_role, revocation_id }
    }
}

/// What would become of an event, as decided without a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "result")]
pub enum Prediction {
    /// It would be applied.
    #[serde(rename_all = "camelCase")]
    Applies {
        /// The outcome in the ledger.
        outcome: Outcome,
        /// Why it would earn less than it could, if it does.
        cause: Option<Code>,
        /// The users whose accounts it concerns, with their roles before and after.
        owners: Vec<RoleStep>,
        /// How many users would be notified.
        notices: usize,
    },
    /// The ledger has the event already: it would change nothing.
    Duplicate,
    /// It would fail again.
    Fails {
        /// The cause.
        cause: Code,
        /// The error message.
        error: String,
    },
    /// It is a thin event: Stripe would be asked for an object, and the answer applied.
    Asks {
        /// The object's id.
        object: String,
    },
    /// What it depends on changes faster than it can be followed.
    Moving,
}

impl From<&Commit> for Prediction {
    fn from(commit: &Commit) -> Self {
        Self::Applies {
            outcome: commit.ledger.outcome,
            cause: commit.ledger.cause,
            owners: commit.ledger.owners.iter().map(Into::into).collect(),
            notices: commit.changes.len(),
        }
    }
}

impl From<&Failure> for Prediction {
    fn from(failure: &Failure) -> Self {
        Self::Fails { cause: failure.cause, error: failure.error.clone() }
    }
}

impl From<&Decision> for Prediction {
    fn from(decision: &Decision) -> Self {
        match decision {
            Decision::Commit(commit) => (&**commit).into(),
            Decision::Duplicate => Self::Duplicate,
            Decision::Load(_) => Self::Moving,
            Decision::Park(failure) => failure.into(),
        }
    }
}

impl Prediction {
    /// The prediction in sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        match self {
            Self::Applies { outcome, cause, owners, notices } => {
                let mut sentences: Vec<_> = owners.iter().map(owner_sentence).collect();
                if let (true, Some(sentence)) = (owners.is_empty(), unowned(*outcome)) {
                    sentences.push(sentence.to_owned());
                }
                if *outcome == Outcome::Stale {
                    sentences.push("It is older than what is settled and changes nothing.".into());
                }
                if let Some(cause) = cause {
                    sentences.push(format!("It earns less than it could: {cause}."));
                }
                if *notices > 0 {
                    let users = if *notices == 1 { "user is" } else { "users are" };
                    sentences.push(format!("{notices} {users} notified."));
                }
                sentences
            }
            Self::Duplicate => vec!["The event was applied before; nothing changes.".to_owned()],
            Self::Fails { cause, error } => vec![format!("It fails again: {cause}: {error}.")],
            Self::Asks { object } => {
                vec![format!("Stripe is asked for {object}, and what it answers is applied.")]
            }
            Self::Moving => {
                vec!["What it depends on is changing at this moment; ask again.".to_owned()]
            }
        }
    }

    /// Whether the event would leave the dead letters, as far as that is known.
    #[must_use]
    pub const fn leaves(&self) -> bool {
        matches!(self, Self::Applies { .. } | Self::Duplicate | Self::Asks { .. })
    }
}

fn owner_sentence(owner: &RoleStep) -> String {
    let RoleStep { user, from_role, to_role, revocation_id } = owner;
    if from_role == to_role {
        return format!("{user} stays {to_role}.");
    }
    format!("{user} goes from {from_role} to {to_role} (revocation id {}).", revocation_id.0)
}

const fn unowned(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Waiting => Some("It is recorded and waits, since nobody knows whose it is."),
        Outcome::Unrelated => Some("It bears on no access."),
        Outcome::Applied | Outcome::Confirmed => Some("It is recorded and concerns no user."),
        Outcome::Stale => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_is_told_in_sentences() {
        let owner = |user: &str, to: &str| RoleStep {
            user: UserId::new(user).unwrap(),
            from_role: Role::new("free"),
            to_role: Role::new(to),
            revocation_id: RevocationId(7),
        };
        let applies = |outcome, owners: Vec<RoleStep>| {
            let notices = owners.iter().filter(|owner| owner.from_role != owner.to_role).count();
            Prediction::Applies { outcome, cause: None, owners, notices }
        };
        let fails = Prediction::Fails { cause: Code::PlanUnmapped, error: "no role".to_owned() };
        for (prediction, leaves, sentences) in [
            (
                applies(Outcome::Applied, vec![owner("ada", "paid"), owner("bob", "free")]),
                true,
                "ada goes from free to paid (revocation id 7). bob stays free. 1 user is notified.",
            ),
            (
                applies(Outcome::Waiting, vec![]),
                true,
                "It is recorded and waits, since nobody knows whose it is.",
            ),
            (
                applies(Outcome::Stale, vec![]),
                true,
                "It is older than what is settled and changes nothing.",
            ),
            (Prediction::Duplicate, true, "The event was applied before; nothing changes."),
            (fails, false, "It fails again: plan.unmapped: no role."),
            (
                Prediction::Asks { object: "sub_1".to_owned() },
                true,
                "Stripe is asked for sub_1, and what it answers is applied.",
            ),
        ] {
            assert_eq!(prediction.sentences().join(" "), sentences);
            assert_eq!(prediction.leaves(), leaves);
        }
    }
}
