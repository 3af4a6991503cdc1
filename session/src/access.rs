//! From a token to a session: its signature and time, then its account.

use std::sync::Arc;

use serde::Serialize;
use tierlift_core::{
    account::Account,
    id::UserId,
    limits::TOKEN_TTL_SECS,
    policy::{Policy, Role},
    ports::Store,
    time::Clock,
    token::{self, Claims, check_fresh, check_refreshable},
    wire::session::Session,
};

use crate::{Error, Keyring};

/// What it takes to tell who is asking.
pub struct Access<S> {
    /// Where accounts are.
    pub store: S,
    /// What roles there are.
    pub policy: Arc<Policy>,
    /// With what tokens are checked.
    pub keyring: Keyring,
    /// When that is.
    pub clock: Clock,
}

/// A token that was just issued.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// The token.
    pub access_token: String,
    /// Its lifetime in seconds.
    pub expires_in: i64,
}

impl<S: Store> Access<S> {
    /// The session of a token that is valid, fresh and not revoked.
    pub async fn session(&self, token: &str) -> Result<Session, Error> {
        let account = self.authenticate(token).await?;
        Ok(self.session_of(&account))
    }

    /// The account of a token that is valid, fresh and not revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Account, Error> {
        let (claims, account) = self.identify(token).await?;
        check_fresh(&claims, &account)?;
        Ok(account)
    }

    /// The session of a token that may be stale, with a new token in its place.
    pub async fn refresh(&self, token: &str) -> Result<(Issued, Session), Error> {
        let (_, account) = self.identify(token).await?;
        Ok((self.mint(&account)?, self.session_of(&account)))
    }

    /// A token for a user whom the host has authenticated by other means.
    pub async fn issue(&self, user: &UserId) -> Result<Issued, Error> {
        let account = self.account(user).await?;
        self.mint(&account)
    }

    /// The session of a token that is good for at least this role now.
    pub async fn require(&self, token: &str, role: &Role) -> Result<Session, Error> {
        let account = self.authenticate(token).await?;
        let effective = account.effective(&self.policy, self.clock.now());
        if self.policy.compare(&effective.role, role).is_lt() {
            return Err(Error::RoleRequired(role.clone()));
        }
        Ok(self.session_of(&account))
    }

    fn session_of(&self, account: &Account) -> Session {
        Session::new(account, &self.policy, self.clock.now())
    }

    /// Whose token it is: valid and not revoked, but perhaps stale.
    async fn identify(&self, token: &str) -> Result<(Claims, Account), Error> {
        let claims = self.keyring.verify(token, self.clock.now()).await?;
        let account = self.account(&claims.user).await?;
        check_refreshable(&claims, &account)?;
        Ok((claims, account))
    }

    async fn account(&self, user: &UserId) -> Result<Account, Error> {
        let known = self.store.account(user).await?;
        Ok(known.unwrap_or_else(|| Account::new(user.clone(), &self.policy)))
    }

    fn mint(&self, account: &Account) -> Result<Issued, Error> {
        let keys = self.keyring.keys();
        let secret: &token::Secret = keys.secret().ok_or(Error::RefreshUnavailable)?;
        let access_token = secret.mint(&account.user, account.revocation_id, self.clock.now());
        Ok(Issued { access_token, expires_in: TOKEN_TTL_SECS })
    }
}
