//! Tokens that tierlift issues: with the host's claims and its own, signed by a key of its own if it has one, and
//! else by the shared secret.
//!
//! One that is signed by a key of its own can be checked offline, so it says the role and the features, and ends when
//! something that earns them does.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Claims, Error, SUBJECT, TokenKeys, accounts, claims::numeric_date};
use crate::{
    account::Account, accounts::Accounts, limits::TOKEN_TTL_SECS, policy::Policy, time::Timestamp,
};

/// A token that was just issued, as clients get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// The token.
    pub access_token: String,
    /// Its lifetime in seconds.
    pub expires_in: i64,
}

/// How somebody signed in at a host that has a token issued for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignIn {
    /// When; `None` is now.
    pub at: Option<Timestamp>,
    /// Claims of the host's, beside tierlift's own.
    pub claims: Map<String, Value>,
}

impl SignIn {
    /// Claims that are tierlift's to set.
    pub const RESERVED: [&str; 8] =
        ["sub", "iat", "exp", "nbf", "auth_time", "rev", "epoch", "jti"];
    /// Those that are its own, too, in tokens that can be checked offline.
    pub const RESERVED_OFFLINE: [&str; 2] = ["role", "features"];
}

/// The time for which a token is issued.
struct Term {
    began_at: Timestamp,
    expires_at: Timestamp,
}

impl TokenKeys {
    /// Whether tokens can be issued.
    #[must_use]
    pub const fn can_issue(&self) -> bool {
        self.signing.is_some() || self.secret.is_some()
    }

    /// Issues the first token of a session for the user of an account.
    pub fn issue(
        &self,
        account: &Account,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let claims = Map::from_iter([(SUBJECT.to_owned(), json!(account.user.as_str()))]);
        let term = Term { began_at: now, expires_at: now.plus_secs(TOKEN_TTL_SECS) };
        self.issue_with(claims, &account.clone().into(), &term, policy, now)
    }

    /// Issues a token for somebody who signed in at the host, perhaps some time ago, with claims of the host's. It is
    /// one that [`verify`](Self::verify) lets in: otherwise its claims are refused.
    pub fn issue_for(
        &self,
        accounts: &Accounts,
        sign_in: SignIn,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let began_at = sign_in.at.unwrap_or(now).min(now);
        let session_end = self.rules.check_sign_in(accounts, began_at, now)?;
        let mut claims = sign_in.claims;
        claims.insert(SUBJECT.to_owned(), json!(accounts.user().as_str()));
        let expires_at = now.plus_secs(TOKEN_TTL_SECS).min(session_end);
        let issued =
            self.issue_with(claims, accounts, &Term { began_at, expires_at }, policy, now)?;
        self.verify(&issued.access_token, now)?;
        Ok(issued)
    }

    /// Issues a token in place of one that is valid: with the same claims and the same lifetime, up to the end
    /// of the session. One of another issuer is never replaced by ours.
    pub fn reissue(
        &self,
        claims: &Claims,
        accounts: &Accounts,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let own = claims.own.clone().ok_or(Error::Foreign)?;
        let auth_time = own.get("auth_time").and_then(Value::as_f64).and_then(numeric_date);
        // A token that does not say when its session began is the first that is known of it.
        let began_at = auth_time.or(claims.issued_at).unwrap_or(now).min(now);
        let session_end = self.rules.session_end(Some(began_at), now).unwrap_or(now);
        if session_end <= now {
            return Err(Error::SessionExpired);
        }
        let lifetime = claims.issued_at.map(|at| claims.expires_at.as_secs() - at.as_secs());
        let lifetime = lifetime.filter(|secs| *secs > 0).unwrap_or(TOKEN_TTL_SECS);
        let expires_at = now.plus_secs(lifetime).min(session_end);
        self.issue_with(own, accounts, &Term { began_at, expires_at }, policy, now)
    }

    fn issue_with(
        &self,
        mut claims: Map<String, Value>,
        accounts: &Accounts,
        term: &Term,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Issued, Error> {
        let mut expires_at = term.expires_at;
        if self.signing.is_some() {
            // Nothing reports the end of access to whoever checks it offline: the token ends with it.
            let ends = accounts.all().filter_map(|account| account.next_expiry(policy, now)).min();
            expires_at = ends.map_or(expires_at, |end| end.min(expires_at)).max(now.plus_secs(1));
            let best = accounts.best(policy, now).effective;
            claims.insert("role".to_owned(), json!(best.role));
            claims.insert("features".to_owned(), json!(best.standing.features));
        }
        let (iat, exp) = (now.as_secs(), expires_at.as_secs());
        let began_at = term.began_at.as_secs();
        let ours = [("iat", json!(iat)), ("exp", json!(exp)), ("auth_time", json!(began_at))];
        let ours = ours.into_iter().chain(accounts::claims_of(accounts));
        claims.extend(ours.map(|(name, value)| (name.to_owned(), value)));
        let access_token = match (&self.signing, &self.secret) {
            (Some(signing), _) => signing.sign(&claims)?,
            (None, Some(secret)) => secret.sign(&claims),
            (None, None) => return Err(Error::Foreign),
        };
        Ok(Issued { access_token, expires_in: exp.saturating_sub(iat) })
    }
}
