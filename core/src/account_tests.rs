//! Tests of `account`: the effective role of several grants, a manual role, and time.

use serde_json::{Value, json};

use super::*;
use crate::{
    policy::{
        PolicyConfig,
        tests::{config, policy},
    },
    subscription::Status,
};

const DAY: i64 = 86_400;

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
        let mut earned = json!({"role": role, "shown": {}});
        if let Some(expiry) = expiry {
            earned["expires"] = json!(at(expiry));
            earned["until"] = json!(at(expiry + 10));
        }
        earned
    };
    let roles: Value = text.split_whitespace().map(earned).collect();
    serde_json::from_value(json!({"roles": roles})).unwrap()
}

/// A grant of passes by `role@start+days`, by blanks.
fn passes(text: &str) -> Grant {
    let pass = |one: &str| {
        let (role, when) = one.split_once('@').unwrap();
        let (start, days) = when.split_once('+').unwrap();
        let start: i64 = start.parse().unwrap();
        json!({"role": role, "starts_at": at(start * DAY), "days": days.parse::<u32>().unwrap()})
    };
    let passes: Value = text.split_whitespace().map(pass).collect();
    serde_json::from_value(json!({"passes": passes})).unwrap()
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
        let subscription_expires_at = expires.map(at);
        let standing = Standing {
            subscription_active: active,
            subscription_expires_at,
            ..Standing::default()
        };
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
        let previous_role = (before.as_str() != role).then_some(before);
        assert_eq!(changed.previous_role, previous_role, "step {step}");
        assert_eq!((account.role.as_str(), account.revocation_id.0), (role, revocation_id));
        assert_eq!(account.role_assigned_by.clone().zip(account.role_assigned_at), expected_by);
        assert_eq!(account.standing.subscription_active, role != "free");
        let again: Account =
            serde_json::from_str(&serde_json::to_string(&account).unwrap()).unwrap();
        assert_eq!(again, account);
    }
}

/// A grant of a subscription in that status, until then; of features if there is no status.
fn subscribed(status: &str, role: &str, until: i64) -> Grant {
    let shown = json!({"status": status});
    let role = json!({"role": role, "expires": at(until), "until": at(until), "shown": shown});
    let grant = match status {
        "" => json!({"features": ["export"]}),
        "unpaid" => json!({"troubled": shown}),
        _ => json!({"roles": [role]}),
    };
    serde_json::from_value(grant).unwrap()
}

#[test]
fn a_full_account_makes_room_for_what_is_worth_more() {
    let policy = policy();
    // Each is worth less than the next.
    let worths = [
        ("unpaid", "paid", 0),
        ("active", "paid", 10),
        ("", "", 0),
        ("trialing", "paid", 100),
        ("past_due", "paid", 200),
        ("trialing", "pro", 100),
        ("active", "paid", 100),
        ("active", "paid", 200),
        ("active", "pro", 100),
    ];
    let now = at(50);
    for (index, (status, role, until)) in worths.into_iter().enumerate() {
        let mut full = account(&[], None);
        for n in 0..CUSTOMERS_PER_USER_MAX {
            full.set_grant(&customer(n), subscribed(status, role, until)).unwrap();
        }
        for (other, (status, role, until)) in worths.into_iter().enumerate() {
            let mut account = full.clone();
            let grant = subscribed(status, role, until);
            let admitted = account.admit_grant(&customer(99), grant.clone(), &policy, now);
            // The first two give no access, and no access is never worth a place.
            let expected = match other {
                0 | 1 => Ok(false),
                _ if other > index => Ok(true),
                _ => Err(Error::TooManyCustomers(account.user.clone())),
            };
            assert_eq!(admitted, expected, "{other} among {index}");
            assert_eq!(account.grants.get("cus_99"), (expected == Ok(true)).then_some(&grant));
            assert_eq!(account.grants.len(), CUSTOMERS_PER_USER_MAX);
        }
    }
}

