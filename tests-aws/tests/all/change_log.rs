//! The log of changes on DynamoDB: what the stream brings stands in it once, without a gap, whoever writes and reads
//! at the same time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde_json::json;
use tierlift_aws::store::{Changes, StreamBatch, StreamedChange};
use tierlift_core::{
    account::Standing,
    change::{Change, ChangeKind},
    id::{Epoch, RevocationId, Version},
    limits::{CHANGES_KEPT_DAYS, CHANGES_PER_TRANSACTION_MAX},
    ports::{ChangeLog as _, Cursor, LoggedChange},
    time::Timestamp,
};
use tierlift_testkit::{
    clock::ManualClock,
    facts::{event_id, policy, user_id},
};

use super::table::Table;

const START: Timestamp = Timestamp::from_secs(1_795_000_000);
const STREAM: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/1";

/// A log in a table of its own, and its clock.
async fn log() -> (Table, Changes, ManualClock) {
    let table = Table::create().await;
    let clock = ManualClock::new(START);
    let changes = Changes::new(table.store().await, clock.clock());
    (table, changes, clock)
}

/// The change of that number of a user, at its place in the stream.
fn streamed(user: &str, number: u64) -> StreamedChange {
    let role = |name: &str| policy().role(name).unwrap().clone();
    let change = Change {
        kind: ChangeKind::Upgraded,
        user: user_id(user),
        previous_role: role("free"),
        role: role("paid"),
        epoch: Epoch::default(),
        revocation_id: RevocationId(number),
        account_version: Version(number),
        standing: Standing::default(),
        event: event_id(&format!("evt_{user}_{number}")),
        role_assigned_at: None,
        revoked_before: None,
        at: START,
    };
    StreamedChange { sequence: format!("{number:0>40}"), change }
}

fn batch(changes: impl IntoIterator<Item = StreamedChange>) -> StreamBatch {
    let changes = changes.into_iter().collect();
    StreamBatch { stream: STREAM.to_owned(), changes, is_complete: true }
}

/// The positions, users and numbers of changes.
fn shown(changes: &[LoggedChange]) -> Vec<(u64, String, u64)> {
    let show = |logged: &LoggedChange| {
        let change = &logged.change;
        (logged.cursor.position, change.user.to_string(), change.revocation_id.0)
    };
    changes.iter().map(show).collect()
}

fn of(expected: &[(u64, &str, u64)]) -> Vec<(u64, String, u64)> {
    expected
        .iter()
        .map(|(position, user, number)| (*position, (*user).to_owned(), *number))
        .collect()
}

async fn after(log: &Changes, cursor: Option<Cursor>) -> Option<Vec<LoggedChange>> {
    log.changes_after(cursor, 500).await.unwrap()
}

#[tokio::test]
async fn what_the_stream_brings_again_is_logged_once_and_in_the_order_of_each_user() {
    let (_table, log, _) = log().await;
    let beginning = log.latest_change().await.unwrap();
    assert_eq!((beginning, after(&log, None).await), (Cursor::default(), Some(vec![])));
    let first = batch([streamed("ada", 1), streamed("bob", 1), streamed("ada", 2)]);
    for _ in 0..2 {
        log.append(&first).await.unwrap();
    }
    // The stream goes back to what was not acknowledged, and beyond.
    log.append(&batch([streamed("ada", 2), streamed("ada", 3), streamed("cleo", 1)]))
        .await
        .unwrap();
    let expected =
        of(&[(1, "ada", 1), (2, "bob", 1), (3, "ada", 2), (4, "ada", 3), (5, "cleo", 1)]);
    for cursor in [None, Some(beginning)] {
        assert_eq!(shown(&after(&log, cursor).await.unwrap()), expected);
    }
    // From each place it goes on behind it, however much is taken at a time.
    let all = after(&log, None).await.unwrap();
    for (index, logged) in all.iter().enumerate() {
        let rest = log.changes_after(Some(logged.cursor), 2).await.unwrap().unwrap();
        assert_eq!(shown(&rest), expected[index + 1..].iter().take(2).cloned().collect::<Vec<_>>());
    }
    assert_eq!(log.latest_change().await.unwrap(), all.last().unwrap().cursor);
}

