//! Tests of `accounts`: against an oracle that takes the best of plain numbers.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    epoch::Seen,
    grant::Grant,
    id::CustomerId,
    policy::{PolicyConfig, Role},
    wire::{frame, session::Session},
};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);
const ROLES: [&str; 3] = ["free", "paid", "pro"];
/// The features of each role. Those of lower roles count too.
const FEATURES: [&[&str]; 3] = [&["read"], &["export"], &["audit", "export"]];
const OWN: [&str; 4] = ["a", "b", "c", "d"];

fn policy() -> Policy {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let features = ROLES.iter().zip(FEATURES);
    Policy::new(PolicyConfig {
        roles: texts(&ROLES),
        features: features.map(|(role, names)| ((*role).to_owned(), texts(names))).collect(),
        ..PolicyConfig::default()
    })
    .unwrap()
}

/// An account as plain numbers.
#[derive(Clone, Copy, Debug)]
struct Plain {
    role: usize,
    /// A feature by Stripe's entitlements.
    own: usize,
    epoch: i64,
    rev: u64,
    version: u64,
}

fn plain() -> impl Strategy<Value = Plain> {
    (0..ROLES.len(), 0..OWN.len(), 0..3_i64, 0..100_u64, 0..100_u64)
        .prop_map(|(role, own, epoch, rev, version)| Plain { role, own, epoch, rev, version })
}

fn features(name: &str) -> Grant {
    serde_json::from_value(serde_json::json!({ "features": [name] })).unwrap()
}

fn accounts(plain: &[Plain]) -> Accounts {
    let account = |(index, it): (usize, &Plain)| Account {
        manual_role: Some(Role::new(ROLES[it.role])),
        grants: [(CustomerId::new("cus_1").unwrap(), features(OWN[it.own]))].into(),
        epoch: Epoch(it.epoch),
        revocation_id: RevocationId(it.rev),
        version: Version(it.version),
        ..Account::new(UserId::new(&format!("account{index}")).unwrap(), &policy())
    };
    let mut all = plain.iter().enumerate().map(account);
    let own = all.next().unwrap();
    Accounts::new(own, all.collect())
}

/// The best role, whose it is, and all features, from the numbers alone.
fn oracle(plain: &[Plain]) -> (usize, usize, BTreeSet<&'static str>) {
    let best = plain.iter().map(|it| it.role).max().unwrap();
    let first = plain.iter().position(|it| it.role == best).unwrap();
    let of_roles = FEATURES.iter().take(best + 1).copied().flatten();
    (best, first, of_roles.chain(plain.iter().map(|it| &OWN[it.own])).copied().collect())
}

proptest! {
    #[test]
    fn a_person_has_the_best_of_their_accounts_and_all_features(
        all in proptest::collection::vec(plain(), 1..6),
    ) {
        let accounts = accounts(&all);
        let session = Session::of(&accounts, &policy(), NOW);
        let (best, first, features) = oracle(&all);
        prop_assert_eq!(&session.role, ROLES[best]);
        let found: BTreeSet<&str> = session.standing.features.iter().map(|it| &**it).collect();
        prop_assert_eq!(found, features);
        prop_assert_eq!(&session.user_id, "account0");
        let gives = session.members.as_ref().map(|members| members.account_id.to_string());
        prop_assert_eq!(gives, (all.len() > 1).then(|| format!("account{first}")));
        prop_assert_eq!(session.revocation_id.0, all.iter().map(|it| it.rev).sum::<u64>());
        prop_assert_eq!(session.account_version.0, all.iter().map(|it| it.version).sum::<u64>());
        prop_assert_eq!(session.epoch.0, all.iter().map(|it| it.epoch).max().unwrap());
    }

    /// Whatever account changes, what a client is sent next is not behind what it has.
    #[test]
    fn a_commit_of_any_account_moves_the_counters_forward(
        mut all in proptest::collection::vec(plain(), 1..6),
        which in any::<prop::sample::Index>(),
        step in 0..3,
    ) {
        let before = accounts(&all).counters();
        let latest = all.iter().map(|it| it.epoch).max().unwrap();
        let which = which.index(all.len());
        let changed = &mut all[which];
        changed.version += 1;
        match step {
            0 => {}
            1 => changed.rev += 1,
            // A restored account: what it counts is less, and its epoch later than any before.
            _ => *changed = Plain { epoch: latest + 1, rev: 0, version: 1, ..*changed },
        }
        prop_assert!(accounts(&all).counters() > before);
    }

    #[test]
    fn a_notice_compares_the_best_role_before_and_after(
        all in proptest::collection::vec(plain(), 2..6),
        which in any::<prop::sample::Index>(),
        previous in 0..ROLES.len(),
    ) {
        let which = which.index(all.len());
        let mut before = all.clone();
        before[which].role = previous;
        let (was, is) = (oracle(&before).0, oracle(&all).0);
        let kind = match is.cmp(&was) {
            std::cmp::Ordering::Greater => "ROLE_UPGRADED",
            std::cmp::Ordering::Less => "ROLE_DOWNGRADED",
            std::cmp::Ordering::Equal => "SUBSCRIPTION_CHANGED",
        };
        let accounts = accounts(&all);
        let changed = accounts.all().nth(which).unwrap();
        let change = crate::change::Change {
            kind: crate::change::ChangeKind::Subscription,
            user: changed.user.clone(),
            previous_role: Role::new(ROLES[previous]),
            role: Role::new(ROLES[all[which].role]),
            epoch: changed.epoch,
            revocation_id: changed.revocation_id,
            account_version: changed.version,
            standing: changed.standing.clone(),
            event: crate::id::EventId::new("evt_1").unwrap(),
            role_assigned_at: None,
            revoked_before: None,
            at: NOW,
        };
        let text = frame::notice_for(&change, &accounts, &policy(), NOW);
        let frame: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&frame["type"], kind);
        prop_assert_eq!(&frame["previousRole"], ROLES[was]);
        prop_assert_eq!(&frame["role"], ROLES[is]);
        prop_assert_eq!(&frame["userId"], "account0");
        prop_assert_eq!(frame["accounts"].as_array().unwrap().len(), all.len());
    }
}

#[test]
fn a_client_that_has_seen_more_of_all_begins_an_epoch_of_the_users_own_account_alone() {
    let plain = |epoch, rev| Plain { role: 0, own: 0, epoch, rev, version: rev };
    let seen = |epoch, rev| Seen {
        epoch: Some(Epoch(epoch)),
        revocation_id: RevocationId(rev),
        account_version: Version(rev),
    };
    let two = accounts(&[plain(0, 3), plain(7, 4)]);
    for (seen, is_behind) in [
        (seen(7, 7), false),
        (seen(7, 6), false),
        (seen(0, 99), false),
        (seen(7, 8), true),
        (seen(9, 0), true),
        (Seen { epoch: None, ..seen(7, 99) }, false),
    ] {
        let own = seen.of_own(&two);
        assert_eq!(own.is_ahead_of(two.own()), is_behind, "{seen:?}");
        if is_behind {
            let began = own.epoch_after(two.own(), NOW).unwrap();
            assert!(Some(began) > seen.epoch && began > Epoch(7), "{seen:?}");
        }
    }
    let one = accounts(&[plain(0, 3)]);
    assert_eq!(seen(0, 9).of_own(&one), seen(0, 9));
}
