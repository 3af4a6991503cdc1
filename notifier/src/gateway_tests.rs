use std::{collections::HashMap, sync::Mutex};

use http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tierlift_core::{
    account::Account,
    change::ChangeRecord,
    decide,
    id::RevocationId,
    ledger::Act,
    limits::{
        SOCKET_FRAME_BYTES_MAX, SOCKET_FRAMES_BURST_MAX, SOCKET_FRAMES_PER_SEC_MAX,
        TOKEN_CLOCK_SKEW_SECS, TOKEN_TTL_SECS, USER_FRAMES_BURST_MAX,
    },
    policy::{Policy, PolicyConfig},
    token::{SignIn, TokenTimes},
};

use super::*;
use crate::memory::{Accounts, HeldSockets, ManualClock, START, access, secret, user};
use crate::notify_all;

type TestGateway = Gateway<Accounts, HeldSockets>;

/// A gateway with these accounts.
fn gateway(accounts: impl IntoIterator<Item = Account>, clock: &ManualClock) -> TestGateway {
    let accounts: HashMap<_, _> =
        accounts.into_iter().map(|account| (account.user.clone(), account)).collect();
    let access = access(Accounts(Some(Mutex::new(accounts))), clock);
    Gateway {
        access,
        sockets: HeldSockets::default(),
        origins: Origins::default(),
        allowances: FrameAllowances::default(),
    }
}

/// The account of ada, whose role was assigned at that time.
fn ada(changed_at: Option<Timestamp>) -> Account {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    Account { changed_at, ..Account::new(user("ada"), &policy) }
}

async fn connect(gateway: &TestGateway, id: &str, socket: u32) -> Result<(), HandshakeError> {
    let token = secret().mint(&user(id), RevocationId(0), gateway.access.clock.now());
    let offered = format!("tierlift.v1, bearer.{token}").parse().unwrap();
    gateway.connect(&socket, &HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, offered)])).await
}

#[tokio::test]
async fn a_refused_handshake_leaves_no_socket() {
    let gateway = gateway([], &ManualClock::new());
    let refused = gateway.connect(&1, &HeaderMap::new()).await;
    assert!(matches!(refused, Err(HandshakeError::SubprotocolRequired)));
    let refused = connect(&gateway, "ada", 0).await;
    assert!(matches!(refused, Err(HandshakeError::Sockets(_))));
    let page = HeaderMap::from_iter([(ORIGIN, "https://evil.example.com".parse().unwrap())]);
    let refused = gateway.connect(&1, &page).await;
    assert!(matches!(refused, Err(HandshakeError::OriginRefused)));
    assert_eq!(gateway.sockets.open_ids(), [0; 0]);
}

#[tokio::test]
async fn one_socket_too_many_closes_the_oldest_of_the_same_user() {
    let gateway = gateway([], &ManualClock::new());
    let max = u32::try_from(SOCKETS_PER_USER_MAX).unwrap();
    connect(&gateway, "bob", 1_000).await.unwrap();
    for socket in 1..=max {
        connect(&gateway, "ada", socket).await.unwrap();
    }
    assert_eq!(gateway.sockets.take_closed(), [0; 0]);
    connect(&gateway, "ada", max + 1).await.unwrap();
    assert_eq!(gateway.sockets.take_closed(), [1]);
    // API Gateway may deliver one connect twice.
    connect(&gateway, "ada", max + 1).await.unwrap();
    assert_eq!(gateway.sockets.take_closed(), [0; 0]);
    assert!(gateway.sockets.open_ids().contains(&1_000));
}

