//! Tests of the file as others see it: copied, linked, read, moved and deleted while it is open.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tierlift_core::{
    ports::{DeadLetters as _, Enqueue as _, Enqueued},
    time::Clock,
};

use super::{
    Db, OpenError,
    tests::{NOW, folder, message, open},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until the file is complete.
async fn complete(db: &Db) {
    let start = Instant::now();
    while !db.file_health().is_complete {
        assert!(start.elapsed() < PATIENCE, "the file never is complete");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A copy of the one file.
fn copy(path: &Path) -> (tempfile::TempDir, PathBuf) {
    let (folder, copy) = folder();
    fs::copy(path, &copy).unwrap();
    (folder, copy)
}

async fn queued(path: &Path) -> u64 {
    open(path).unwrap().depth().await.unwrap().queued
}

fn log_of(path: &Path) -> PathBuf {
    format!("{}-wal", path.display()).into()
}

#[tokio::test]
async fn a_copy_after_a_quiet_moment_has_everything() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    for number in 1..=3 {
        db.enqueue(message(&format!("evt_{number}"))).await.unwrap();
        complete(&db).await;
        let (_copied, copied) = copy(&path);
        assert_eq!(queued(&copied).await, number);
    }
}

#[tokio::test]
async fn of_a_hundred_files_that_are_copied_after_a_quiet_moment_none_misses_anything() {
    let copied = futures_util::future::join_all((1..=100).map(async |number| {
        let (_folder, path) = folder();
        let db = open(&path).unwrap();
        for event in 0..number {
            db.enqueue(message(&format!("evt_{event}"))).await.unwrap();
        }
        complete(&db).await;
        let (_copied, copied) = copy(&path);
        queued(&copied).await
    }));
    assert_eq!(copied.await, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_copy_without_its_log_is_refused_until_the_loss_is_accepted() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    complete(&db).await;
    // Whoever reads keeps later commits in the log.
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM queue").unwrap();
    db.enqueue(message("evt_1")).await.unwrap();
    let (_copied, copied) = copy(&path);
    let refused = open(&copied).unwrap_err();
    assert!(refused.to_string().contains("--accept-data-loss"), "{refused}");
    // With its log beside it, nothing is missing.
    let (_both, both) = copy(&path);
    fs::copy(log_of(&path), log_of(&both)).unwrap();
    assert_eq!(queued(&both).await, 1);
    let accepted = Db::open_accepting_data_loss(&copied, Clock::new(|| NOW)).unwrap();
    accepted.enqueue(message("evt_2")).await.unwrap();
    drop(accepted);
    queued(&copied).await;
    drop(reader);
    complete(&db).await;
    let (_copied, copied) = copy(&path);
    assert_eq!(queued(&copied).await, 1);
}

#[tokio::test]
async fn a_log_that_another_program_brought_into_the_file_is_not_missed() {
    let (crashed, path) = folder();
    let db = open(&path).unwrap();
    complete(&db).await;
    db.enqueue(message("evt_1")).await.unwrap();
    // What a crash leaves behind.
    let left = crashed.path().join("left.db");
    for suffix in ["", "-wal", "-mark"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(&path), name(&left)).unwrap();
    }
    let count = "SELECT count(*) FROM queue";
    let other = Connection::open(&left).unwrap();
    assert_eq!(other.query_row(count, (), |row| row.get(0)), Ok(1));
    drop(other);
    assert!(!log_of(&left).exists());
    assert_eq!(queued(&left).await, 1);
    // A file of an earlier mark is another one.
    fs::write(left.with_extension("db-mark"), b"tl\0\0").unwrap();
    fs::copy(&path, &left).unwrap();
    assert!(matches!(open(&left), Err(OpenError::Incomplete { .. })));
}

#[tokio::test]
async fn what_sqlite_copies_is_whole_at_any_time() {
    let (copies, path) = folder();
    let [backup, vacuumed, restored] = ["b", "v", "r"].map(|name| copies.path().join(name));
    let db = open(&path).unwrap();
    complete(&db).await;
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM queue").unwrap();
    db.enqueue(message("evt_1")).await.unwrap();
    assert!(!db.file_health().is_complete);
    let source = Connection::open(&path).unwrap();
    source.execute("VACUUM INTO ?1", [vacuumed.to_str().unwrap()]).unwrap();
    source.backup(rusqlite::MAIN_DB, &backup, None::<fn(rusqlite::backup::Progress)>).unwrap();
    for copied in [&vacuumed, &backup] {
        assert_eq!(queued(copied).await, 1);
        // From then on it is a data file like any other.
        let db = open(copied).unwrap();
        complete(&db).await;
        let reader = Connection::open(copied).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM queue").unwrap();
        db.enqueue(message("evt_2")).await.unwrap();
        fs::copy(copied, &restored).unwrap();
        assert!(matches!(open(&restored), Err(OpenError::Incomplete { .. })));
    }
}

#[tokio::test]
async fn a_file_that_was_closed_is_complete_and_has_no_log() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    db.enqueue(message("evt_1")).await.unwrap();
    drop(db);
    assert!(!log_of(&path).exists());
    let (_copied, copied) = copy(&path);
    assert_eq!(queued(&copied).await, 1);
}

#[test]
fn a_file_whose_tables_are_all_in_a_missing_log_is_refused() {
    let (_folder, path) = folder();
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    drop(connection);
    assert_eq!(fs::metadata(&path).unwrap().len(), 4_096);
    let refused = open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Incomplete { .. }), "{refused}");
    drop(Db::open_accepting_data_loss(&path, Clock::new(|| NOW)).unwrap());
    drop(open(&path).unwrap());
}