#[test]
fn a_pass_that_extends_others_keeps_its_place() {
    let policy = Policy::new(PolicyConfig { stack: Stack::Extend, ..config() }).unwrap();
    let mut account = account(&[], None);
    // One that ended, a gap, and a chain.
    account.set_grant(&customer(0), passes("paid@0+5")).unwrap();
    for n in 1..CUSTOMERS_PER_USER_MAX {
        account.set_grant(&customer(n), passes("paid@100+2")).unwrap();
    }
    let now = at(110 * DAY);
    let mut admit = |n, grant| account.admit_grant(&customer(n), grant, &policy, now);
    assert_eq!(admit(98, passes("paid@110+2")), Ok(true));
    let full = admit(99, passes("paid@110+2")).unwrap_err();
    assert_eq!(full, Error::TooManyCustomers(account.user.clone()));
    assert!(!account.grants.contains_key("cus_0"), "the one that ended made room");
    let end = account.effective(&policy, now).standing.subscription_expires_at;
    let days = 2 * i64::try_from(CUSTOMERS_PER_USER_MAX).unwrap();
    assert_eq!(end, Some(at((100 + days) * DAY)));
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

#[test]
fn passes_of_one_role_add_up_by_the_policy() {
    for (grants, role, extend, longest) in [
        (&["paid@0+30"][..], "paid", 30, 30),
        // Each begins when the one before it ends.
        (&["paid@0+30 paid@10+30"], "paid", 60, 40),
        (&["paid@10+30 paid@0+30"], "paid", 60, 40),
        (&["paid@0+90 paid@10+30"], "paid", 120, 90),
        // A gap is not paid for.
        (&["paid@0+5 paid@10+30"], "paid", 40, 40),
        // So do those of several customers, such as two guests that are one user.
        (&["paid@0+30", "paid@10+30"], "paid", 60, 40),
        // Other roles are passes of their own.
        (&["paid@0+30 pro@10+30"], "pro", 40, 40),
    ] {
        for (stack, days) in [(Stack::Extend, extend), (Stack::Longest, longest)] {
            let policy = Policy::new(PolicyConfig { stack, ..config() }).unwrap();
            let mut account = account(&[], None);
            for (n, text) in grants.iter().enumerate() {
                account.set_grant(&customer(n), passes(text)).unwrap();
            }
            let (now, end) = (at(11 * DAY), at(days * DAY));
            let standing = account.effective(&policy, now).standing;
            assert_eq!(standing.subscription_expires_at, Some(end), "{grants:?} {stack:?}");
            // There is no grace: nothing is charged again.
            let before = account.effective(&policy, end.plus_millis(-1));
            assert_eq!(before.role.as_str(), role, "{grants:?} {stack:?}");
            assert_ne!(account.effective(&policy, end).role.as_str(), role, "{grants:?}");
        }
    }
}

#[test]
fn a_subscription_and_a_pass_are_the_better_of_the_two() {
    let mut account = account(&["paid@864000"], None);
    account.set_grant(&customer(1), passes("paid@0+30")).unwrap();
    let settle = |account: &mut Account, now| {
        account.settle(&policy(), at(now), &EventId::new("evt_1").unwrap());
        (account.role.to_string(), account.next_expiry_at.map(Timestamp::as_secs))
    };
    let paid = || "paid".to_owned();
    assert_eq!(settle(&mut account, 50), (paid(), Some(864_010)));
    assert_eq!(account.standing.subscription_expires_at, Some(at(30 * DAY)));
    assert_eq!(settle(&mut account, 864_010), (paid(), Some(30 * DAY)));
    assert_eq!(settle(&mut account, 30 * DAY), ("free".to_owned(), None));
}

#[test]
fn a_role_has_its_features_and_those_of_the_roles_below() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let features = [("free", &["read"][..]), ("paid", &["export", "share"]), ("operator", &["su"])];
    let features = features.map(|(role, list)| (role.to_owned(), names(list))).to_vec();
    let policy = Policy::new(PolicyConfig { features, ..config() }).unwrap();
    for (grants, manual, expected) in [
        (&[][..], None, "read"),
        (&["paid@100"][..], None, "export read share"),
        (&["pro@100"], None, "export read share"),
        (&[], Some("paid"), "export read share"),
        (&["paid@100"], Some("operator"), "export read share su"),
        (&["paid@1"], None, "read"),
    ] {
        let mut account = account(grants, manual);
        let show = |account: &Account| {
            let features = account.effective(&policy, at(50)).standing.features;
            features.iter().map(|name| &**name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(show(&account), expected, "{grants:?} {manual:?}");
        // Those by Stripe's entitlements come on top, whatever the role.
        let by_stripe = serde_json::from_value(json!({"features": ["export", "x"]})).unwrap();
        account.set_grant(&customer(9), by_stripe).unwrap();
        let with = show(&account);
        assert!(with.contains("export") && with.ends_with('x'), "{with}");
    }
}

#[test]
fn what_is_shown_is_that_of_the_best_or_of_what_is_not_over() {
    let shown = |text: &str| {
        let shown = |status: &str| json!({"status": status});
        let mut grant = json!({"roles": []});
        for one in text.split_whitespace() {
            match one.split_once('=') {
                Some((role, status)) => {
                    let roles = grant["roles"].as_array_mut().unwrap();
                    roles.push(json!({"role": role, "shown": shown(status)}));
                }
                None => grant["troubled"] = shown(one),
            }
        }
        serde_json::from_value::<Grant>(grant).unwrap()
    };
    for (grants, status) in [
        (&[][..], None),
        (&["paid=active"][..], Some("active")),
        (&["paid=active", "pro=trialing"], Some("trialing")),
        (&["paid=active unpaid"], Some("active")),
        (&["unpaid"], Some("unpaid")),
        (&["unpaid", "paused"], Some("paused")),
    ] {
        let mut account = account(&[], None);
        for (n, text) in grants.iter().enumerate() {
            account.set_grant(&customer(n), shown(text)).unwrap();
        }
        let standing = account.effective(&policy(), at(50)).standing;
        assert_eq!(standing.shown.status.as_ref().map(Status::as_str), status, "{grants:?}");
    }
    // A purchase shows no status, although a subscription is in trouble.
    let mut account = account(&[], None);
    account.set_grant(&customer(0), shown("past_due")).unwrap();
    account.set_grant(&customer(1), grant("paid@-")).unwrap();
    assert_eq!(account.effective(&policy(), at(50)).standing.shown, Shown::default());
}

#[test]
fn settling_tells_a_change_of_the_standing_from_one_of_the_role() {
    let mut account = account(&[], None);
    for (now, text, previous, standing_changed) in [
        (1, "", None, false),
        (2, "paid@100", Some("free"), true),
        (3, "paid@100", None, false),
        (4, "paid@200", None, true),
        (5, "pro@200", Some("paid"), false),
        (6, "", Some("pro"), true),
    ] {
        account.set_grant(&customer(0), grant(text)).unwrap();
        let by = EventId::new("evt_1").unwrap();
        let settled = account.settle(&policy(), at(now), &by);
        let previous_role = previous.map(Role::new);
        assert_eq!(settled, Settled { previous_role, standing_changed }, "{text}");
        let changed_now = account.changed_at == Some(at(now));
        assert_eq!(changed_now, standing_changed || previous.is_some(), "{text}");
    }
}
