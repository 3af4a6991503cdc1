//! What a host says about the tokens of its users: who issues them, for whom, and how long a session lasts.

use std::collections::BTreeSet;

use super::{Error, SUBJECT};
use crate::{
    accounts::Accounts,
    config::{Fault, JwksUrl, Key, ValueError},
    limits::{ACCOUNT_CLAIMS_MAX, SESSION_DAYS_DEFAULT, SESSION_DAYS_MAX},
    time::Timestamp,
};

/// The configuration of tokens, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenConfig {
    /// The key set of the issuer, if tokens come from another issuer.
    pub jwks_url: Option<JwksUrl>,
    /// Values of `iss`, one of which a token must have.
    pub issuer: Vec<String>,
    /// Values of `aud`, one of which a token must have.
    pub audience: Vec<String>,
    /// The claims that name the accounts for which a token speaks; the first is `sub`.
    pub account_claims: Vec<String>,
    /// Days after the sign-in at which a session ends, however often its token is refreshed.
    pub session_max_age_days: u32,
}

impl Default for TokenConfig {
    fn default() -> Self {
        Self {
            jwks_url: None,
            issuer: Vec::new(),
            audience: Vec::new(),
            account_claims: vec![SUBJECT.to_owned()],
            session_max_age_days: SESSION_DAYS_DEFAULT,
        }
    }
}

impl TokenConfig {
    /// Everything that is wrong with it.
    ///
    /// An issuer signs tokens for others too, with the same keys. So a key set without an issuer and an
    /// audience would let in whoever has an account anywhere (RFC 8725, sections 3.8 and 3.9).
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let days = self.session_max_age_days;
        if !(1..=SESSION_DAYS_MAX).contains(&days) {
            faults.push(ValueError::SessionDays(days.to_string()).at(Key::SessionMaxAgeDays));
        }
        if self.jwks_url.is_some() && self.issuer.is_empty() {
            faults.push(ValueError::IssuerMissing.at(Key::Issuers));
        }
        if self.jwks_url.is_some() && self.audience.is_empty() {
            faults.push(ValueError::AudienceMissing.at(Key::Audiences));
        }
        faults.extend(blank(&self.issuer, Key::Issuer));
        faults.extend(blank(&self.audience, Key::Audience));
        faults.extend(self.account_claims_fault());
        faults
    }

    fn account_claims_fault(&self) -> Option<Fault> {
        let claims = &self.account_claims;
        let distinct: BTreeSet<&String> = claims.iter().collect();
        let is_right = claims.first().is_some_and(|first| first == SUBJECT)
            && claims.len() <= ACCOUNT_CLAIMS_MAX
            && distinct.len() == claims.len()
            && claims.iter().all(|name| !name.trim().is_empty());
        (!is_right).then(|| ValueError::AccountClaims.at(Key::AccountClaims))
    }

    /// What tokens must say.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            account_claims: self.account_claims.clone(),
            session_days_max: self.session_max_age_days,
        }
    }
}

/// The elements of a list that say nothing.
fn blank(list: &[String], key: fn(usize) -> Key) -> impl Iterator<Item = Fault> {
    let blank = list.iter().enumerate().filter(|(_, text)| text.trim().is_empty());
    blank.map(move |(index, _)| ValueError::Blank.at(key(index)))
}

/// What tokens must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(super) issuer: Vec<String>,
    pub(super) audience: Vec<String>,
    pub(super) account_claims: Vec<String>,
    session_days_max: u32,
}

impl Default for Rules {
    fn default() -> Self {
        TokenConfig::default().rules()
    }
}

impl Rules {
    /// The end of a session that began at that time, if that is known. It cannot have begun later than now.
    pub(super) fn session_end(
        &self,
        began_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        Some(began_at?.min(now).plus_days(i64::from(self.session_days_max)))
    }

    /// The end of the session of somebody who signed in at the host at that time, unless it has ended or was revoked.
    pub(super) fn check_sign_in(
        &self,
        accounts: &Accounts,
        signed_in_at: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp, Error> {
        let mut revoked_before = accounts.all().filter_map(|account| account.revoked_before);
        if revoked_before.any(|revoked_before| signed_in_at < revoked_before) {
            return Err(Error::Revoked);
        }
        let end = self.session_end(Some(signed_in_at), now).unwrap_or(now);
        if end <= now { Err(Error::SessionExpired) } else { Ok(end) }
    }

    /// Whether some token of an issuer with a key set could fit.
    #[must_use]
    pub const fn name_an_issuer(&self) -> bool {
        !self.issuer.is_empty() && !self.audience.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_needs_an_issuer_and_an_audience() {
        let url = Some("https://issuer.example.com/keys".parse().unwrap());
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let config = |jwks_url: &Option<JwksUrl>, issuer, audience| TokenConfig {
            jwks_url: jwks_url.clone(),
            issuer: list(issuer),
            audience: list(audience),
            ..TokenConfig::default()
        };
        for (config, keys) in [
            (config(&None, "", ""), vec![]),
            (config(&None, "i", "a b"), vec![]),
            (config(&url, "i", "a"), vec![]),
            (config(&url, "", "a"), vec![Key::Issuers]),
            (config(&url, "i", ""), vec![Key::Audiences]),
            (config(&url, "", ""), vec![Key::Issuers, Key::Audiences]),
        ] {
            let found: Vec<_> = config.faults().into_iter().map(|fault| fault.key).collect();
            assert_eq!(found, keys, "{config:?}");
        }
        let wrong = TokenConfig {
            audience: vec!["a".to_owned(), " ".to_owned()],
            session_max_age_days: 0,
            ..TokenConfig::default()
        };
        let found: Vec<_> = wrong.faults().into_iter().map(|fault| fault.key).collect();
        assert_eq!(found, [Key::SessionMaxAgeDays, Key::Audience(1)]);
    }

    #[test]
    fn accounts_are_those_of_the_subject_first_and_each_claim_stands_once() {
        for (claims, is_right) in [
            ("sub", true),
            ("sub org_id", true),
            ("sub a b c", true),
            ("sub a b c d", false),
            ("org_id sub", false),
            ("org_id", false),
            ("sub org_id org_id", false),
            ("sub sub", false),
            ("", false),
        ] {
            let account_claims = claims.split_whitespace().map(str::to_owned).collect();
            let config = TokenConfig { account_claims, ..TokenConfig::default() };
            assert_eq!(config.faults().is_empty(), is_right, "{claims:?}");
        }
        let account_claims = ["sub", " "].map(str::to_owned).into();
        assert!(!TokenConfig { account_claims, ..TokenConfig::default() }.faults().is_empty());
    }
}
