//! Grants by services: each happens once, counts until its end, and leaves everything else as it is.

use super::*;
use crate::{
    account::Account,
    change::ChangeKind,
    decide::{assign, expire},
    id::UserId,
    policy::tests::policy,
};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn request(id: &str, role: &str, until: Option<Timestamp>) -> ServiceRequest {
    ServiceRequest {
        id: ServiceGrantId::new(id).unwrap(),
        role: Role::new(role),
        until,
        act: Act::new("web", "paid elsewhere").unwrap(),
    }
}

fn ada() -> Account {
    Account::new(UserId::new("ada").unwrap(), &policy())
}

/// The account after a commit.
fn committed(granted: Granted) -> (Account, Commit) {
    let Granted::Commit(mut commit, _) = granted else { panic!("{granted:?}") };
    let mut account = commit.accounts.remove(0);
    account.version = account.version.next();
    (account, *commit)
}

#[test]
fn a_grant_happens_once_and_its_id_belongs_to_it() {
    let policy = policy();
    let until = NOW.plus_days(30);
    let asked = request("web:t1", "paid", Some(until));
    let (account, commit) = committed(grant(ada(), &asked, &policy, NOW).unwrap());
    assert_eq!(commit.ledger.event.as_str(), "tierlift.grant.created.0.web:t1");
    assert_eq!(commit.ledger.act, Some(asked.act.clone()));
    assert_eq!((commit.changes[0].kind, account.role.as_str()), (ChangeKind::Upgraded, "paid"));
    assert_eq!(account.standing.subscription_expires_at, Some(until));
    let later = NOW.plus_days(60);
    let Granted::Known(known) = grant(account.clone(), &asked, &policy, later).unwrap() else {
        panic!("it was granted twice");
    };
    assert_eq!((known.granted_at, known.withdrawn_at), (NOW, None), "even after its end");
    for other in [
        request("web:t1", "pro", Some(until)),
        request("web:t1", "paid", None),
        request("web:t1", "paid", Some(until.plus_secs(1))),
    ] {
        assert_eq!(grant(account.clone(), &other, &policy, NOW), Err(GrantError::Differs));
    }
    let other = request("app:t1", "pro", None);
    let (account, _) = committed(grant(account, &other, &policy, NOW).unwrap());
    assert_eq!(account.role.as_str(), "pro", "another service has ids of its own");
}

#[test]
fn a_grant_ends_by_its_time_or_when_it_is_withdrawn() {
    let policy = policy();
    let until = NOW.plus_days(30);
    let asked = request("web:t1", "pro", Some(until));
    let (account, _) = committed(grant(ada(), &asked, &policy, NOW).unwrap());
    let (account, _) =
        committed(grant(account, &request("web:t2", "paid", None), &policy, NOW).unwrap());
    assert_eq!(account.next_expiry_at, Some(until), "the clock settles it, without grace");
    let expired = expire(account.clone(), &policy, until).unwrap();
    assert_eq!(expired.accounts[0].role.as_str(), "paid");
    let withdrawn = withdraw(account.clone(), &asked.id, &asked.act, &policy, NOW).unwrap();
    let (account, commit) = committed(withdrawn);
    assert_eq!(commit.ledger.event.as_str(), "tierlift.grant.withdrawn.0.web:t1");
    assert_eq!((account.role.as_str(), account.next_expiry_at), ("paid", None));
    // Both are known from then on.
    let again = withdraw(account.clone(), &asked.id, &asked.act, &policy, NOW.plus_secs(1));
    let Ok(Granted::Known(known)) = again else { panic!("{again:?}") };
    assert_eq!(known.withdrawn_at, Some(NOW));
    assert_eq!(grant(account.clone(), &asked, &policy, NOW), Ok(Granted::Known(known)));
    let (account, _) = committed(
        withdraw(account, &request("web:t2", "paid", None).id, &asked.act, &policy, NOW).unwrap(),
    );
    assert_eq!(account.role.as_str(), "free");
    let unknown = ServiceGrantId::new("web:t3").unwrap();
    assert_eq!(withdraw(account, &unknown, &asked.act, &policy, NOW), Err(GrantError::Missing));
}

#[test]
fn a_grant_touches_neither_the_manual_role_nor_what_was_paid_for() {
    let policy = policy();
    let manual = assign(ada(), Some(Role::new("pro")), &policy, NOW).unwrap().accounts.remove(0);
    let (account, commit) =
        committed(grant(manual, &request("web:t1", "paid", None), &policy, NOW).unwrap());
    assert_eq!((account.role.as_str(), account.manual_role), ("pro", Some(Role::new("pro"))));
    assert_eq!(commit.changes[0].kind, ChangeKind::Subscription, "something is active now");
    // A role that the policy no longer has earns nothing.
    let (account, _) =
        committed(grant(ada(), &request("web:t1", "gone", None), &policy, NOW).unwrap());
    assert_eq!((account.role.as_str(), account.standing.subscription_active), ("free", false));
}
