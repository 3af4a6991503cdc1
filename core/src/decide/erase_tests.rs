//! Erasures: what they leave of an account, of a customer that several users share, and of the ledger.

use super::*;
use crate::{
    decide::{Granted, ServiceRequest, grant},
    id::{CustomerId, EventId, ServiceGrantId},
    ledger::Owner,
    policy::{Role, tests::policy},
};

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn act(reason: &str) -> Act {
    Act::new("eve", reason).unwrap()
}

fn erasure() -> Erasure {
    Erasure::new(user("ada"), act("request 4711"), NOW).unwrap()
}

#[test]
fn an_account_keeps_nothing_but_which_tokens_are_refused() {
    let policy = policy();
    let request = ServiceRequest {
        id: ServiceGrantId::new("web:t1").unwrap(),
        role: Role::new("paid"),
        until: None,
        act: act("paid elsewhere"),
    };
    let ada = Account::new(user("ada"), &policy);
    let Granted::Commit(granted, _) = grant(ada, &request, &policy, NOW).unwrap() else {
        panic!("it was granted before");
    };
    let mut account = granted.accounts[0].clone();
    (account.manual_role, account.version) = (Some(Role::new("operator")), account.version.next());
    let commit = erasure().account(account.clone(), &policy, NOW).unwrap();
    let left = &commit.accounts[0];
    let blank = Account {
        version: account.version,
        revocation_id: account.revocation_id.next(),
        revoked_before: Some(NOW.plus_secs(1)),
        changed_at: Some(NOW),
        standing: left.standing.clone(),
        ..Account::new(user("ada"), &policy)
    };
    assert_eq!(*left, blank);
    assert!(!account.is_blank() && left.is_blank());
    assert_eq!(commit.account_expires_at(left), Some(NOW.plus_days(30)));
    assert_eq!(commit.changes[0].revoked_before, left.revoked_before, "sockets end");
    let row = &commit.ledger;
    assert_eq!(row.owners[0].user.as_str(), "erased-1795000000000000");
    assert_eq!(row.act.as_ref().map(Act::reason), Some("request 4711"));
}

#[test]
fn what_a_user_owns_of_a_shared_customer_becomes_nobody_elses() {
    let policy = policy();
    let mut customer = Customer::new(CustomerId::new("cus_1").unwrap());
    customer.links.manual = Some(user("ada"));
    for (id, link) in [("sub_1", Some("ada")), ("sub_2", Some("bob")), ("sub_3", None)] {
        let subscription =
            customer.subscriptions.entry(SubscriptionId::new(id).unwrap()).or_default();
        subscription.link = link.map(user);
        let value = user(if id == "sub_2" { "ada" } else { "bob" });
        subscription.checkout = Some(Latest { at_secs: 1, value });
    }
    let commit = erasure().customer(customer, BTreeMap::new(), &policy, NOW).unwrap();
    let left = commit.customer.clone().unwrap();
    // `sub_3` was hers by the link of the customer, though a checkout of it names bob.
    assert_eq!(
        left.subscriptions.keys().map(SubscriptionId::as_str).collect::<Vec<_>>(),
        ["sub_2"]
    );
    assert!(!left.mentions(&user("ada")) && left.mentions_only(&user("bob")));
    assert_eq!(commit.customer_expires_at(&left), None);
    assert_eq!(erasure().customer(left, BTreeMap::new(), &policy, NOW), None, "once");
}

#[test]
fn a_row_names_its_user_nowhere_and_no_two_become_one() {
    let long = "x".repeat(crate::limits::ID_BYTES_MAX);
    let renamed = |kind, subject: &str, of: &str| {
        let row = LedgerEntry::for_system_event(kind, subject, 7, NOW).unwrap();
        let owner = |id| Owner {
            user: id,
            from_role: Role::new("free"),
            to_role: Role::new("paid"),
            revocation_id: crate::id::RevocationId(1),
        };
        let row = LedgerEntry { owners: vec![owner(user(of)), owner(user("bob"))], ..row };
        let row = row.without_user(&user(of), &user("erased-1"));
        let owners: Vec<_> = row.owners.iter().map(|owner| owner.user.as_str()).collect();
        assert_eq!(owners, ["erased-1", "bob"]);
        row.event
    };
    let id = |text: &str| EventId::new(text).unwrap();
    for (kind, subject, of, event) in [
        (SystemEvent::TokensRevoked, "ada", "ada", "tierlift.tokens.revoked.7.erased-1"),
        (SystemEvent::PolicyChanged, "user.ada", "ada", "tierlift.policy.changed.7.user.erased-1"),
        (
            SystemEvent::ServiceGranted,
            "web:ada/1",
            "ada",
            "tierlift.grant.created.7.web:erased-1/1",
        ),
        (
            SystemEvent::ServiceGranted,
            "web:ada/2",
            "ada",
            "tierlift.grant.created.7.web:erased-1/2",
        ),
        (SystemEvent::Linked, "cus_ada", "ada", "tierlift.owner.linked.7.cus_ada"),
        (SystemEvent::TokensRevoked, &long, &long, "tierlift.tokens.revoked.7.erased-1"),
    ] {
        assert_eq!(renamed(kind, subject, of), id(event), "{subject}");
    }
}

#[test]
fn a_note_names_a_user_only_as_a_word() {
    for (text, is_in) in [
        ("ada asked", true),
        ("asked by ada", true),
        ("(ada)", true),
        ("adamant, Canada, ada_1", false),
        ("ada's Canada", true),
        ("nobody", false),
    ] {
        assert_eq!(erasure().is_in(text), is_in, "{text}");
    }
}
