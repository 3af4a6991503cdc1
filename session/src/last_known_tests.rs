use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
};

use axum::{Router, body::Body, extract::Request};
use serde_json::{Value, json};
use tierlift_core::{
    customer::Customer,
    decide::{self, Commit, Granted, Loaded, ServiceRequest},
    id::{CustomerId, EventId, RevocationId, ServiceGrantId},
    ledger::{Act, LedgerEntry},
    limits::TOKEN_TTL_SECS,
    policy::{Policy, PolicyConfig, Role},
    ports::{LoadKeys, Page, Scan, Store, StoreError},
    shared::Shared,
    token::{Secret, ServiceTokens, TokenKeys},
};
use tower::ServiceExt as _;

use super::*;
use crate::{Access, Keyring, authorize, service};

const START: Timestamp = Timestamp::from_secs(1_795_000_000);
const BOUND: i64 = 60;
const SERVICE_TOKEN: &str = "3f9a1c5e7b2d4f6088aacce1f35792b4";

/// What the store answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Unavailable,
    Corrupt,
}

/// A store of accounts alone, with a fault that is set by hand.
struct Faulty {
    fault: Mutex<Fault>,
    accounts: Mutex<HashMap<UserId, Account>>,
}

impl Faulty {
    fn check(&self) -> Result<(), StoreError> {
        match *self.fault.lock().unwrap() {
            Fault::None => Ok(()),
            Fault::Unavailable => Err(StoreError::Unavailable("unreachable".into())),
            Fault::Corrupt => Err(StoreError::Corrupt("a row".to_owned())),
        }
    }
}

impl Store for Faulty {
    async fn load(&self, _: &LoadKeys) -> Result<Loaded, StoreError> {
        unreachable!("nothing is decided about events")
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.check()?;
        for mut account in commit.accounts {
            account.version = account.version.next();
            self.accounts.lock().unwrap().insert(account.user.clone(), account);
        }
        Ok(())
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        self.check()?;
        Ok(self.accounts.lock().unwrap().get(user).cloned())
    }

    async fn customer(&self, _: &CustomerId) -> Result<Option<Customer>, StoreError> {
        unreachable!("no customer is read")
    }

    async fn ledger(&self, _: &EventId) -> Result<Option<LedgerEntry>, StoreError> {
        unreachable!("no ledger is read")
    }

    async fn expired(&self, _: Timestamp, _: usize) -> Result<Vec<UserId>, StoreError> {
        unreachable!("nothing expires")
    }
}

impl Scan for Faulty {
    async fn customers(&self, _: Option<&str>, _: usize) -> Result<Page<Customer>, StoreError> {
        unreachable!("no customer is read")
    }

    async fn accounts(&self, _: Option<&str>, _: usize) -> Result<Page<Account>, StoreError> {
        unreachable!("accounts are asked for by their users")
    }

    async fn accounts_of(&self, users: Vec<UserId>) -> Result<Vec<Account>, StoreError> {
        self.check()?;
        let accounts = self.accounts.lock().unwrap();
        Ok(users.iter().filter_map(|user| accounts.get(user).cloned()).collect())
    }
}

struct Host {
    access: Arc<Access<Faulty>>,
    clock: Arc<AtomicI64>,
    routes: Router,
}

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn secret() -> Secret {
    Secret::new("a secret of thirty-two bytes long").unwrap()
}

fn policy() -> Policy {
    Policy::new(PolicyConfig::default()).unwrap()
}

/// An account that is paid until that time.
fn paid(id: &str, until: Option<Timestamp>) -> Account {
    let request = ServiceRequest {
        id: ServiceGrantId::new("web:1").unwrap(),
        role: Role::new("paid"),
        until,
        act: Act::new("web", "paid elsewhere").unwrap(),
    };
    let account = Account::new(user(id), &policy());
    let granted = decide::grant(account, &request, &policy(), START.plus_secs(-1)).unwrap();
    let Granted::Commit(commit, _) = granted else { panic!("it is granted already") };
    let account = commit.accounts.into_iter().next().unwrap();
    Account { version: Version(1), ..account }
}

