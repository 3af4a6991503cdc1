//! The environment variables of a function: read at its start, and refused with the variable's name
//! and what to set.
//!
//! The stack's template sets all of them. Secrets are not among them: see [`crate::secrets`]. The
//! rules of each value are core's; this only maps variables to keys.

mod document;
mod policy;
mod variable;

use std::{collections::HashMap, str::FromStr};

use tierlift_core::{
    config::{
        CookieName, Fault, Key, Origin, StripeConfig, ValueError, parse_session_max_age_days,
        parse_share_percent, parse_stale_ok_seconds,
    },
    policy::Policy,
    token::TokenConfig,
};

pub use document::DocumentError;
use variable::variable;

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
    /// The policy document has a line that cannot be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
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

    /// The queue of thin events, if Stripe is asked about them.
    #[must_use]
    pub fn thin_queue_url(&self) -> Option<&str> {
        self.get("TIERLIFT_THIN_QUEUE_URL")
    }

    /// The endpoint at which API Gateway accepts frames for its sockets.
    pub fn connections_endpoint(&self) -> Result<&str, Error> {
        let meaning = "the https address of the WebSocket API with its stage";
        self.need("TIERLIFT_CONNECTIONS_ENDPOINT", meaning)
    }

    /// Access tokens: who issues them, and for whom. What is not set has its default.
    pub fn tokens(&self) -> Result<TokenConfig, Error> {
        let mut tokens = TokenConfig {
            issuer: self.list(&Key::Issuers).unwrap_or_default(),
            audience: self.list(&Key::Audiences).unwrap_or_default(),
            ..TokenConfig::default()
        };
        if let Some(claims) = self.list(&Key::AccountClaims) {
            tokens.account_claims = claims;
        }
        let url = self.set(Key::JwksUrl, &mut tokens.jwks_url, |text| text.parse().map(Some));
        let days = self.set(
            Key::SessionMaxAgeDays,
            &mut tokens.session_max_age_days,
            parse_session_max_age_days,
        );
        let faults: Vec<_> = url.into_iter().chain(days).chain(tokens.faults()).collect();
        if faults.is_empty() { Ok(tokens) } else { Err(Error::Values(faults)) }
    }

    /// The cookie that has the token of a request about which a proxy asks, if one is set.
    pub fn authorize_cookie(&self) -> Result<Option<CookieName>, Error> {
        let key = Key::AuthorizeCookie;
        let name = self.get(variable(&key)).map(|text| value(key, text));
        Ok(name.transpose()?)
    }

    /// Seconds for which the last-known role of an account is answered while the table cannot be read.
    pub fn stale_ok_seconds(&self) -> Result<u32, Error> {
        let mut secs = 0;
        let fault = self.set(Key::StaleOkSeconds, &mut secs, parse_stale_ok_seconds);
        fault.map_or(Ok(secs), |fault| Err(fault.into()))
    }

    /// Origins whose pages may open sockets.
    pub fn allowed_origins(&self) -> Result<Vec<Origin>, Error> {
        let origins =
            list(self.get(variable(&Key::AllowedOrigins)).unwrap_or_default()).enumerate();
        Ok(origins
            .map(|(index, text)| value(Key::AllowedOrigin(index), text))
            .collect::<Result<_, _>>()?)
    }

    /// Connected accounts whose events count.
    pub fn connected_accounts(&self) -> Result<Vec<String>, Error> {
        policy::connected_accounts(self)
    }

    /// The policy: what is not set has its default.
    pub fn policy(&self) -> Result<Policy, Error> {
        policy::policy(self)
    }

    /// Where the policy document is, and which version of it, if there is one. A version never changes, so it is
    /// read once.
    pub fn policy_document(&self) -> Result<Option<(&str, &str)>, Error> {
        let Some(place) = self.get("TIERLIFT_POLICY_ARN") else { return Ok(None) };
        let meaning = "the version of the document at TIERLIFT_POLICY_ARN";
        Ok(Some((place, self.need("TIERLIFT_POLICY_VERSION", meaning)?)))
    }

    /// The environment with what a policy document sets.
    pub fn with_policy_document(mut self, text: &str) -> Result<Self, Error> {
        self.0.extend(document::parse(text)?);
        Ok(self)
    }

    /// The policy of a function that decides nothing about events, and only looks at accounts. It needs no plan, so
    /// a fault in one keeps nobody from their session.
    pub fn policy_of_accounts(&self) -> Result<Policy, Error> {
        self.policy().or_else(|error| {
            let mut without_plans = self.clone();
            without_plans.0.remove(variable(&Key::Plans));
            let policy = without_plans.policy()?;
            tracing::error!(%error, "plans unusable");
            Ok(policy)
        })
    }

    /// How Stripe is asked: what is not set has its default.
    pub fn stripe(&self) -> Result<StripeConfig, Error> {
        let mut stripe = StripeConfig::default();
        let faults = [
            self.set(Key::ApiBase, &mut stripe.api_base, str::parse),
            self.set(Key::SharePercent, &mut stripe.share_percent, parse_share_percent),
            self.set(Key::Reconcile, &mut stripe.reconcile, str::parse),
            self.set(Key::Fetch, &mut stripe.fetch, str::parse),
        ];
        let faults: Vec<_> = faults.into_iter().flatten().collect();
        if faults.is_empty() { Ok(stripe) } else { Err(Error::Values(faults)) }
    }

    /// The parts of the value of a key that is a list; `None` if its variable is not set.
    fn list(&self, key: &Key) -> Option<Vec<String>> {
        Some(list(self.get(variable(key))?).map(str::to_owned).collect())
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
}

fn value<T: FromStr<Err = ValueError>>(key: Key, text: &str) -> Result<T, Fault> {
    text.parse().map_err(|error: ValueError| error.at(key))
}

impl From<HashMap<String, String>> for Environment {
    fn from(variables: HashMap<String, String>) -> Self {
        Self(variables)
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
mod tests;