#[tokio::test]
async fn a_frame_is_replied_to_or_closes_its_socket() {
    let large = "x".repeat(SOCKET_FRAME_BYTES_MAX + 1);
    for (socket, text, reply) in [
        (1, r#"{"action":"ping"}"#, Some(r#""type":"PONG""#)),
        (1, r#"{"action":"sync","revocationId":0}"#, Some(r#""type":"SNAPSHOT","userId":"ada""#)),
        (1, r#"{"action":"shout"}"#, None),
        (1, large.as_str(), None),
        // A socket without a record, and one whose record cannot be read.
        (2, r#"{"action":"ping"}"#, None),
        (0, r#"{"action":"ping"}"#, None),
    ] {
        let gateway = gateway([], &ManualClock::new());
        connect(&gateway, "ada", 1).await.unwrap();
        let replied = gateway.text(&socket, text).await;
        match reply {
            Some(part) => assert!(replied.unwrap().contains(part), "{text}"),
            None => assert_eq!(replied, None, "{text}"),
        }
        let closed = if reply.is_some() { vec![] } else { vec![socket] };
        assert_eq!(gateway.sockets.take_closed(), closed, "{text}");
        let pushed = gateway.sockets.take_pushed();
        assert!(pushed.iter().all(|(_, text)| text.contains(r#""type":"CLOSE""#)), "{pushed:?}");
        assert_eq!(pushed.len(), closed.len(), "a gateway's own code says nothing");
    }
}

#[tokio::test]
async fn a_binary_frame_closes_its_socket() {
    let gateway = gateway([], &ManualClock::new());
    connect(&gateway, "ada", 1).await.unwrap();
    gateway.binary(&1).await;
    assert_eq!((gateway.sockets.take_closed(), gateway.sockets.open_ids()), (vec![1], vec![]));
}

#[tokio::test]
async fn a_disconnect_forgets_its_socket_and_closes_nothing() {
    let gateway = gateway([], &ManualClock::new());
    connect(&gateway, "ada", 1).await.unwrap();
    for _ in 0..2 {
        gateway.disconnect(&1).await;
        assert_eq!((gateway.sockets.take_closed(), gateway.sockets.open_ids()), (vec![], vec![]));
    }
}

#[tokio::test]
async fn without_the_store_there_is_no_snapshot_but_a_pong() {
    let gateway = Gateway {
        access: access(Accounts(None), &ManualClock::new()),
        sockets: HeldSockets::default(),
        origins: Origins::default(),
        allowances: FrameAllowances::default(),
    };
    let token = TokenTimes { issued_at: Some(START), valid_until: START.plus_secs(900) };
    let holder = Holder { user: user("ada"), others: Vec::new(), opened_at: START, token };
    gateway.sockets.open(&1, &holder).await.unwrap();
    assert_eq!(gateway.text(&1, r#"{"action":"ping"}"#).await.unwrap(), frame::pong());
    assert_eq!(gateway.text(&1, r#"{"action":"sync"}"#).await, None);
    assert_eq!(gateway.sockets.take_closed(), [1]);
}

#[tokio::test]
async fn a_snapshot_comes_with_the_pong_where_the_notice_may_be_missed() {
    let opened_at = START;
    for (assigned_secs, now_secs, catches_up) in [
        (None, 0, false),
        (Some(0), 0, true),
        (Some(5), 60, true),
        // Decided before the socket opened, but perhaps committed after.
        (Some(-COMMIT_SECS_MAX), 1, true),
        (Some(-COMMIT_SECS_MAX - 1), 1, false),
        // An earlier ping made up for it.
        (Some(5), 5 + CATCH_UP_SECS, true),
        (Some(5), 6 + CATCH_UP_SECS, false),
    ] {
        let clock = ManualClock::new();
        let assigned_at = assigned_secs.map(|secs| opened_at.plus_secs(secs));
        let gateway = gateway([ada(assigned_at)], &clock);
        connect(&gateway, "ada", 1).await.unwrap();
        clock.set(opened_at.plus_secs(now_secs));
        assert_eq!(gateway.text(&1, r#"{"action":"ping"}"#).await.unwrap(), frame::pong());
        let pushed = gateway.sockets.take_pushed();
        let is_snapshot =
            |(socket, text): &(u32, String)| *socket == 1 && text.contains(r#""type":"SNAPSHOT""#);
        assert_eq!(pushed.len(), usize::from(catches_up), "{assigned_secs:?} {now_secs}");
        assert!(pushed.iter().all(is_snapshot), "{pushed:?}");
    }
}

#[tokio::test]
async fn a_snapshot_that_was_asked_for_comes_once() {
    let gateway = gateway([ada(Some(START))], &ManualClock::new());
    connect(&gateway, "ada", 1).await.unwrap();
    let reply = gateway.text(&1, r#"{"action":"sync"}"#).await.unwrap();
    assert!(reply.contains(r#""type":"SNAPSHOT""#), "{reply}");
    assert_eq!(gateway.sockets.take_pushed(), []);
}

#[tokio::test]
async fn a_frame_of_an_unknown_socket_is_closed_with_the_reason() {
    let gateway = gateway([], &ManualClock::new());
    for (socket, reason) in [(2, Close::GoingAway), (0, Close::StoreUnavailable)] {
        assert_eq!(gateway.reply(&socket, r#"{"action":"ping"}"#).await, Err(reason));
    }
}

#[tokio::test]
async fn a_socket_stays_open_where_the_others_cannot_be_listed() {
    let gateway = gateway([], &ManualClock::new());
    gateway.sockets.cannot_list();
    connect(&gateway, "ada", 1).await.unwrap();
    assert_eq!((gateway.sockets.take_closed(), gateway.sockets.open_ids()), (vec![], vec![1]));
}

#[tokio::test]
async fn a_socket_is_closed_with_a_reason_when_its_token_counts_no_more() {
    let end = START.plus_secs(TOKEN_TTL_SECS + TOKEN_CLOCK_SKEW_SECS);
    for (revoked_before, now, code) in [
        (None, end.plus_secs(-1), None),
        (None, end, Some("4001,\"reason\":\"token_expired\"")),
        (Some(START), START.plus_secs(1), None),
        (Some(START.plus_secs(1)), START.plus_secs(1), Some("4003,\"reason\":\"revoked\"")),
    ] {
        for frame in [r#"{"action":"ping"}"#, r#"{"action":"sync"}"#] {
            let clock = ManualClock::new();
            let gateway = gateway([ada(None)], &clock);
            connect(&gateway, "ada", 1).await.unwrap();
            let Some(accounts) = &gateway.access.store.0 else { unreachable!() };
            accounts.lock().unwrap().get_mut(&user("ada")).unwrap().revoked_before = revoked_before;
            clock.set(now);
            let replied = gateway.text(&1, frame).await;
            assert_eq!(replied.is_none(), code.is_some(), "{revoked_before:?} {now} {frame}");
            let pushed = gateway.sockets.take_pushed();
            let expected = code.map(|code| format!(r#"{{"v":1,"type":"CLOSE","code":{code}}}"#));
            assert_eq!(pushed.into_iter().map(|(_, text)| text).next(), expected, "{frame}");
            assert_eq!(gateway.sockets.take_closed().len(), usize::from(code.is_some()));
        }
    }
}

#[tokio::test]
async fn a_revocation_ends_the_sockets_that_were_opened_before_it() {
    let clock = ManualClock::new();
    let gateway = gateway([ada(None)], &clock);
    connect(&gateway, "ada", 1).await.unwrap();
    clock.set(START.plus_secs(1));
    connect(&gateway, "ada", 2).await.unwrap();
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let act = Act::new("ops", "stolen").unwrap();
    let commit = decide::revoke(ada(None), act, &policy, START).unwrap();
    let records = commit.changes.into_iter().map(|change| ChangeRecord { change, context: None });
    let clock = gateway.access.clock.clone();
    assert_eq!(notify_all(&gateway.sockets, records.collect(), &clock).await, [true]);
    assert_eq!((gateway.sockets.take_closed(), gateway.sockets.open_ids()), (vec![1], vec![2]));
    let pushed = gateway.sockets.take_pushed();
    assert_eq!(pushed.len(), 2, "a frame that says why, and a notice: {pushed:?}");
}

/// Opens a socket of a user who acts for `org`.
async fn connect_member(gateway: &TestGateway, id: &str, socket: u32) {
    let claims = serde_json::Map::from_iter([("org_id".to_owned(), "org".into())]);
    let sign_in = SignIn { claims, ..SignIn::default() };
    let (issued, _) = gateway.access.issue_for(&user(id), sign_in).await.unwrap();
    let offered = format!("tierlift.v1, bearer.{}", issued.access_token).parse().unwrap();
    let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, offered)]);
    gateway.connect(&socket, &headers).await.unwrap();
}

/// Each has the best of both accounts, misses neither's changes, and ends with a revocation of either.
#[tokio::test]
async fn a_socket_is_about_all_accounts_of_its_token() {
    let policy = Policy::new(PolicyConfig::default()).unwrap();
    let org = Account {
        manual_role: Some(policy.role("paid").unwrap().clone()),
        ..Account::new(user("org"), &policy)
    };
    let clock = ManualClock::new();
    let gateway = gateway([ada(None), org], &clock);
    connect_member(&gateway, "ada", 1).await;
    let reply = gateway.text(&1, r#"{"action":"sync"}"#).await.unwrap();
    for part in [r#""role":"paid""#, r#""accountId":"org""#, r#""accounts":["ada","org"]"#] {
        assert!(reply.contains(part), "{reply}");
    }
    let change = |change: &dyn Fn(&mut Account)| {
        let Some(accounts) = &gateway.access.store.0 else { unreachable!() };
        change(accounts.lock().unwrap().get_mut(&user("org")).unwrap());
    };
    assert!(gateway.text(&1, r#"{"action":"ping"}"#).await.is_some());
    assert_eq!(gateway.sockets.take_pushed(), []);
    change(&|org| org.changed_at = Some(START));
    assert!(gateway.text(&1, r#"{"action":"ping"}"#).await.is_some());
    let [(1, snapshot)] = &*gateway.sockets.take_pushed() else { panic!() };
    assert!(snapshot.contains(r#""accounts":["ada","org"]"#), "{snapshot}");
    change(&|org| org.revoked_before = Some(START.plus_secs(1)));
    assert!(gateway.text(&1, r#"{"action":"ping"}"#).await.is_none());
    assert_eq!(gateway.sockets.take_closed(), [1]);
}

#[tokio::test]
async fn an_organisation_has_as_many_sockets_as_its_members_open() {
    let gateway = gateway([], &ManualClock::new());
    let max = u32::try_from(SOCKETS_PER_USER_MAX).unwrap();
    for number in 0..=max {
        connect_member(&gateway, &format!("user{number}"), 1_000 + number).await;
    }
    for socket in 1..=max {
        connect_member(&gateway, "org", socket).await;
    }
    assert_eq!(gateway.sockets.take_closed(), [0; 0]);
    connect_member(&gateway, "org", max + 1).await;
    assert_eq!(gateway.sockets.take_closed(), [1]);
}

/// The number of pings that are answered before the gateway closes a socket with 4011: these sockets in turn.
async fn flooded(gateway: &TestGateway, sockets: std::ops::Range<u32>) -> usize {
    for answered in 0..10_000 {
        let socket = sockets.start + answered % u32::try_from(sockets.len()).unwrap();
        if gateway.text(&socket, r#"{"action":"ping"}"#).await.is_none() {
            let frame = r#"{"v":1,"type":"CLOSE","code":4011,"reason":"too_many_frames"}"#;
            assert_eq!(gateway.sockets.take_pushed(), [(socket, frame.to_owned())]);
            assert_eq!(gateway.sockets.take_closed(), [socket]);
            return usize::try_from(answered).unwrap();
        }
    }
    panic!("any number of frames is answered");
}

#[tokio::test]
async fn a_flood_of_frames_ends_the_socket_that_sends_it_and_no_other() {
    let gateway = gateway([], &ManualClock::new());
    for (user, socket) in [("ada", 1), ("ada", 2), ("bob", 3)] {
        connect(&gateway, user, socket).await.unwrap();
    }
    let begun = Instant::now();
    let answered = flooded(&gateway, 1..2).await;
    // The burst, and what grew while it was sent.
    let secs = u32::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    let most = SOCKET_FRAMES_BURST_MAX + secs * SOCKET_FRAMES_PER_SEC_MAX;
    let allowed = SOCKET_FRAMES_BURST_MAX..=most;
    assert!(allowed.contains(&u32::try_from(answered).unwrap()), "{answered}");
    assert_eq!(gateway.sockets.open_ids(), [3, 2]);
    for socket in [2, 3] {
        assert!(gateway.text(&socket, r#"{"action":"ping"}"#).await.is_some());
    }
}

/// None of the sockets sends too many by itself.
#[tokio::test]
async fn a_user_has_an_allowance_for_all_sockets() {
    let gateway = gateway([], &ManualClock::new());
    for socket in 1..=20 {
        connect(&gateway, "ada", socket).await.unwrap();
    }
    let answered = flooded(&gateway, 1..21).await;
    let burst = usize::try_from(USER_FRAMES_BURST_MAX).unwrap();
    assert!((burst..20 * usize::try_from(SOCKET_FRAMES_BURST_MAX).unwrap()).contains(&answered));
}