impl Host {
    fn start(stale_ok_seconds: u32) -> Self {
        let clock = Arc::new(AtomicI64::new(START.as_micros()));
        let shown = Arc::clone(&clock);
        let accounts = [paid("ada", None), paid("eve", Some(START.plus_secs(30)))];
        let store = Faulty {
            fault: Mutex::new(Fault::None),
            accounts: Mutex::new(accounts.map(|it| (it.user.clone(), it)).into()),
        };
        let access = Arc::new(Access {
            store,
            policy: policy().into(),
            keyring: Keyring::fixed(TokenKeys::new(Some(secret()))),
            clock: Clock::new(move || Timestamp::from_micros(shown.load(Ordering::SeqCst))),
            last_known: LastKnown::for_secs(stale_ok_seconds),
        });
        let tokens = Shared::new(ServiceTokens::parse(&format!("web:{SERVICE_TOKEN}")).unwrap());
        let routes = service::router(Arc::clone(&access), tokens, ())
            .merge(authorize::router(Arc::clone(&access), None))
            .merge(crate::router(Arc::clone(&access)));
        Self { access, clock, routes }
    }

    fn fail(&self, fault: Fault) {
        *self.access.store.fault.lock().unwrap() = fault;
    }

    fn set_clock(&self, after: Duration) {
        let micros = i64::try_from(after.as_micros()).unwrap();
        self.clock.store(START.as_micros() + micros, Ordering::SeqCst);
    }

    fn token(id: &str) -> String {
        secret().mint(&user(id), RevocationId(1), START)
    }

    /// The status, the time in the head, and the body of an answer.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> (u16, String, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let as_of = head.headers.get(AS_OF).map_or("", |value| value.to_str().unwrap());
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        (head.status.as_u16(), as_of.to_owned(), body)
    }

    async fn user(&self, id: &str) -> (u16, String, Value) {
        self.ask("GET", &format!("/v1/users/{id}"), SERVICE_TOKEN, &Value::Null).await
    }

    async fn batch(&self, ids: &[&str]) -> (u16, String, Value) {
        self.ask("POST", "/v1/users:batch", SERVICE_TOKEN, &json!({ "userIds": ids })).await
    }

    async fn authorize(&self, id: &str) -> (u16, String, Value) {
        self.ask("GET", "/authorize?role=paid", &Self::token(id), &Value::Null).await
    }
}

const SECOND: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_secs(BOUND.unsigned_abs());

