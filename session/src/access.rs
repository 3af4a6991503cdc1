//! From a token to a session: the token's signature and time, then the account of its user.

use std::collections::{BTreeSet, HashMap};

use tierlift_core::{
    account::Account,
    accounts::Accounts,
    change::Change,
    decide::{self, Commit},
    epoch::Seen,
    id::UserId,
    ledger::Act,
    limits::CONFLICT_RETRIES_MAX,
    policy::{Policy, Role},
    ports::{Scan, Store, StoreError},
    shared::Shared,
    time::{Clock, Timestamp},
    token::{Claims, Issued, SignIn, check_fresh, check_not_revoked},
    wire::session::Session,
};

use crate::{Answer, Error, Keyring, LastKnown, epoch};

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
    /// Accounts for the time while the store is unavailable.
    pub last_known: LastKnown,
}

/// Who sent a token that is valid, fresh and not revoked.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The claims of the token.
    pub claims: Claims,
    /// The accounts that it speaks for.
    pub accounts: Accounts,
}

impl<S: Store> Access<S> {
    /// The session of a token that is valid, fresh and not revoked, for a client that has seen so much of
    /// it already.
    pub async fn session(&self, token: &str, seen: Seen) -> Result<Session, Error> {
        let Authenticated { accounts, .. } = self.authenticate(token).await?;
        let accounts = self.current_epoch(accounts, seen).await?;
        Ok(self.session_of(&accounts))
    }

