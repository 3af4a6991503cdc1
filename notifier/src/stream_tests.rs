use std::sync::Mutex;

use tierlift_core::{
    account::Standing,
    change::Change,
    id::{EventId, RevocationId, UserId},
    policy::Role,
    ports::{PushError, Pushed},
    time::Timestamp,
};

use super::*;

/// Every user has one socket, named like the user; some of them fail.
#[derive(Default)]
struct Fleet {
    failing: Vec<&'static str>,
    heard: Mutex<Vec<(String, u64)>>,
}

impl Sockets for Fleet {
    type Id = String;

    async fn for_user(&self, user: &UserId) -> Result<Vec<String>, PushError> {
        Ok(vec![user.as_str().to_owned()])
    }

    async fn push(&self, socket: &String, text: &str) -> Result<Pushed, PushError> {
        if self.failing.contains(&socket.as_str()) {
            return Err(PushError("throttled".into()));
        }
        let (_, rest) = text.split_once("\"revocationId\":").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        self.heard.lock().unwrap().push((socket.clone(), digits.parse().unwrap()));
        Ok(Pushed::Sent)
    }

    async fn forget(&self, _: &UserId, _: &String) -> Result<(), PushError> {
        Ok(())
    }
}

fn news(user: &str, revocation_id: u64) -> News {
    let change = Change {
        user: UserId::new(user).unwrap(),
        previous_role: Role::new("free"),
        role: Role::new("paid"),
        upgraded: true,
        revocation_id: RevocationId(revocation_id),
        standing: Standing { subscription_active: true, subscription_expires_at: None },
        event: EventId::new("evt_1").unwrap(),
        at: Timestamp::from_secs(1_795_000_000),
    };
    News { change, origin: None }
}

fn clock() -> Clock {
    Clock::new(|| Timestamp::from_secs(1_795_000_001))
}

#[tokio::test]
async fn each_user_hears_in_order_whatever_others_do() {
    let fleet = Fleet::default();
    let stretch = vec![news("ada", 1), news("bob", 1), news("ada", 2), news("ada", 3)];
    assert_eq!(tell_all(&fleet, stretch, &clock()).await, [true; 4]);
    let heard = fleet.heard.into_inner().unwrap();
    let of = |who: &str| -> Vec<u64> {
        heard.iter().filter(|(user, _)| user == who).map(|(_, rev)| *rev).collect()
    };
    assert_eq!((of("ada"), of("bob")), (vec![1, 2, 3], vec![1]));
}

#[tokio::test]
async fn what_could_not_be_told_is_named_and_holds_back_its_user_alone() {
    let fleet = Fleet { failing: vec!["bob"], ..Fleet::default() };
    let stretch = vec![news("bob", 1), news("ada", 1), news("bob", 2), news("ada", 2)];
    assert_eq!(tell_all(&fleet, stretch, &clock()).await, [false, true, false, true]);
    assert_eq!(fleet.heard.into_inner().unwrap().len(), 2);
}