#[tokio::test]
async fn an_idle_server_leaves_the_file_alone() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    db.enqueue(message("evt_1")).await.unwrap();
    complete(&db).await;
    // Maintenance finds nothing to delete.
    assert_eq!(db.prune(NOW, 10).await.unwrap(), 0);
    assert!(db.file_health().is_complete);
}

#[test]
fn one_process_has_the_file_whatever_name_leads_to_it() {
    let (_folder, path) = folder();
    let [early, late, hard] = ["early", "late", "hard"].map(|name| path.with_file_name(name));
    std::os::unix::fs::symlink(&path, &early).unwrap();
    // The first one opens a link to nothing.
    let _first = open(&early).unwrap();
    std::os::unix::fs::symlink(&path, &late).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    let _ = fs::remove_file(format!("{}.lock", path.display()));
    for name in [&early, &path, &late, &hard] {
        let refused = open(name).unwrap_err();
        assert!(matches!(refused, OpenError::InUse { .. }), "{}: {refused}", name.display());
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_once_the_file_or_its_log_is_gone() {
    for is_log in [false, true] {
        let (_folder, path) = folder();
        let db = open(&path).unwrap();
        db.enqueue(message("evt_1")).await.unwrap();
        let (file, aside) =
            (if is_log { log_of(&path) } else { path.clone() }, path.with_extension("aside"));
        fs::rename(&file, &aside).unwrap();
        assert!(db.enqueue(message("evt_2")).await.is_err());
        assert!(db.file_health().moved);
        // Another file in its place is not it.
        fs::copy(&aside, &file).unwrap();
        assert!(db.enqueue(message("evt_2")).await.is_err());
        fs::rename(&aside, &file).unwrap();
        assert_eq!(db.enqueue(message("evt_2")).await.unwrap(), Enqueued::Queued);
        assert!(!db.file_health().moved);
    }
}

#[tokio::test]
async fn commits_that_fail_are_seen_until_one_succeeds() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    db.enqueue(message("evt_1")).await.unwrap();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    assert!(db.enqueue(message("evt_2")).await.is_err());
    assert!(db.file_health().commits_fail);
    fs::rename(&aside, &path).unwrap();
    // Nothing is submitted any more: it is tried again all the same.
    let begun = Instant::now();
    while db.file_health().commits_fail {
        assert!(begun.elapsed() < PATIENCE, "it is never tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(db.enqueue(message("evt_2")).await.unwrap(), Enqueued::Queued);
}

#[tokio::test]
async fn a_log_that_somebody_reads_is_measured() {
    let (_folder, path) = folder();
    let db = open(&path).unwrap();
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM queue").unwrap();
    let before = db.file_health().log_bytes;
    for number in 1..=50 {
        db.enqueue(message(&format!("evt_{number}"))).await.unwrap();
    }
    assert!(db.file_health().log_bytes > before + 50 * 4_096);
}