#[tokio::test(start_paused = true)]
async fn an_answer_is_as_old_as_the_host_allows_and_says_so() {
    let host = Host::start(60);
    let (_, as_of, fresh) = host.user("ada").await;
    assert_eq!((as_of.as_str(), &fresh["role"], fresh.get("asOf")), ("", &json!("paid"), None));
    assert_eq!(host.batch(&["ada", "bob"]).await.1, "");
    assert_eq!(host.authorize("ada").await.0, 204);
    host.fail(Fault::Unavailable);
    for (after, expected) in
        [(SECOND, 200), (LAST, 200), (LAST + Duration::from_micros(1), 503), (2 * LAST, 503)]
    {
        host.set_clock(after);
        let (status, as_of, body) = host.user("ada").await;
        let batch = host.batch(&["bob", "ada", "bob"]).await;
        let authorized = host.authorize("ada").await;
        assert_eq!((status, batch.0), (expected, expected), "{after:?}: {body}");
        if expected == 503 {
            assert_eq!(authorized.0, 503);
            for body in [body, batch.2, authorized.2] {
                assert_eq!(body["code"], "store.unavailable");
            }
            continue;
        }
        let start = START.to_string();
        assert_eq!([&as_of, &batch.1, &authorized.1], [&start; 3]);
        assert_eq!((authorized.0, &body["role"]), (204, &json!("paid")));
        let mut marked = fresh.clone();
        marked["asOf"] = json!(start);
        assert_eq!((&body, &batch.2["users"][1]), (&marked, &marked));
        assert_eq!(batch.2["users"][0]["role"], "free", "it was read right that there is none");
    }
    // The store answers again, and so nothing else does.
    host.fail(Fault::None);
    let (status, as_of, body) = host.user("ada").await;
    assert_eq!((status, as_of.as_str(), body), (200, "", fresh));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_makes_nothing_younger() {
    let host = Host::start(60);
    host.user("ada").await;
    host.fail(Fault::Unavailable);
    tokio::time::advance(LAST).await;
    assert_eq!(host.user("ada").await.0, 200);
    tokio::time::advance(Duration::from_micros(1)).await;
    assert_eq!(host.user("ada").await.0, 503);
}

#[tokio::test(start_paused = true)]
async fn only_an_account_that_was_read_is_known_and_only_if_the_host_says_so() {
    let host = Host::start(60);
    host.user("ada").await;
    host.fail(Fault::Unavailable);
    assert_eq!(host.user("bob").await.0, 503);
    assert_eq!(host.batch(&["ada", "bob"]).await.0, 503);
    assert_eq!(host.user("ada?account=bob").await.0, 503);
    // A session is never as of an earlier time.
    let (status, _, body) = host.ask("GET", "/session", &Host::token("ada"), &Value::Null).await;
    assert_eq!((status, &body["code"]), (503, &json!("store.unavailable")));
    host.fail(Fault::Corrupt);
    let (status, _, body) = host.user("ada").await;
    assert_eq!((status, &body["code"]), (503, &json!("store.corrupt")));
    let strict = Host::start(0);
    strict.user("ada").await;
    strict.fail(Fault::Unavailable);
    assert_eq!((strict.user("ada").await.0, strict.authorize("ada").await.0), (503, 503));
}

#[tokio::test(start_paused = true)]
async fn access_ends_by_the_time_of_the_answer() {
    let host = Host::start(60);
    assert_eq!(host.authorize("eve").await.0, 204);
    host.fail(Fault::Unavailable);
    host.set_clock(30 * SECOND);
    assert_eq!(host.authorize("eve").await.2["code"], "role.required");
    assert_eq!(host.user("eve").await.2["role"], "free");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_known_as_revoked_stays_out() {
    let host = Host::start(60);
    assert_eq!(host.authorize("ada").await.0, 204);
    host.set_clock(SECOND);
    let act = Act::new("support@example.com", "laptop stolen").unwrap();
    host.access.revoke(&user("ada"), &act).await.unwrap();
    host.fail(Fault::Unavailable);
    let (status, _, body) = host.authorize("ada").await;
    assert_eq!((status, &body["code"]), (401, &json!("token.revoked")));
    let asked = format!("ada?authTime={}", START.as_secs());
    assert_eq!(host.user(&asked).await.2["code"], "token.revoked");
    const { assert!(TOKEN_TTL_SECS > BOUND, "the token has not expired by itself") };
}

#[tokio::test(start_paused = true)]
async fn a_slow_read_does_not_replace_what_was_found_later() {
    let known = LastKnown::for_secs(60);
    let clock = Clock::new(|| START);
    let version = |version| Account { version: Version(version), ..paid("ada", None) };
    let found = || known.get(&user("ada"), START).map(|(account, _)| account.version.0);
    let slow = known.begin(&clock);
    tokio::time::advance(SECOND).await;
    known.committed(&version(2).into(), &clock);
    known.read(slow, [&version(1)]);
    assert_eq!(found(), Some(2));
    known.read(known.begin(&clock), [&version(3)]);
    assert_eq!(found(), Some(3));
    known.clear();
    assert_eq!(found(), None);
}

#[test]
fn their_number_is_bounded_and_those_read_last_are_kept() {
    let known = LastKnown::for_secs(60);
    let clock = Clock::new(|| START);
    let account = Account::new(user("ada"), &policy());
    let name = |n: usize| user(&format!("user_{n}"));
    let count = 3 * LAST_KNOWN_ACCOUNTS_MAX;
    for n in 0..count {
        known.read(known.begin(&clock), [&Account { user: name(n), ..account.clone() }, &account]);
    }
    let halves = known.0.as_ref().unwrap().lock();
    let kept = halves.young.len() + halves.old.len();
    drop(halves);
    assert!((LAST_KNOWN_ACCOUNTS_MAX / 2..=LAST_KNOWN_ACCOUNTS_MAX).contains(&kept), "{kept}");
    assert!(known.get(&user("ada"), START).is_some(), "it was read all the time");
    assert!(known.get(&name(count - 1), START).is_some() && known.get(&name(0), START).is_none());
}
