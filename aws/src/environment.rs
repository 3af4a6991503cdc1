//! The environment variables of a function: read at its start, and refused with the variable's name
//! and what to set.
//!
//! The stack's template sets all of them. Secrets are not among them: see [`crate::secrets`]. The
//! rules of each value are core's; this only maps variables to keys.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use tierlift_core::{
    config::{Fault, JwksUrl, Key, Origin, ValueError, parse_grace_days, parse_livemode},
    policy::{Policy, PolicyConfig},
};

const ROLES: &str = "TIERLIFT_ROLES";
const PLANS: &str = "TIERLIFT_PLANS";
const LIVEMODE: &str = "TIERLIFT_LIVEMODE";
const PAST_DUE: &str = "TIERLIFT_PAST_DUE";
const GRACE_DAYS: &str = "TIERLIFT_GRACE_DAYS";
const UNMAPPED_PRICE: &str = "TIERLIFT_UNMAPPED_PRICE";
const ALLOWED_ORIGINS: &str = "TIERLIFT_ALLOWED_ORIGINS";
const JWKS_URL: &str = "TIERLIFT_JWKS_URL";

/// The reason why a function cannot start.
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
    /// A variable of a format that only functions have.
    #[error("{name} is {value:?}; allowed: {allowed}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// The values that are allowed.
        allowed: &'static str,
    },
    /// Values that their keys do not allow: each line names its variable.
    #[error("{}", .0.iter().map(in_variable).collect::<Vec<_>>().join("\n"))]
    Values(Vec<Fault>),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Values(vec![fault])
    }
}

fn in_variable(fault: &Fault) -> String {
    format!("{}: {fault}", variable(&fault.key))
}

/// The variable that sets a key.
const fn variable(key: &Key) -> &'static str {
    match key {
        Key::Roles | Key::Role(_) => ROLES,
        Key::Livemode => LIVEMODE,
        Key::AllowedOrigins | Key::AllowedOrigin(_) => ALLOWED_ORIGINS,
        Key::JwksUrl => JWKS_URL,
        Key::Plans | Key::Plan(_) => PLANS,
        Key::Policy | Key::PastDue => PAST_DUE,
        Key::GraceDays => GRACE_DAYS,
        Key::UnmappedPrice => UNMAPPED_PRICE,
    }
}

/// The variables of a process, or of a test.
#[derive(Clone, Debug, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        // tierlift's own variables are text; others do not matter.
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(readable).collect())
    }

    /// The value of a variable, if it is set and not blank.
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

    /// The queue of dead letters.
    pub fn dead_letter_queue_url(&self) -> Result<&str, Error> {
        let meaning = "the address of the SQS FIFO queue for dead letters";
        self.need("TIERLIFT_DEAD_LETTER_QUEUE_URL", meaning)
    }

    /// The endpoint at which API Gateway accepts frames for its sockets.
    pub fn connections_endpoint(&self) -> Result<&str, Error> {
        let meaning = "the https address of the WebSocket API with its stage";
        self.need("TIERLIFT_CONNECTIONS_ENDPOINT", meaning)
    }

    /// The address of the issuer's key set, if somebody else issues the tokens.
    pub fn jwks_url(&self) -> Result<Option<JwksUrl>, Error> {
        Ok(self.get(JWKS_URL).map(|text| value(Key::JwksUrl, text)).transpose()?)
    }

    /// Origins whose pages may open sockets.
    pub fn allowed_origins(&self) -> Result<Vec<Origin>, Error> {
        let origins = list(self.get(ALLOWED_ORIGINS).unwrap_or_default()).enumerate();
        Ok(origins
            .map(|(index, text)| value(Key::AllowedOrigin(index), text))
            .collect::<Result<_, _>>()?)
    }

    /// The policy: what is not set has its default.
    pub fn policy(&self) -> Result<Arc<Policy>, Error> {
        let mut faults = Vec::new();
        let mut config = PolicyConfig { plans: self.plans()?, ..PolicyConfig::default() };
        if let Some(roles) = self.get(ROLES) {
            config.roles = list(roles).map(str::to_owned).collect();
        }
        faults.extend(self.set(Key::Livemode, &mut config.livemode, parse_livemode));
        faults.extend(self.set(Key::PastDue, &mut config.past_due, str::parse));
        faults.extend(self.set(Key::GraceDays, &mut config.grace_days, parse_grace_days));
        faults.extend(self.set(Key::UnmappedPrice, &mut config.unmapped_price, str::parse));
        faults.extend(config.faults());
        if !faults.is_empty() {
            return Err(Error::Values(faults));
        }
        Policy::new(config).map(Arc::new).map_err(|faults| Error::Values(faults.0))
    }

    /// Sets a value whose variable is set.
    fn set<T>(
        &self,
        key: Key,
        to: &mut T,
        parse: impl Fn(&str) -> Result<T, ValueError>,
    ) -> Option<Fault> {
        match parse(self.get(variable(&key))?) {
            Ok(value) => *to = value,
            Err(error) => return Some(error.at(key)),
        }
        None
    }

    fn plans(&self) -> Result<Vec<(String, String)>, Error> {
        let plan = |text: &str| {
            let (plan, role) = text.split_once('=')?;
            let (plan, role) = (plan.trim(), role.trim());
            (!plan.is_empty() && !role.is_empty()).then(|| (plan.to_owned(), role.to_owned()))
        };
        let invalid = |text: &str| Error::Invalid {
            name: PLANS,
            value: text.to_owned(),
            allowed: "a list such as price_a=paid,prod_b=paid",
        };
        list(self.get(PLANS).unwrap_or_default())
            .map(|text| plan(text).ok_or_else(|| invalid(text)))
            .collect()
    }
}

