//! What a store promises.

use futures_util::future::join_all;
use tierlift_core::{
    account::Account,
    decide::{Granted, Loaded, ServiceRequest, expire, grant, revoke, withdraw},
    id::{ServiceGrantId, Version},
    ledger::{Act, Outcome, SystemEvent},
    observation::Because,
    policy::Role,
    ports::{
        LoadKeys, PolicyRecord, PolicyState, Progress, ReconciliationRecord, Scan, Store,
        StoreError,
    },
    reconciliation::{Listed, Place, Reconciliation, Webhook},
    stripe::event::Event,
    subscription::Status,
    time::Timestamp,
};
use tierlift_testkit::{
    facts::{customer_id, event_id, invoice_payment, keys, policy, refund, subscription, user_id},
    harness::eventually,
};

use super::{
    StoreBackend,
    apply::{AT, apply, decided},
};

pub use super::lists::{
    lists_what_waits_oldest_first, lists_whom_to_ask_about_until_an_answer_settles_it,
};

/// Makes a test of each promise of a store.
#[macro_export]
macro_rules! store_promises {
    ($backend:ty) => {
        $crate::contract_tests!(@each $backend, store:
            knows_nothing_at_first,
            reads_back_what_was_committed,
            commits_an_event_once,
            refuses_a_customer_that_somebody_else_wrote,
            refuses_an_account_that_somebody_else_wrote,
            refuses_two_firsts,
            writes_all_of_a_commit_or_nothing,
            loads_the_account_of_the_customers_user,
            moves_a_grant_between_two_accounts_at_once,
            serializes_racing_commits,
            names_users_whose_access_expired,
            reads_back_payments_and_invoices,
            refuses_a_payment_that_somebody_else_wrote,
            lists_what_waits_oldest_first,
            lists_whom_to_ask_about_until_an_answer_settles_it,
            goes_through_everything_page_by_page,
            remembers_who_revoked_tokens_and_why,
            lets_a_service_grant_once,
            remembers_the_policy_and_the_progress_of_its_change,
            remembers_how_far_a_reconciliation_has_come,
        );
    };
}

async fn account<B: StoreBackend>(backend: &B, user: &str) -> Account {
    backend.store().account(&user_id(user)).await.unwrap().expect("an account")
}

fn upgrade(event: &str) -> Event {
    subscription(event, "cus_1", Some("ada"), Status::Active, AT)
}

/// Absent is absent, not an error.
pub async fn knows_nothing_at_first<B: StoreBackend>(backend: &B) {
    let loaded = backend.store().load(&keys(&upgrade("evt_1"))).await.unwrap();
    assert!(!loaded.processed);
    assert_eq!(loaded.customer.unwrap().version, Version(0));
    assert_eq!(loaded.accounts.into_iter().collect::<Vec<_>>(), [(user_id("ada"), None)]);
    assert_eq!(backend.store().account(&user_id("ada")).await.unwrap(), None);
    assert_eq!(backend.store().customer(&customer_id("cus_1")).await.unwrap(), None);
    assert_eq!(backend.store().ledger(&event_id("evt_1")).await.unwrap(), None);
}

/// Every field of all three, with the versions that the commit wrote.
pub async fn reads_back_what_was_committed<B: StoreBackend>(backend: &B) {
    let commit = apply(backend, &upgrade("evt_1")).await;
    let next = |version: Version| version.next();
    let mut customer = commit.customer.unwrap();
    customer.version = next(customer.version);
    let mut expected = commit.accounts[0].clone();
    expected.version = next(expected.version);
    assert_eq!(account(backend, "ada").await, expected);
    assert_eq!(backend.store().customer(&customer.id).await.unwrap(), Some(customer.clone()));
    let ledger = backend.store().ledger(&event_id("evt_1")).await.unwrap();
    assert_eq!(ledger, Some(commit.ledger));
    let loaded = backend.store().load(&keys(&upgrade("evt_1"))).await.unwrap();
    assert!(loaded.processed);
    assert_eq!(loaded.customer, Some(customer));
    assert_eq!(loaded.accounts[&user_id("ada")].as_ref(), Some(&expected));
}

/// The second time it is a duplicate, and nothing moves.
pub async fn commits_an_event_once<B: StoreBackend>(backend: &B) {
    let commit = apply(backend, &upgrade("evt_1")).await;
    let before = account(backend, "ada").await;
    let again = backend.store().commit(commit).await;
    assert!(matches!(again, Err(StoreError::Duplicate)), "{again:?}");
    assert_eq!(account(backend, "ada").await, before);
}

