//! Everything at once: kills, a full disk, unreadable rows, a log that nobody reads, floods, jumps of the
//! clock, greedy and silent sockets, while webhooks come at a steady rate.
//!
//! What was acknowledged must be applied once, roles must be right, and memory and open files bounded.
//! `CHAOS_SECS`, `CHAOS_RATE` and `TIERLIFT_SEED` choose another run; `make chaos` runs a long one.

mod faults;
mod load;
pub(crate) mod process;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tierlift_core::ports::{DeadLetters as _, Depth};
use tierlift_testkit::harness::{eventually, now, tools};
use tokio::{sync::watch, task::spawn_blocking};

use self::{
    faults::Faults,
    load::{Load, Window},
    process::Usage,
};
use crate::{
    stories::{CONFIG, check},
    tierlift::{Home, Tierlift},
};

/// Length of a server's life, in seconds; shorter in a short run.
const LIFE_SECS: u64 = 20;
const MEMORY_KIB_MAX: u64 = 200 * 1024;
/// Open files that a server may have more after a life of floods than at its start: a connection of each
/// sender, and what the log and the floods leave for a moment.
const FILES_MORE_MAX: usize = 64 + 32;

pub(crate) fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_at_once_loses_nothing_and_holds_up_nobody() {
    let (secs, rate) = (number("CHAOS_SECS", 10), number("CHAOS_RATE", 200));
    let seed = number("TIERLIFT_SEED", u64::try_from(now().as_micros()).unwrap());
    eprintln!("TIERLIFT_SEED={seed} CHAOS_SECS={secs} CHAOS_RATE={rate}");
    process::raise_open_files();
    let home = Arc::new(Home::new(CONFIG));
    let _unread = process::unread_pipe(&home.log());
    let clock = faults::SystemTime::new(home.file("faketime"));
    let (place, places) = watch::channel(None);
    let load = Load::start(seed, rate, &places);
    let windows = Arc::new(Mutex::new(Vec::new()));
    let (mut usage, mut injected) = (Usage::default(), BTreeSet::new());
    let (lives, started) = ((secs / LIFE_SECS).max(1), Instant::now());
    let life = Duration::from_secs(secs) / u32::try_from(lives).unwrap();
    for number in 0..lives {
        let server = serve(&home, &clock).await;
        place.send_replace(Some(server.address()));
        let faults = Faults {
            server: &server,
            clock: &clock,
            data: home.data(),
            number,
            life,
            windows: &windows,
        };
        injected.append(&mut faults.run(&mut usage).await);
        let killed_at = Instant::now();
        place.send_replace(None);
        spawn_blocking(move || server.kill()).await.unwrap();
        windows.lock().unwrap().push(Window::until_ready(killed_at));
        eprintln!("life {} of {lives}: {usage}", number + 1);
    }
    let server = serve(&home, &clock).await;
    place.send_replace(Some(server.address()));
    let (sent, acks) = load.finish().await;
    let drained_at = Instant::now();
    drain(&server, &injected).await;
    let drained = drained_at.elapsed();
    spawn_blocking(move || server.terminate()).await.unwrap();

    let db = home.db();
    let events: usize = sent.iter().map(|sent| sent.count).sum();
    for sent in sent {
        check(&db, &[sent.tell()]).await;
    }
    eprintln!(
        "{events} events in {:.0?}, {lives} kills; drained in {drained:.1?}",
        started.elapsed()
    );
    eprintln!("{}", acks.report(&windows.lock().unwrap()));
    eprintln!("{usage}");
    let Depth { dead, .. } = db.depth().await.unwrap();
    assert!(
        dead <= injected.len() as u64,
        "{dead} dead letters of {} unreadable rows",
        injected.len()
    );
    assert!(usage.memory_kib <= MEMORY_KIB_MAX, "{usage}");
    assert!(usage.files_more <= FILES_MORE_MAX, "{usage}");
    // A machine that does something else meanwhile is no fault of the server's: zero is no limit.
    let limit = Duration::from_millis(number("CHAOS_ACK_P99_MS", 0));
    let p99 = acks.p99_outside(&windows.lock().unwrap());
    assert!(limit.is_zero() || p99 <= limit, "ack p99 is {p99:?}");
}

async fn serve(home: &Arc<Home>, clock: &faults::SystemTime) -> Tierlift {
    let (home, file) = (Arc::clone(home), clock.path().to_owned());
    spawn_blocking(move || home.serve_with(|command| with_clock(command, &file))).await.unwrap()
}

fn with_clock(command: &mut std::process::Command, file: &Path) {
    command.env("LD_PRELOAD", tools::faketime()).env("FAKETIME_TIMESTAMP_FILE", file);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    // One line for each event and each refusal: more than a pipe holds.
    command.env("RUST_LOG", "info");
}

/// Waits until everything is applied but the rows that cannot be read.
async fn drain(server: &Tierlift, injected: &BTreeSet<String>) {
    eventually("everything that can be applied is", async || {
        let mut client = server.client().await;
        let health = client.get("/healthz", &[]).await.unwrap().json();
        health["queue"]["queued"].as_u64().is_some_and(|queued| queued <= injected.len() as u64)
    })
    .await;
}