fn value<T: FromStr<Err = ValueError>>(key: Key, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|error: ValueError| error.at(key))
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
    use tierlift_core::policy::{PastDue, Role, UnmappedPrice};

    use super::*;

    #[test]
    fn every_key_of_the_policy_has_a_variable() {
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
        let roles: Vec<_> = policy.roles().map(Role::as_str).collect();
        assert_eq!(roles, ["free", "paid", "team", "operator"]);
        assert!(policy.livemode && policy.has_plans());
        assert_eq!((policy.past_due, policy.grace_days), (PastDue::Revoke, 0));
        assert_eq!(policy.unmapped_price, UnmappedPrice::Ignore);
    }

    #[test]
    fn a_variable_that_is_not_set_means_the_default() {
        let policy = Environment::from([("TIERLIFT_ROLES", "")]).policy().unwrap();
        assert_eq!(policy.lowest().as_str(), "free");
        assert!(!policy.livemode && !policy.has_plans());
        assert_eq!((policy.past_due, policy.grace_days), (PastDue::Keep, 3));
        assert_eq!(policy.unmapped_price, UnmappedPrice::Park);
    }

    #[test]
    fn a_wrong_value_is_reported_with_its_variable_and_what_is_allowed() {
        for (name, value, message) in [
            ("TIERLIFT_LIVEMODE", "yes", "livemode is \"yes\"; allowed: true or false"),
            ("TIERLIFT_GRACE_DAYS", "-1", "policy.grace_days is -1; allowed: a whole number"),
            ("TIERLIFT_GRACE_DAYS", "91", "policy.grace_days is 91; allowed: a whole number"),
            ("TIERLIFT_PAST_DUE", "kep", "policy.past_due is \"kep\"; allowed: \"keep\" or"),
            ("TIERLIFT_PLANS", "price_a=gold", "plans.price_a is \"gold\", which is not one of"),
            ("TIERLIFT_ROLES", "a,a", "roles[1] is \"a\", which is listed before"),
        ] {
            let error = Environment::from([(name, value)]).policy().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}: {message}")), "{error}");
        }
        let error = Environment::from([("TIERLIFT_PLANS", "price_a")]).policy().unwrap_err();
        assert!(error.to_string().starts_with("TIERLIFT_PLANS is \"price_a\"; allowed: a list"));
        let origins = Environment::from([("TIERLIFT_ALLOWED_ORIGINS", "https://a.example, b")]);
        let error = origins.allowed_origins().unwrap_err().to_string();
        assert!(
            error.starts_with("TIERLIFT_ALLOWED_ORIGINS: allowed_origins[1] is \"b\";"),
            "{error}"
        );
        let error = Environment::from([("TIERLIFT_JWKS_URL", "issuer")]).jwks_url().unwrap_err();
        assert!(error.to_string().starts_with("TIERLIFT_JWKS_URL: jwks_url is \"issuer\";"));
        let error = Environment::default().table().unwrap_err().to_string();
        assert_eq!(error, "TIERLIFT_TABLE is not set; set it to the name of the DynamoDB table");
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let environment = Environment::from([
            ("TIERLIFT_ROLES", "a,a"),
            ("TIERLIFT_PAST_DUE", "kep"),
            ("TIERLIFT_GRACE_DAYS", "x"),
        ]);
        let error = environment.policy().unwrap_err().to_string();
        let variables: Vec<_> = error.lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(variables, ["TIERLIFT_PAST_DUE", "TIERLIFT_GRACE_DAYS", "TIERLIFT_ROLES"]);
    }
}
