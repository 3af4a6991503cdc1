//! From a token to a session: the token's signature and time, then the account of its user.

use serde::Serialize;
use tierlift_core::{
    account::Account,
    epoch::Seen,
    id::UserId,
    limits::TOKEN_TTL_SECS,
    policy::{Policy, Role},
    ports::{Store, StoreError},
    shared::Shared,
    time::Clock,
    token::{self, Claims, check_fresh, check_refreshable},
    wire::session::Session,
};

use crate::{Error, Keyring, epoch};

/// Checks tokens and reads accounts.
pub struct Access<S> {
    /// The store of the accounts.
    pub store: S,
    /// The roles and their order.
    pub policy: Shared<Policy>,
    /// Keys that verify tokens.
    pub keyring: Keyring,
    /// Current time.
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
    /// The session of a token that is valid, fresh and not revoked, for a client that has seen so much of
    /// it already.
    pub async fn session(&self, token: &str, seen: Seen) -> Result<Session, Error> {
        let account = self.authenticate(token).await?;
        let account = self.current_epoch(account, seen).await?;
        Ok(self.session_of(&account))
    }

    /// The account of a token that is valid, fresh and not revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Account, Error> {
        let (claims, account) = self.identify(token).await?;
        check_fresh(&claims, &account)?;
        Ok(account)
    }

    /// Exchanges a token that may be stale for a new one; returns it with the session.
    pub async fn refresh(&self, token: &str) -> Result<(Issued, Session), Error> {
        let (claims, account) = self.identify(token).await?;
        let account = self.current_epoch(account, claims.seen()).await?;
        Ok((self.mint(&account)?, self.session_of(&account)))
    }

    /// Issues a token for a user whom the host has authenticated by other means.
    pub async fn issue(&self, user: &UserId) -> Result<Issued, Error> {
        let account = self.account(user).await?;
        self.mint(&account)
    }

    /// The session of a valid token whose user has at least this role now.
    pub async fn require(&self, token: &str, role: &Role) -> Result<Session, Error> {
        let account = self.authenticate(token).await?;
        let policy = self.policy.current();
        let effective = account.effective(&policy, self.clock.now());
        if policy.compare(&effective.role, role).is_lt() {
            return Err(Error::RoleRequired(role.clone()));
        }
        Ok(self.session_of(&account))
    }

    fn session_of(&self, account: &Account) -> Session {
        Session::new(account, &self.policy.current(), self.clock.now())
    }

    /// The claims and the account of a token that is valid and not revoked, but may be stale.
    async fn identify(&self, token: &str) -> Result<(Claims, Account), Error> {
        let claims = self.keyring.verify(token, self.clock.now()).await?;
        let account = self.account(&claims.user).await?;
        check_refreshable(&claims, &account)?;
        Ok((claims, account))
    }

    async fn current_epoch(&self, account: Account, seen: Seen) -> Result<Account, StoreError> {
        epoch::current(&self.store, &self.policy.current(), account, seen, self.clock.now()).await
    }

    async fn account(&self, user: &UserId) -> Result<Account, Error> {
        let known = self.store.account(user).await?;
        Ok(known.unwrap_or_else(|| Account::new(user.clone(), &self.policy.current())))
    }

    fn mint(&self, account: &Account) -> Result<Issued, Error> {
        let keys = self.keyring.keys();
        let secret: &token::Secret = keys.secret().ok_or(Error::RefreshUnavailable)?;
        let access_token = secret.issue(account, self.clock.now());
        Ok(Issued { access_token, expires_in: TOKEN_TTL_SECS })
    }
}
