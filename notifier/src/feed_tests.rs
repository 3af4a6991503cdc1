use std::sync::Mutex;

use tierlift_core::{
    account::Standing,
    change::{Change, ChangeKind},
    id::{Epoch, EventId, RevocationId, UserId, Version},
    policy::Role,
    ports::{Pushed, SocketsError},
    time::Timestamp,
};

use super::*;

/// Every user has one socket, named like the user; some pushes fail, by user and revocation id.
#[derive(Default)]
struct Fleet {
    failing: Vec<(&'static str, u64)>,
    pushed: Mutex<Vec<(String, u64)>>,
}

impl Sockets for Fleet {
    type Id = String;

    async fn for_user(&self, user: &UserId) -> Result<Vec<String>, SocketsError> {
        Ok(vec![user.as_str().to_owned()])
    }

    async fn push(&self, socket: &String, text: &str) -> Result<Pushed, SocketsError> {
        let (_, rest) = text.split_once("\"revocationId\":").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let revocation_id = digits.parse().unwrap();
        if self.failing.contains(&(socket.as_str(), revocation_id)) {
            return Err(SocketsError("throttled".into()));
        }
        self.pushed.lock().unwrap().push((socket.clone(), revocation_id));
        Ok(Pushed::Sent)
    }

    async fn revoke(&self, _: &String, _: Timestamp) -> Result<bool, SocketsError> {
        unreachable!("no change of these tests revokes a token")
    }

    async fn forget(&self, _: &String) -> Result<(), SocketsError> {
        Ok(())
    }
}

fn record(user: &str, revocation_id: u64) -> ChangeRecord {
    let change = Change {
        user: UserId::new(user).unwrap(),
        previous_role: Role::new("free"),
        role: Role::new("paid"),
        kind: ChangeKind::Upgraded,
        account_version: Version(1),
        role_assigned_at: None,
        revoked_before: None,
        epoch: Epoch::default(),
        revocation_id: RevocationId(revocation_id),
        standing: Standing { subscription_active: true, ..Standing::default() },
        event: EventId::new("evt_1").unwrap(),
        at: Timestamp::from_secs(1_795_000_000),
    };
    ChangeRecord { change, context: None }
}

fn clock() -> Clock {
    Clock::new(|| Timestamp::from_secs(1_795_000_001))
}

#[tokio::test]
async fn each_users_changes_are_pushed_in_order_whatever_others_do() {
    let fleet = Fleet::default();
    let records = vec![record("ada", 1), record("bob", 1), record("ada", 2), record("ada", 3)];
    assert_eq!(notify_all(&fleet, records, &clock()).await, [true; 4]);
    let pushed = fleet.pushed.into_inner().unwrap();
    let of = |who: &str| -> Vec<u64> {
        pushed.iter().filter(|(user, _)| user == who).map(|(_, rev)| *rev).collect()
    };
    assert_eq!((of("ada"), of("bob")), (vec![1, 2, 3], vec![1]));
}

#[tokio::test]
async fn nothing_of_its_user_overtakes_a_failed_push_and_others_are_pushed() {
    let fleet = Fleet { failing: vec![("bob", 1)], ..Fleet::default() };
    let records = vec![record("bob", 1), record("ada", 1), record("bob", 2), record("ada", 2)];
    assert_eq!(notify_all(&fleet, records, &clock()).await, [false, true, false, true]);
    let ada = |revocation_id| ("ada".to_owned(), revocation_id);
    assert_eq!(fleet.pushed.into_inner().unwrap(), [ada(1), ada(2)]);
}
