//! From a token to a session: the token's signature and time, then the account of its user.

use tierlift_core::{
    account::Account,
    change::Change,
    decide,
    epoch::Seen,
    id::UserId,
    ledger::Act,
    limits::CONFLICT_RETRIES_MAX,
    policy::{Policy, Role},
    ports::{Store, StoreError},
    shared::Shared,
    time::Clock,
    token::{self, Claims, Issued, SignIn, check_fresh, check_not_revoked},
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

/// Who sent a token that is valid, fresh and not revoked.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The claims of the token.
    pub claims: Claims,
    /// The account of its user.
    pub account: Account,
}

impl<S: Store> Access<S> {
    /// The session of a token that is valid, fresh and not revoked, for a client that has seen so much of
    /// it already.
    pub async fn session(&self, token: &str, seen: Seen) -> Result<Session, Error> {
        let Authenticated { account, .. } = self.authenticate(token).await?;
        let account = self.current_epoch(account, seen).await?;
        Ok(self.session_of(&account))
    }

    /// The claims and the account of a token that is valid, fresh and not revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Authenticated, Error> {
        let authenticated = self.identify(token).await?;
        check_fresh(&authenticated.claims, &authenticated.account)?;
        Ok(authenticated)
    }

    /// Exchanges a token that may be stale for a new one; returns it with the session.
    pub async fn refresh(&self, token: &str) -> Result<(Issued, Session), Error> {
        let Authenticated { claims, account } = self.identify(token).await?;
        let account = self.current_epoch(account, claims.seen()).await?;
        let issued = self.keyring.keys().reissue(&claims, &account, self.clock.now())?;
        Ok((issued, self.session_of(&account)))
    }

    /// Issues a token for a user whom the host has just authenticated by other means.
    pub async fn issue(&self, user: &UserId) -> Result<Issued, Error> {
        let account = self.account(user).await?;
        let keys = self.keyring.keys();
        let secret = keys.secret().ok_or(token::Error::Foreign)?;
        Ok(secret.issue(&account, self.clock.now()))
    }

    /// Revokes all tokens of a user that were issued until now. Returns the changes to push, which end the
    /// sockets of those tokens.
    pub async fn revoke(&self, user: &UserId, act: &Act) -> Result<Vec<Change>, StoreError> {
        let policy = self.policy.current();
        for _ in 0..CONFLICT_RETRIES_MAX {
            let account = self.account(user).await?;
            let commit = decide::revoke(account, act.clone(), &policy, self.clock.now());
            let commit = commit.ok_or(StoreError::Conflict)?;
            let changes = commit.changes.clone();
            match self.store.commit(commit).await {
                Ok(()) => return Ok(changes),
                // Somebody else committed in between.
                Err(StoreError::Conflict | StoreError::Duplicate) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// The session of a user, whoever asks.
    pub async fn session_for(&self, user: &UserId) -> Result<Session, Error> {
        Ok(self.session_of(&self.account(user).await?))
    }

    /// Issues a token for a user whom the host has signed in; returns it with the session.
    pub async fn issue_for(
        &self,
        user: &UserId,
        sign_in: SignIn,
    ) -> Result<(Issued, Session), Error> {
        let account = self.account(user).await?;
        let issued = self.keyring.keys().issue_for(&account, sign_in, self.clock.now())?;
        Ok((issued, self.session_of(&account)))
    }

    /// The session of a token that is valid and not revoked, but may be stale, and whose user has at least this
    /// role now.
    pub async fn current(&self, token: &str, role: Option<&Role>) -> Result<Session, Error> {
        let Authenticated { account, .. } = self.identify(token).await?;
        self.at_least(&account, role)
    }

    /// The session of a valid token whose user has at least this role now.
    pub async fn require(&self, token: &str, role: &Role) -> Result<Session, Error> {
        let Authenticated { account, .. } = self.authenticate(token).await?;
        self.at_least(&account, Some(role))
    }

    /// The session of an account that has at least this role now.
    fn at_least(&self, account: &Account, role: Option<&Role>) -> Result<Session, Error> {
        let policy = self.policy.current();
        let session = Session::new(account, &policy, self.clock.now());
        match role {
            Some(role) if policy.compare(&Role::new(&session.role), role).is_lt() => {
                Err(Error::RoleRequired(role.clone()))
            }
            Some(_) | None => Ok(session),
        }
    }

    pub(crate) fn session_of(&self, account: &Account) -> Session {
        Session::new(account, &self.policy.current(), self.clock.now())
    }

    /// The claims and the account of a token that is valid and not revoked, but may be stale.
    async fn identify(&self, token: &str) -> Result<Authenticated, Error> {
        let claims = self.keyring.verify(token, self.clock.now()).await?;
        let account = self.account(&claims.user).await?;
        check_not_revoked(claims.times(), &account)?;
        Ok(Authenticated { claims, account })
    }

    async fn current_epoch(&self, account: Account, seen: Seen) -> Result<Account, StoreError> {
        epoch::current(&self.store, &self.policy.current(), account, seen, self.clock.now()).await
    }

    async fn account(&self, user: &UserId) -> Result<Account, StoreError> {
        let known = self.store.account(user).await?;
        Ok(known.unwrap_or_else(|| Account::new(user.clone(), &self.policy.current())))
    }
}
