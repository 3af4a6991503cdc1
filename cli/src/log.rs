//! Logging to stderr: text for a terminal, JSON lines otherwise.
//!
//! The server logs a line for each event, and a system call for each would cost more than the line.
//! So lines gather in memory, and a thread writes them every few milliseconds. Whoever logs never waits for
//! stderr: if nobody reads it, the buffer fills, and further lines are dropped and counted until there is
//! room again. The lines that are written are whole and in order, and the last ones are written when the
//! [`Guard`] is dropped, if stderr takes them in time.

use std::{
    io::{self, IsTerminal as _, Write},
    panic,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use tierlift_core::{
    codes::Code,
    limits::{LOG_BUFFER_BYTES_MAX, LOG_FINISH_TIMEOUT_MS, LOG_FLUSH_INTERVAL_MS},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::error::{Error, Problem};

const FINISH_TIMEOUT: Duration = Duration::from_millis(LOG_FINISH_TIMEOUT_MS);

/// Starts logging. Lines are written until the guard is dropped.
pub(crate) fn start(filter: Option<&str>) -> Result<Guard, Error> {
    let filter = EnvFilter::try_new(filter.unwrap_or("info")).map_err(|error| {
        Problem::new(Code::UsageInvalid, format!("--log (or RUST_LOG): {error}"))
    })?;
    let lines = Lines::default();
    let guard = lines.write_regularly(io::stderr(), report_dropped);
    let guard = guard.map_err(anyhow::Error::from)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    if io::stderr().is_terminal() {
        log.compact().init();
    } else {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
    // The default hook writes to stderr by itself, and would wait for it.
    panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    Ok(guard)
}

/// Prints a text to stderr, and gives up if nobody reads it.
pub(crate) fn print(text: String) {
    let (done, printed) = mpsc::channel();
    thread::spawn(move || {
        // Without stderr there is nowhere left to report an error.
        drop(io::stderr().write_all(text.as_bytes()));
        let _ = done.send(());
    });
    let _ = printed.recv_timeout(FINISH_TIMEOUT);
}

fn report_dropped(lines: u64) {
    tracing::warn!(lines, "log lines dropped: stderr was not read in time");
}

/// Keeps the writing thread alive; dropped, it waits until the thread has written what is left.
#[derive(Debug)]
#[must_use = "log lines are written until it is dropped"]
pub(crate) struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.0.pending).stopping = true;
        self.0.changed.notify_all();
        let is_writing = |pending: &mut Pending| !pending.finished;
        // A thread that is stuck in stderr ends with the process.
        drop(self.0.changed.wait_timeout_while(lock(&self.0.pending), FINISH_TIMEOUT, is_writing));
    }
}

#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    /// Lines for which there was no room since the last report.
    dropped: u64,
    stopping: bool,
    finished: bool,
}

#[derive(Debug, Default)]
struct Shared {
    pending: Mutex<Pending>,
    changed: Condvar,
}

/// The writer that the subscriber hands its lines to.
#[derive(Debug, Default)]
struct Lines(Arc<Shared>);

impl Lines {
    fn write_regularly<W: Write + Send + 'static>(
        &self,
        mut out: W,
        report_dropped: fn(u64),
    ) -> io::Result<Guard> {
        let shared = Arc::clone(&self.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            while shared.wait() {
                thread::sleep(Duration::from_millis(LOG_FLUSH_INTERVAL_MS));
                shared.write_out(&mut out, report_dropped);
            }
            // Twice, since the first may report lines that were dropped.
            shared.write_out(&mut out, report_dropped);
            shared.write_out(&mut out, report_dropped);
            lock(&shared.pending).finished = true;
            shared.changed.notify_all();
        })?;
        Ok(Guard(Arc::clone(&self.0)))
    }
}

impl Shared {
    /// Waits for lines; returns false once there will be no more.
    fn wait(&self) -> bool {
        let idle = |pending: &mut Pending| pending.bytes.is_empty() && !pending.stopping;
        let pending = self
            .changed
            .wait_while(lock(&self.pending), idle)
            .unwrap_or_else(PoisonError::into_inner);
        !pending.stopping
    }

    fn write_out(&self, out: &mut impl Write, report_dropped: fn(u64)) {
        let mut pending = lock(&self.pending);
        let bytes = std::mem::take(&mut pending.bytes);
        let dropped = std::mem::take(&mut pending.dropped);
        drop(pending);
        // The report waits behind these lines, where the dropped ones would have been.
        if dropped > 0 {
            report_dropped(dropped);
        }
        // Without stderr there is nowhere left to report an error.
        drop(out.write_all(&bytes));
    }

    fn add(&self, line: &[u8]) {
        let mut pending = lock(&self.pending);
        if pending.bytes.len() + line.len() > LOG_BUFFER_BYTES_MAX {
            pending.dropped += 1;
            drop(pending);
            metrics::counter!("tierlift_log_lines_dropped_total").increment(1);
            return;
        }
        let is_first = pending.bytes.is_empty();
        pending.bytes.extend_from_slice(line);
        drop(pending);
        if is_first {
            self.changed.notify_all();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer of one line; the subscriber writes it in one call.
struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn add(lines: &Lines, line: &str) {
        lines.make_writer().write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn every_line_is_written_once_whole_and_in_its_threads_order() {
        let out = Out::default();
        let lines = Lines::default();
        let guard = lines.write_regularly(out.clone(), |_| {}).unwrap();
        thread::scope(|scope| {
            for thread in 0..4 {
                let lines = &lines;
                scope.spawn(move || {
                    for n in 0..2_000 {
                        add(lines, &format!("{thread} {n} {}\n", "x".repeat(60)));
                    }
                });
            }
        });
        drop(guard);
        let text = String::from_utf8(lock(&out.0).clone()).unwrap();
        for thread in 0..4 {
            let prefix = format!("{thread} ");
            let own = text.lines().filter_map(|line| line.strip_prefix(&prefix));
            let numbers: Vec<u32> =
                own.map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
            assert_eq!(numbers, (0..2_000).collect::<Vec<_>>());
        }
        assert!(text.lines().all(|line| line.ends_with('x')));
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted() {
        static REPORTED: AtomicU64 = AtomicU64::new(0);
        let out = Out::default();
        let lines = Lines::default();
        let report = |dropped| {
            REPORTED.fetch_add(dropped, Ordering::SeqCst);
        };
        let guard = lines.write_regularly(out.clone(), report).unwrap();
        let line = format!("{}\n", "x".repeat(999));
        let stuck = lock(&out.0);
        // The thread holds one full buffer at most, and another one waits.
        let added = 3 * LOG_BUFFER_BYTES_MAX / line.len();
        for _ in 0..added {
            add(&lines, &line);
        }
        drop(stuck);
        drop(guard);
        let text = String::from_utf8(lock(&out.0).clone()).unwrap();
        let dropped = usize::try_from(REPORTED.load(Ordering::SeqCst)).unwrap();
        assert!(dropped > 0);
        assert_eq!(text.lines().count() + dropped, added);
        assert!(text.lines().all(|line| line.len() == 999), "whole lines");
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader() {
        let out = Out::default();
        let lines = Lines::default();
        let guard = lines.write_regularly(out.clone(), |_| {}).unwrap();
        let stuck = lock(&out.0);
        add(&lines, "x\n");
        drop(guard);
        drop(stuck);
    }
}