    /// The claims and the accounts of a token that is valid, fresh and not revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Authenticated, Error> {
        let authenticated = self.identify(token).await?;
        for account in authenticated.accounts.all() {
            check_fresh(&authenticated.claims, account)?;
        }
        Ok(authenticated)
    }

    /// Exchanges a token that may be stale for a new one; returns it with the session.
    pub async fn refresh(&self, token: &str) -> Result<(Issued, Session), Error> {
        let Authenticated { claims, accounts } = self.identify(token).await?;
        let accounts = self.known_to(&claims, accounts).await?;
        let (keys, policy) = (self.keyring.keys(), self.policy.current());
        let issued = keys.reissue(&claims, &accounts, &policy, self.clock.now())?;
        Ok((issued, self.session_of(&accounts)))
    }

    /// Issues a token for a user whom the host has just authenticated by other means.
    pub async fn issue(&self, user: &UserId) -> Result<Issued, Error> {
        let account = self.account(user).await?;
        let issued = self.keyring.keys().issue(&account, &self.policy.current(), self.clock.now());
        Ok(issued?)
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
            match self.commit(commit).await {
                Ok(()) => return Ok(changes),
                // Somebody else committed in between.
                Err(StoreError::Conflict | StoreError::Duplicate) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }

    /// Commits, and knows what was committed from then on.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let accounts = commit.accounts.clone();
        self.store.commit(commit).await?;
        for mut account in accounts {
            account.version = account.version.next();
            self.last_known.committed(&account.into(), &self.clock);
        }
        Ok(())
    }

    /// The session of a user, whoever asks, with these accounts beside their own. With the time of a sign-in at the
    /// host, only while that counts.
    pub async fn session_for(
        &self,
        user: &UserId,
        others: &[UserId],
        signed_in_at: Option<Timestamp>,
    ) -> Result<Session, Error> {
        let accounts = self.accounts(user, others).await?;
        if let Some(at) = signed_in_at {
            self.keyring.keys().check_sign_in(&accounts, at, self.clock.now())?;
        }
        Ok(self.session_of(&accounts))
    }

    /// The same; while the store is unavailable, of the accounts as they are last known.
    pub async fn answer_for(
        &self,
        user: &UserId,
        others: &[UserId],
        signed_in_at: Option<Timestamp>,
    ) -> Result<Answer, Error> {
        let (accounts, as_of) = self.last_known(user, others).await?;
        if let Some(at) = signed_in_at {
            self.keyring.keys().check_sign_in(&accounts, at, self.clock.now())?;
        }
        Ok(Answer { session: self.session_of(&accounts), as_of })
    }

    /// The sessions of users, in their order; while the store is unavailable, of the accounts as they are last known.
    pub async fn answers_for(&self, users: &[UserId]) -> Result<Vec<Answer>, StoreError>
    where
        S: Scan,
    {
        let known = self.known_of(users).await?;
        let answer = |user: &UserId| {
            let (account, as_of) = known.get(user).cloned()?;
            Some(Answer { session: self.session_of(&account.into()), as_of })
        };
        Ok(users.iter().filter_map(answer).collect())
    }

    /// Issues a token for a user whom the host has signed in; returns it with the session.
    pub async fn issue_for(
        &self,
        user: &UserId,
        sign_in: SignIn,
    ) -> Result<(Issued, Session), Error> {
        let keys = self.keyring.keys();
        let others = keys.others_named(&sign_in.claims, user)?;
        let accounts = self.accounts(user, &others).await?;
        let issued =
            keys.issue_for(&accounts, sign_in, &self.policy.current(), self.clock.now())?;
        Ok((issued, self.session_of(&accounts)))
    }

    /// The session of a token that is valid and not revoked, but may be stale, and whose user has at least this
    /// role now; while the store is unavailable, as it is last known.
    pub async fn current(&self, token: &str, role: Option<&Role>) -> Result<Answer, Error> {
        let claims = self.keyring.verify(token, self.clock.now()).await?;
        let (accounts, as_of) = self.last_known(&claims.user, &claims.others).await?;
        for account in accounts.all() {
            check_not_revoked(claims.times(), account)?;
        }
        Ok(Answer { session: self.at_least(&accounts, role)?, as_of })
    }

    /// The session of a valid token whose user has at least this role now.
    pub async fn require(&self, token: &str, role: &Role) -> Result<Session, Error> {
        let Authenticated { accounts, .. } = self.authenticate(token).await?;
        self.at_least(&accounts, Some(role))
    }

    /// The session of accounts of which one has at least this role now.
    fn at_least(&self, accounts: &Accounts, role: Option<&Role>) -> Result<Session, Error> {
        let policy = self.policy.current();
        let session = Session::of(accounts, &policy, self.clock.now());
        match role {
            Some(role) if policy.compare(&Role::new(&session.role), role).is_lt() => {
                Err(Error::RoleRequired(role.clone()))
            }
            Some(_) | None => Ok(session),
        }
    }

    pub(crate) fn session_of(&self, accounts: &Accounts) -> Session {
        Session::of(accounts, &self.policy.current(), self.clock.now())
    }

    /// The claims and the accounts of a token that is valid and not revoked, but may be stale.
    async fn identify(&self, token: &str) -> Result<Authenticated, Error> {
        let claims = self.keyring.verify(token, self.clock.now()).await?;
        let accounts = self.accounts(&claims.user, &claims.others).await?;
        for account in accounts.all() {
            check_not_revoked(claims.times(), account)?;
        }
        Ok(Authenticated { claims, accounts })
    }

    async fn current_epoch(&self, accounts: Accounts, seen: Seen) -> Result<Accounts, StoreError> {
        epoch::current(&self.store, &self.policy.current(), accounts, seen, self.clock.now()).await
    }

    /// The accounts, each in a new epoch if whoever issued the token had seen more of it than is stored.
    async fn known_to(&self, claims: &Claims, accounts: Accounts) -> Result<Accounts, StoreError> {
        let (policy, now) = (self.policy.current(), self.clock.now());
        let current = async |account: Account| {
            let seen = claims.known(&account.user).seen();
            epoch::current_account(&self.store, &policy, account, seen, now).await
        };
        let (own, others) = accounts.into_parts();
        let own = current(own).await?;
        let mut known = Vec::with_capacity(others.len());
        for other in others {
            known.push(current(other).await?);
        }
        Ok(Accounts::new(own, known))
    }

    /// Each of these users with their account, and since when it is known, if that is not now.
    async fn known_of(&self, users: &[UserId]) -> Result<HashMap<UserId, Known>, StoreError>
    where
        S: Scan,
    {
        if users.is_empty() {
            return Ok(HashMap::new());
        }
        let distinct: BTreeSet<_> = users.iter().cloned().collect();
        let distinct: Vec<_> = distinct.into_iter().collect();
        let reading = self.last_known.begin(&self.clock);
        let read = match self.store.accounts_of(distinct.clone()).await {
            Ok(read) => read,
            Err(error) => {
                let kept = self.kept(&distinct, error)?;
                return Ok(distinct.into_iter().zip(kept).collect());
            }
        };
        let policy = self.policy.current();
        let absent = distinct.into_iter().map(|user| Account::new(user, &policy));
        // Those that were read replace the absent ones.
        let accounts: HashMap<_, _> =
            absent.chain(read).map(|account| (account.user.clone(), account)).collect();
        self.last_known.read(reading, accounts.values());
        Ok(accounts.into_iter().map(|(user, account)| (user, (account, None))).collect())
    }

    async fn account(&self, user: &UserId) -> Result<Account, StoreError> {
        Ok(read_accounts(&self.store, &self.policy.current(), user, &[]).await?.own().clone())
    }

    async fn accounts(&self, user: &UserId, others: &[UserId]) -> Result<Accounts, StoreError> {
        let reading = self.last_known.begin(&self.clock);
        let accounts = read_accounts(&self.store, &self.policy.current(), user, others).await?;
        self.last_known.read(reading, accounts.all());
        Ok(accounts)
    }

    /// The accounts; while the store is unavailable as they are last known, and since when.
    async fn last_known(
        &self,
        user: &UserId,
        others: &[UserId],
    ) -> Result<(Accounts, Option<Timestamp>), StoreError> {
        let error = match self.accounts(user, others).await {
            Ok(accounts) => return Ok((accounts, None)),
            Err(error) => error,
        };
        let users: Vec<_> = std::iter::once(user).chain(others).cloned().collect();
        let (accounts, times): (Vec<_>, Vec<_>) = self.kept(&users, error)?.into_iter().unzip();
        let as_of = times.into_iter().flatten().min();
        let mut accounts = accounts.into_iter();
        let own =
            accounts.next().unwrap_or_else(|| Account::new(user.clone(), &self.policy.current()));
        Ok((Accounts::new(own, accounts.collect()), as_of))
    }

    /// What is last known of each of these users, in their order, if the store is unavailable; otherwise its error.
    fn kept(&self, users: &[UserId], error: StoreError) -> Result<Vec<Known>, StoreError> {
        let StoreError::Unavailable(_) = error else { return Err(error) };
        let now = self.clock.now();
        let known = |user: &UserId| {
            let (account, as_of) = self.last_known.get(user, now)?;
            Some((account, Some(as_of)))
        };
        let Some(known) = users.iter().map(known).collect() else { return Err(error) };
        tracing::warn!(%error, "accounts not read, those last known are used");
        metrics::counter!("tierlift_last_known_answers_total").increment(1);
        Ok(known)
    }
}

/// An account, and when it was last read right, if that is not now.
type Known = (Account, Option<Timestamp>);

/// Reads a user's account, and these beside it. One that is not stored has the lowest role.
pub async fn read_accounts<S: Store>(
    store: &S,
    policy: &Policy,
    user: &UserId,
    others: &[UserId],
) -> Result<Accounts, StoreError> {
    let read = async |id: &UserId| {
        let known = store.account(id).await?;
        Ok::<_, StoreError>(known.unwrap_or_else(|| Account::new(id.clone(), policy)))
    };
    let own = read(user).await?;
    let mut accounts = Vec::with_capacity(others.len());
    for other in others {
        accounts.push(read(other).await?);
    }
    Ok(Accounts::new(own, accounts))
}