/// A decision on an old customer is refused whole.
pub async fn refuses_a_customer_that_somebody_else_wrote<B: StoreBackend>(backend: &B) {
    let late = subscription("evt_late", "cus_1", None, Status::PastDue, AT.plus_secs(5));
    let decided_early = decided(backend, &late).await;
    apply(backend, &subscription("evt_1", "cus_1", None, Status::Active, AT)).await;
    let refused = backend.store().commit(decided_early).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(backend.store().ledger(&event_id("evt_late")).await.unwrap(), None);
    assert_eq!(apply(backend, &late).await.ledger.outcome, Outcome::Waiting);
}

/// The act is in the ledger, and the account knows since when its tokens count. It may be a new one.
pub async fn remembers_who_revoked_tokens_and_why<B: StoreBackend>(backend: &B) {
    apply(backend, &upgrade("evt_1")).await;
    for user in ["ada", "bob"] {
        let known = backend.store().account(&user_id(user)).await.unwrap();
        let known = known.unwrap_or_else(|| Account::new(user_id(user), &policy()));
        let act = Act::new("support@example.com", "laptop stolen, says „Ada“").unwrap();
        let commit = revoke(known.clone(), act.clone(), &policy(), AT).unwrap();
        let revoked_before = Some(AT.plus_secs(1));
        assert_eq!(commit.changes[0].revoked_before, revoked_before);
        backend.store().commit(commit.clone()).await.unwrap();
        let account = account(backend, user).await;
        assert_eq!(account.revoked_before, revoked_before);
        assert_eq!((account.role, account.revocation_id), (known.role, known.revocation_id));
        let row = backend.store().ledger(&commit.ledger.event).await.unwrap().unwrap();
        assert_eq!((&row, row.act.as_ref()), (&commit.ledger, Some(&act)));
    }
}

/// The account has the grant, and the id of it is nobody else's, whoever is asked for.
pub async fn lets_a_service_grant_once<B: StoreBackend>(backend: &B) {
    let request = ServiceRequest {
        id: ServiceGrantId::new("web:txn_1").unwrap(),
        role: Role::new("paid"),
        until: Some(AT.plus_days(30)),
        act: Act::new("web", "paid elsewhere").unwrap(),
    };
    let decided = |user: &str| {
        let nobody = Account::new(user_id(user), &policy());
        match grant(nobody, &request, &policy(), AT) {
            Ok(Granted::Commit(commit, _)) => *commit,
            other => panic!("{other:?}"),
        }
    };
    let commit = decided("ada");
    backend.store().commit(commit.clone()).await.unwrap();
    let known = account(backend, "ada").await;
    assert_eq!(
        (known.role.as_str(), &known.service_grants),
        ("paid", &commit.accounts[0].service_grants)
    );
    let row = backend.store().ledger(&commit.ledger.event).await.unwrap();
    assert_eq!(row, Some(commit.ledger));
    let refused = backend.store().commit(decided("bob")).await;
    assert!(matches!(refused, Err(StoreError::Duplicate)), "{refused:?}");
    assert_eq!(backend.store().account(&user_id("bob")).await.unwrap(), None);
    let again = grant(known.clone(), &request, &policy(), AT);
    assert!(matches!(again, Ok(Granted::Known(_))), "{again:?}");
    let withdrawn = withdraw(known, &request.id, &request.act, &policy(), AT.plus_secs(1));
    let Ok(Granted::Commit(commit, _)) = withdrawn else { panic!("{withdrawn:?}") };
    backend.store().commit(*commit).await.unwrap();
    assert_eq!(account(backend, "ada").await.role.as_str(), "free");
}

/// Two customers of one user: the second decision on the same account is refused.
pub async fn refuses_an_account_that_somebody_else_wrote<B: StoreBackend>(backend: &B) {
    apply(backend, &upgrade("evt_1")).await;
    let other = subscription("evt_2", "cus_2", Some("ada"), Status::Active, AT);
    let decided_early = decided(backend, &other).await;
    let end = subscription("evt_3", "cus_1", Some("ada"), Status::Unpaid, AT.plus_secs(9));
    apply(backend, &end).await;
    let refused = backend.store().commit(decided_early).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(backend.store().customer(&customer_id("cus_2")).await.unwrap(), None);
    apply(backend, &other).await;
    assert_eq!(account(backend, "ada").await.role.as_str(), "paid");
}