/// Shards of the stream are written side by side, each batch of theirs comes twice, and a host reads meanwhile.
#[tokio::test]
async fn writers_and_readers_side_by_side_leave_no_gap() {
    const SHARDS: u64 = 4;
    const CHANGES: u64 = 150;
    let (_table, log, _) = log().await;
    let writer = async |shard: u64| {
        let user = |number: u64| format!("user{shard}_{}", number % 3);
        let all: Vec<_> = (1..=CHANGES).map(|number| streamed(&user(number), number)).collect();
        for part in all.chunks(CHANGES_PER_TRANSACTION_MAX + 11) {
            for _ in 0..2 {
                log.append(&batch(part.iter().cloned())).await.unwrap();
            }
        }
    };
    let reader = async {
        let (mut cursor, mut seen) = (Cursor::default(), Vec::new());
        while seen.len() < usize::try_from(SHARDS * CHANGES).unwrap() {
            let found = log.changes_after(Some(cursor), 70).await.unwrap().expect("kept");
            cursor = found.last().map_or(cursor, |last| last.cursor);
            seen.extend(shown(&found));
        }
        seen
    };
    let (_, seen) = tokio::join!(join_all((0..SHARDS).map(writer)), reader);
    // One position after another, each change once, and those of a user in the order of their numbers.
    let positions: Vec<_> = seen.iter().map(|(position, ..)| *position).collect();
    assert_eq!(positions, (1..=SHARDS * CHANGES).collect::<Vec<_>>());
    let distinct: BTreeSet<_> = seen.iter().map(|(_, user, number)| (user, number)).collect();
    assert_eq!(distinct.len(), seen.len());
    let mut latest: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, user, number) in &seen {
        assert!(latest.insert(user, *number).unwrap_or_default() < *number, "{user} {number}");
    }
}

#[tokio::test]
async fn a_place_whose_next_changes_have_expired_is_gone() {
    let (_table, log, clock) = log().await;
    log.append(&batch([streamed("ada", 1), streamed("ada", 2)])).await.unwrap();
    let early = after(&log, None).await.unwrap();
    let kept_secs = CHANGES_KEPT_DAYS * 24 * 60 * 60;
    clock.advance_secs(kept_secs - 1);
    log.append(&batch([streamed("bob", 1), streamed("bob", 2)])).await.unwrap();
    assert_eq!(after(&log, None).await.unwrap().len(), 4);
    clock.advance_secs(1);
    // Of what has expired some may still be there: DynamoDB deletes it later.
    for cursor in [Cursor::default(), early[0].cursor, early[1].cursor] {
        assert_eq!(after(&log, Some(cursor)).await, None, "{cursor}");
    }
    let kept = after(&log, None).await.unwrap();
    assert_eq!(shown(&kept), of(&[(3, "bob", 1), (4, "bob", 2)]));
    // The latest one stays: whoever is behind it has missed nothing.
    clock.advance_secs(2 * kept_secs);
    assert_eq!(after(&log, Some(kept[1].cursor)).await, Some(vec![]));
    assert_eq!(shown(&after(&log, None).await.unwrap()), of(&[(4, "bob", 2)]));
    assert_eq!(after(&log, Some(kept[0].cursor)).await, None);
    assert_eq!(log.latest_change().await.unwrap(), kept[1].cursor);
}

/// A restored table has another stream; and what the stream has lost, nobody can log.
#[tokio::test]
async fn who_may_have_missed_a_change_has_to_begin_anew() {
    let elsewhere =
        |changes: StreamBatch| StreamBatch { stream: "arn:other".to_owned(), ..changes };
    let incomplete = |changes: StreamBatch| StreamBatch { is_complete: false, ..changes };
    for (name, next) in [
        ("another stream", elsewhere(batch([streamed("ada", 1)]))),
        ("incomplete", incomplete(batch([streamed("ada", 3)]))),
        ("incomplete and empty", incomplete(batch([]))),
    ] {
        let (_table, log, _) = log().await;
        log.append(&batch([streamed("ada", 1), streamed("ada", 2)])).await.unwrap();
        let old = after(&log, None).await.unwrap();
        log.append(&next).await.unwrap();
        for cursor in [Cursor::default(), old[0].cursor, old[1].cursor] {
            assert_eq!(after(&log, Some(cursor)).await, None, "{name} {cursor}");
        }
        let end = log.latest_change().await.unwrap();
        assert_eq!(after(&log, Some(end)).await, Some(vec![]), "{name}");
        // What the new log has begins behind the old one, and is all that a host without a place gets.
        let found = shown(&after(&log, None).await.unwrap());
        let expected: Vec<_> = next
            .changes
            .iter()
            .map(|it| (3, "ada".to_owned(), it.change.revocation_id.0))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[tokio::test]
async fn a_row_that_tierlift_did_not_write_is_an_error_and_one_that_is_missing_a_gap() {
    let (table, log, _) = log().await;
    log.append(&batch([streamed("ada", 1), streamed("ada", 2), streamed("ada", 3)])).await.unwrap();
    let first = after(&log, None).await.unwrap()[0].cursor;
    table.put(&json!({ "pk": { "S": "CHANGE#2" }, "shape": { "N": "1" } })).await.unwrap();
    assert!(log.changes_after(Some(first), 500).await.is_err());
    table.delete("CHANGE#2").await;
    assert_eq!(after(&log, Some(first)).await, None);
}

/// The answer to a host that waits comes with the next change.
#[tokio::test]
async fn who_waits_hears_of_the_next_change() {
    let (_table, log, _) = log().await;
    let place = log.latest_change().await.unwrap();
    let append = async { log.append(&batch([streamed("ada", 1)])).await.unwrap() };
    tokio::join!(log.wait_for_change(place), append);
    assert_eq!(after(&log, Some(place)).await.unwrap().len(), 1);
}
