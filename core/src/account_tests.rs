//! Tests of `account`: the effective role of several grants, a manual role, and time.

use serde_json::{Value, json};

use super::*;
use crate::policy::tests::policy;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn customer(n: usize) -> CustomerId {
    CustomerId::new(&format!("cus_{n}")).unwrap()
}

/// A grant by `role@expiry` with 10 s of grace, by blanks; `-` is without end.
fn grant(text: &str) -> Grant {
    let earned = |one: &str| {
        let (role, expiry) = one.split_once('@').unwrap();
        let expiry = expiry.parse::<i64>().ok();
        let mut earned = json!({"role": role});
        if let Some(expiry) = expiry {
            earned["expires"] = json!(at(expiry));
            earned["until"] = json!(at(expiry + 10));
        }
        earned
    };
    serde_json::from_value(text.split_whitespace().map(earned).collect::<Value>()).unwrap()
}

fn account(grants: &[&str], manual: Option<&str>) -> Account {
    let mut account = Account::new(UserId::new("ada").unwrap(), &policy());
    account.manual_role = manual.map(Role::new);
    for (n, text) in grants.iter().enumerate() {
        account.set_grant(&customer(n), grant(text)).unwrap();
    }
    account
}

#[test]
fn the_highest_of_what_lasts_is_effective() {
    let none = None::<i64>;
    for (grants, manual, now, role, active, expires) in [
        (&[][..], None, 50, "free", false, none),
        (&["paid@100"], None, 50, "paid", true, Some(100)),
        // Access lasts through the grace, to the second.
        (&["paid@100"], None, 109, "paid", true, Some(100)),
        (&["paid@100"], None, 110, "free", false, none),
        (&["paid@-"], None, 1_000_000, "paid", true, none),
        // Several customers: the highest role, and of equal ones the longest.
        (&["paid@200", "pro@100"], None, 50, "pro", true, Some(100)),
        (&["paid@200", "pro@100"], None, 150, "paid", true, Some(200)),
        (&["paid@100", "paid@200"], None, 50, "paid", true, Some(200)),
        (&["paid@200", "paid@-", "paid@100"], None, 50, "paid", true, none),
        (&["paid@200 pro@100"], None, 150, "paid", true, Some(200)),
        // A manual role raises and never lowers the role. It is not a subscription and has no end.
        (&[], Some("paid"), 50, "paid", false, none),
        (&["paid@100"], Some("operator"), 50, "operator", true, Some(100)),
        (&["pro@100"], Some("operator"), 500, "operator", false, none),
        (&["pro@100"], Some("paid"), 50, "pro", true, Some(100)),
        (&["pro@100"], Some("paid"), 150, "paid", false, none),
        (&["paid@100"], Some("free"), 50, "paid", true, Some(100)),
        // A role that the policy no longer has ranks lowest.
        (&["paid@100"], Some("gone"), 50, "paid", true, Some(100)),
    ] {
        let got = account(grants, manual).effective(&policy(), at(now));
        let standing =
            Standing { subscription_active: active, subscription_expires_at: expires.map(at) };
        let expected = Effective { role: Role::new(role), standing };
        assert_eq!(got, expected, "{grants:?} {manual:?} at {now}");
    }
}

#[test]
fn the_revocation_id_counts_changes_of_role_alone() {
    let (policy, by) = (policy(), |n: u64| EventId::new(&format!("evt_{n}")).unwrap());
    let mut account = account(&[], None);
    let mut expected_by = None;
    for (step, (grant_text, now, role, revocation_id)) in (0_u64..).zip([
        ("", 1, "free", 0),
        ("paid@100", 2, "paid", 1),
        ("paid@200", 3, "paid", 1),
        ("paid@200", 4, "paid", 1),
        ("paid@200 pro@50", 5, "pro", 2),
        ("paid@200 pro@50", 60, "paid", 3),
        ("paid@-", 61, "paid", 3),
        ("", 62, "free", 4),
    ]) {
        let before = account.role.clone();
        account.set_grant(&customer(0), grant(grant_text)).unwrap();
        let changed = account.settle(&policy, at(now), &by(step));
        if before.as_str() != role {
            expected_by = Some((by(step), at(now)));
        }
        assert_eq!(changed, (before.as_str() != role).then_some(before), "step {step}");
        assert_eq!((account.role.as_str(), account.revocation_id.0), (role, revocation_id));
        assert_eq!(account.role_assigned_by.clone().zip(account.role_assigned_at), expected_by);
        assert_eq!(account.standing.subscription_active, role != "free");
        let again: Account =
            serde_json::from_str(&serde_json::to_string(&account).unwrap()).unwrap();
        assert_eq!(again, account);
    }
}

#[test]
fn a_grant_says_whether_it_is_news_and_has_its_limit() {
    let mut account = account(&[], None);
    for (n, text, news) in [
        (0, "", false),
        (0, "paid@100", true),
        (0, "paid@100", false),
        (0, "paid@101", true),
        (1, "paid@101", true),
        (0, "", true),
        (0, "", false),
    ] {
        assert_eq!(account.set_grant(&customer(n), grant(text)), Ok(news), "{n} {text:?}");
    }
    for n in 1..=CUSTOMERS_PER_USER_MAX {
        account.set_grant(&customer(n), grant("paid@5")).unwrap();
    }
    let full = Err(Error::TooManyCustomers(account.user.clone()));
    assert_eq!(account.set_grant(&customer(0), grant("paid@5")), full);
    assert_eq!(account.set_grant(&customer(0), grant("")), Ok(false));
    assert_eq!(
        account.set_grant(&customer(1), grant("paid@6")),
        Ok(true),
        "a known one may change"
    );
    assert_eq!(account.set_grant(&customer(1), grant("")), Ok(true), "and go");
    assert_eq!(account.set_grant(&customer(0), grant("paid@5")), Ok(true), "then there is room");
}