/// Of two that create the same customer or account, one comes first.
pub async fn refuses_two_firsts<B: StoreBackend>(backend: &B) {
    let (one, two) = (upgrade("evt_1"), upgrade("evt_2"));
    let decisions = [decided(backend, &one).await, decided(backend, &two).await];
    let results = join_all(decisions.map(|commit| backend.store().commit(commit))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert_eq!(account(backend, "ada").await.version, Version(1));
}

/// Where the second account conflicts, neither the first nor the ledger is written.
pub async fn writes_all_of_a_commit_or_nothing<B: StoreBackend>(backend: &B) {
    apply(backend, &upgrade("evt_1")).await;
    let mut relink = decided(backend, &to_bob("evt_2")).await;
    assert_eq!(relink.accounts.len(), 2);
    relink.accounts[1].version = Version(41);
    let before = account(backend, "ada").await;
    let refused = backend.store().commit(relink).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(account(backend, "ada").await, before);
    assert_eq!(backend.store().account(&user_id("bob")).await.unwrap(), None);
    assert_eq!(backend.store().ledger(&event_id("evt_2")).await.unwrap(), None);
}

/// An event that names no user still finds whose customer it is.
pub async fn loads_the_account_of_the_customers_user<B: StoreBackend>(backend: &B) {
    apply(backend, &upgrade("evt_1")).await;
    let keys = LoadKeys {
        customer: Some(customer_id("cus_1")),
        ..keys(&subscription("evt_2", "cus_2", Some("bob"), Status::Active, AT))
    };
    let loaded = backend.store().load(&keys).await.unwrap();
    let known: Vec<_> =
        loaded.accounts.iter().map(|(user, account)| (user.as_str(), account.is_some())).collect();
    assert_eq!(known, [("ada", true), ("bob", false)]);
}

/// The subscription of `upgrade`, moved to another user by its metadata.
fn to_bob(event: &str) -> Event {
    subscription(event, "cus_1", Some("bob"), Status::Active, AT.plus_secs(1))
}

/// A subscription that changes hands takes its grant along.
pub async fn moves_a_grant_between_two_accounts_at_once<B: StoreBackend>(backend: &B) {
    apply(backend, &upgrade("evt_1")).await;
    let commit = apply(backend, &to_bob("evt_2")).await;
    let owners: Vec<_> = commit.ledger.owners.iter().map(|owner| owner.user.as_str()).collect();
    assert_eq!(owners, ["ada", "bob"]);
    let ledger = backend.store().ledger(&event_id("evt_2")).await.unwrap();
    assert_eq!(ledger, Some(commit.ledger));
    assert_eq!(account(backend, "ada").await.role.as_str(), "free");
    assert_eq!(account(backend, "bob").await.role.as_str(), "paid");
}

/// Many customers of one user at once: each retries until it is in, and none is lost.
pub async fn serializes_racing_commits<B: StoreBackend>(backend: &B) {
    let racer = async |n: usize| {
        let (event, customer) = (format!("evt_{n}"), format!("cus_{n}"));
        let event = subscription(&event, &customer, Some("ada"), Status::Active, AT);
        loop {
            let commit = decided(backend, &event).await;
            match backend.store().commit(commit).await {
                Ok(()) => return,
                Err(StoreError::Conflict) => tokio::task::yield_now().await,
                Err(error) => panic!("{error:?}"),
            }
        }
    };
    join_all((0..8).map(racer)).await;
    let account = account(backend, "ada").await;
    assert_eq!(account.grants.len(), 8);
    assert_eq!(account.version, Version(8));
    assert_eq!(account.revocation_id.0, 1);
}

/// The users due at that time, once there are `count`: an index may follow its table.
async fn expired<B: StoreBackend>(backend: &B, now: Timestamp, count: usize) -> Vec<String> {
    let mut due = Vec::new();
    eventually(&format!("{count} are due"), async || {
        due = backend.store().expired(now, 10).await.unwrap();
        due.len() == count
    })
    .await;
    due.iter().map(ToString::to_string).collect()
}

/// Users are due from the end of their access, grace included, until they are settled; the longest
/// overdue first.
pub async fn names_users_whose_access_expired<B: StoreBackend>(backend: &B) {
    let later = AT.plus_days(1);
    apply(backend, &subscription("evt_b", "cus_b", Some("bob"), Status::Active, later)).await;
    apply(backend, &upgrade("evt_a")).await;
    let end = AT.plus_days(33);
    assert_eq!(expired(backend, later.plus_days(33), 2).await, ["ada", "bob"]);
    assert_eq!(expired(backend, end, 1).await, ["ada"]);
    assert!(expired(backend, end.plus_secs(-1), 0).await.is_empty());
    assert_eq!(backend.store().expired(later.plus_days(33), 1).await.unwrap(), [user_id("ada")]);
    let settled = expire(account(backend, "ada").await, &policy(), end).unwrap();
    backend.store().commit(settled).await.unwrap();
    assert_eq!(expired(backend, later.plus_days(33), 1).await, ["bob"]);
}

async fn load<B: StoreBackend>(backend: &B, event: &Event) -> Loaded {
    backend.store().load(&keys(event)).await.unwrap()
}

/// A payment is found by its id, with its subject, what was given back of it, and its invoice.
pub async fn reads_back_payments_and_invoices<B: StoreBackend>(backend: &B) {
    let paid = invoice_payment("evt_1", "in_1", "pi_1", AT);
    apply(backend, &paid).await;
    let commit = apply(backend, &refund("evt_2", "pi_1", AT)).await;
    // The refund led over the invoice, and so writes that too.
    let (mut payment, mut invoice) = (commit.payments[0].clone(), commit.invoices[0].clone());
    payment.version = payment.version.next();
    invoice.version = invoice.version.next();
    assert_eq!((payment.version, invoice.version), (Version(2), Version(2)));
    let loaded = load(backend, &paid).await;
    assert_eq!(loaded.payments.into_values().collect::<Vec<_>>(), [payment]);
    assert_eq!(loaded.invoices.into_values().collect::<Vec<_>>(), [invoice]);
}

/// Of two decisions on one payment the second is refused, and none of its rows is written.
pub async fn refuses_a_payment_that_somebody_else_wrote<B: StoreBackend>(backend: &B) {
    let paid = invoice_payment("evt_1", "in_1", "pi_1", AT);
    let late = decided(backend, &paid).await;
    apply(backend, &refund("evt_2", "pi_1", AT)).await;
    let refused = backend.store().commit(late).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let loaded = load(backend, &paid).await;
    assert!(!loaded.processed);
    assert_eq!(loaded.invoices.into_values().next().unwrap().version, Version(0));
}

/// Every customer and every account is on exactly one page.
pub async fn goes_through_everything_page_by_page<B: StoreBackend>(backend: &B) {
    for n in 0..7 {
        let (event, customer) = (format!("evt_{n}"), format!("cus_{n}"));
        let user = format!("user_{}", n % 5);
        apply(backend, &subscription(&event, &customer, Some(&user), Status::Active, AT)).await;
    }
    let (mut customers, mut accounts) = (Vec::new(), Vec::new());
    let mut next = None;
    loop {
        let page = backend.store().customers(next.as_deref(), 3).await.unwrap();
        customers.extend(page.items.into_iter().map(|customer| customer.id.to_string()));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    loop {
        let page = backend.store().accounts(next.as_deref(), 3).await.unwrap();
        accounts.extend(page.items.into_iter().map(|account| (account.user, account.version)));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    customers.sort();
    accounts.sort();
    assert_eq!(customers, (0..7).map(|n| format!("cus_{n}")).collect::<Vec<_>>());
    let versions = [2, 2, 1, 1, 1].into_iter().enumerate();
    let expected = versions.map(|(n, version)| (user_id(&format!("user_{n}")), Version(version)));
    assert_eq!(accounts, expected.collect::<Vec<_>>());
    let asked = ["user_3", "nobody", "user_0"].map(user_id).to_vec();
    let mut found = backend.store().accounts_of(asked).await.unwrap();
    found.sort_by(|a, b| a.user.cmp(&b.user));
    let found: Vec<_> = found.iter().map(|account| account.user.as_str()).collect();
    assert_eq!(found, ["user_0", "user_3"]);
}

/// It starts with none and keeps the last that was noted.
pub async fn remembers_the_policy_and_the_progress_of_its_change<B: StoreBackend>(backend: &B) {
    let store = backend.store();
    assert_eq!(store.policy_state().await.unwrap(), None);
    for progress in [
        Some(Progress::Customers(None)),
        Some(Progress::Customers(Some("cus_1".to_owned()))),
        Some(Progress::Accounts(None)),
        None,
    ] {
        let state = PolicyState {
            generation: 7,
            because: SystemEvent::ClockCorrected,
            fingerprint: "f00d".to_owned(),
            progress,
        };
        store.set_policy_state(state.clone()).await.unwrap();
        assert_eq!(store.policy_state().await.unwrap(), Some(state));
    }
}

/// It starts with none, and keeps the last place and everything that was found by then.
pub async fn remembers_how_far_a_reconciliation_has_come<B: StoreBackend>(backend: &B) {
    let store = backend.store();
    assert_eq!(store.reconciliation().await.unwrap(), None);
    let mut state = Reconciliation::new(Because::Reconcile, AT);
    state.report.note_fixed(Some(customer_id("cus_1")));
    state.report.note_unmapped("price_new".to_owned());
    let mut list = Listed::Customers;
    for after in ["cus_9", "sub_9", "cs_9", "re_9", "dp_9", "evt_9"] {
        state.report.checked += 100;
        state.next = Some(Place { list, after: Some(after.to_owned()) });
        store.set_reconciliation(state.clone()).await.unwrap();
        assert_eq!(store.reconciliation().await.unwrap().as_ref(), Some(&state), "{list:?}");
        list = list.next();
    }
    state.report.note_webhook(customer_id("cus_1"), Webhook::Failed);
    (state.next, state.ended_at) = (None, Some(AT.plus_secs(60)));
    store.set_reconciliation(state.clone()).await.unwrap();
    assert_eq!(store.reconciliation().await.unwrap(), Some(state));
}
