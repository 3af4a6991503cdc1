//! What a function's environment says: read once, refused with the variable's name and what to set.
//!
//! The stack's template sets all of them; the secrets themselves are not here but in
//! [`crate::secrets`].

use std::{collections::HashMap, sync::Arc};

use tierlift_core::policy::{self, PastDue, Policy, PolicyConfig, UnmappedPrice};

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable is missing.
    #[error("{name} is not set; set it to {meaning}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it should be.
        meaning: &'static str,
    },
    /// A variable cannot be meant.
    #[error("{name} is {value:?}; allowed: {allowed}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// The policy is refused as a whole.
    #[error(transparent)]
    Policy(#[from] policy::Error),
}

/// The variables of a process, or of a test.
#[derive(Clone, Debug, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Self {
        // A name that is no text is none of ours.
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(readable).collect())
    }

    /// The value of a variable that is set to something.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value of a variable that must be set; `meaning` is for the error.
    pub fn need(&self, name: &'static str, meaning: &'static str) -> Result<&str, Error> {
        self.get(name).ok_or(Error::Missing { name, meaning })
    }

    /// The table of customers, accounts, ledger and connections.
    pub fn table(&self) -> Result<&str, Error> {
        self.need("TIERLIFT_TABLE", "the name of the DynamoDB table")
    }

    /// The queue between ingest and worker.
    pub fn queue_url(&self) -> Result<&str, Error> {
        self.need("TIERLIFT_QUEUE_URL", "the address of the SQS FIFO queue")
    }

    /// Where dead letters are.
    pub fn dead_letter_queue_url(&self) -> Result<&str, Error> {
        let meaning = "the address of the SQS FIFO queue for dead letters";
        self.need("TIERLIFT_DEAD_LETTER_QUEUE_URL", meaning)
    }

    /// Where API Gateway takes frames for its sockets.
    pub fn connections_endpoint(&self) -> Result<&str, Error> {
        let meaning = "the https address of the WebSocket API with its stage";
        self.need("TIERLIFT_CONNECTIONS_ENDPOINT", meaning)
    }

    /// Where an issuer's key set is, if tokens are another's.
    #[must_use]
    pub fn jwks_url(&self) -> Option<&str> {
        self.get("TIERLIFT_JWKS_URL")
    }

    /// Origins whose pages may open sockets.
    pub fn allowed_origins(&self) -> impl Iterator<Item = &str> {
        list(self.get("TIERLIFT_ALLOWED_ORIGINS").unwrap_or_default())
    }

    /// What earns what.
    pub fn policy(&self) -> Result<Arc<Policy>, Error> {
        let draft = PolicyConfig {
            roles: list(self.get("TIERLIFT_ROLES").unwrap_or("free,paid"))
                .map(str::to_owned)
                .collect(),
            plans: self.plans()?,
            livemode: self.word(
                "TIERLIFT_LIVEMODE",
                "true or false",
                &[("false", false), ("true", true)],
            )?,
            past_due: self.word(
                "TIERLIFT_PAST_DUE",
                "keep or revoke",
                &[("keep", PastDue::Keep), ("revoke", PastDue::Revoke)],
            )?,
            grace_days: self.grace_days()?,
            unmapped_price: self.word(
                "TIERLIFT_UNMAPPED_PRICE",
                "park or ignore",
                &[("park", UnmappedPrice::Park), ("ignore", UnmappedPrice::Ignore)],
            )?,
        };
        Ok(Arc::new(Policy::new(draft)?))
    }

    fn plans(&self) -> Result<Vec<(String, String)>, Error> {
        const NAME: &str = "TIERLIFT_PLANS";
        let plan = |text: &str| {
            let (plan, role) = text.split_once('=')?;
            let (plan, role) = (plan.trim(), role.trim());
            (!plan.is_empty() && !role.is_empty()).then(|| (plan.to_owned(), role.to_owned()))
        };
        let invalid = |value: &str| Error::Invalid {
            name: NAME,
            value: value.to_owned(),
            allowed: "a list such as price_a=paid,prod_b=paid",
        };
        list(self.get(NAME).unwrap_or_default())
            .map(|text| plan(text).ok_or_else(|| invalid(text)))
            .collect()
    }

    fn grace_days(&self) -> Result<u32, Error> {
        const NAME: &str = "TIERLIFT_GRACE_DAYS";
        let text = self.get(NAME).unwrap_or("3");
        text.parse().map_err(|_| Error::Invalid {
            name: NAME,
            value: text.to_owned(),
            allowed: "a whole number of days",
        })
    }

    /// One of some words; the first where the variable is not set.
    fn word<T: Copy>(
        &self,
        name: &'static str,
        allowed: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, Error> {
        let found = match self.get(name) {
            None => words.first(),
            Some(text) => words.iter().find(|(word, _)| *word == text),
        };
        let invalid = || Error::Invalid {
            name,
            value: self.get(name).unwrap_or_default().to_owned(),
            allowed,
        };
        found.map(|(_, meaning)| *meaning).ok_or_else(invalid)
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_that_of_the_configuration_file_in_other_clothes() {
        let policy = Environment::from([
            ("TIERLIFT_ROLES", "free, paid ,team"),
            ("TIERLIFT_PLANS", "price_a=paid, prod_b = team,"),
            ("TIERLIFT_LIVEMODE", "true"),
            ("TIERLIFT_PAST_DUE", "revoke"),
            ("TIERLIFT_GRACE_DAYS", "0"),
            ("TIERLIFT_UNMAPPED_PRICE", "ignore"),
        ])
        .policy()
        .unwrap();
        let roles: Vec<_> = policy.roles().map(policy::Role::as_str).collect();
        assert_eq!(roles, ["free", "paid", "team", "operator"]);
        assert!(policy.livemode && policy.has_plans());
        assert_eq!((policy.past_due, policy.grace_days), (PastDue::Revoke, 0));
        assert_eq!(policy.unmapped_price, UnmappedPrice::Ignore);
    }

    #[test]
    fn what_is_not_set_has_its_usual_meaning() {
        let policy = Environment::from([("TIERLIFT_ROLES", "")]).policy().unwrap();
        assert_eq!(policy.lowest().as_str(), "free");
        assert!(!policy.livemode && !policy.has_plans());
        assert_eq!((policy.past_due, policy.grace_days), (PastDue::Keep, 3));
        assert_eq!(policy.unmapped_price, UnmappedPrice::Park);
    }

    #[test]
    fn what_cannot_be_meant_is_named_with_what_is_allowed() {
        for (name, value, words) in [
            ("TIERLIFT_LIVEMODE", "yes", "TIERLIFT_LIVEMODE is \"yes\"; allowed: true or false"),
            ("TIERLIFT_GRACE_DAYS", "-1", "TIERLIFT_GRACE_DAYS is \"-1\"; allowed: a whole number"),
            ("TIERLIFT_GRACE_DAYS", "91", "grace_days is at most 90"),
            ("TIERLIFT_PLANS", "price_a", "TIERLIFT_PLANS is \"price_a\"; allowed: a list such as"),
            ("TIERLIFT_PLANS", "price_a=gold", "earns role \"gold\", which is not one of roles"),
            ("TIERLIFT_ROLES", "a,a", "role \"a\" is not usable"),
        ] {
            let error = Environment::from([(name, value)]).policy().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let error = Environment::default().table().unwrap_err().to_string();
        assert_eq!(error, "TIERLIFT_TABLE is not set; set it to the name of the DynamoDB table");
    }
}
