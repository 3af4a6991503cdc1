//! Logging to stderr: text for a terminal, JSON lines otherwise.
//!
//! The server logs a line for each event, and a system call for each would cost more than the line.
//! So lines gather in memory, and a thread writes them every few milliseconds. The buffer has a limit;
//! whoever fills it writes it out. No line is lost or split, and the last ones are written when the
//! [`Guard`] is dropped.

use std::{
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tierlift_core::{
    codes::Code,
    limits::{LOG_BUFFER_BYTES_MAX, LOG_FLUSH_INTERVAL_MS},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::error::{Error, Problem};

/// Starts logging. Lines are written until the guard is dropped.
pub(crate) fn start(filter: Option<&str>) -> Result<Guard, Error> {
    let filter = EnvFilter::try_new(filter.unwrap_or("info")).map_err(|error| {
        Problem::new(Code::UsageInvalid, format!("--log (or RUST_LOG): {error}"))
    })?;
    let lines = Lines::new(io::stderr());
    let guard = lines.write_regularly().map_err(anyhow::Error::from)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    if io::stderr().is_terminal() {
        log.compact().init();
    } else {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
    Ok(guard)
}

/// Keeps the writing thread alive; dropped, it writes what is left.
#[derive(Debug)]
#[must_use = "log lines are written until it is dropped"]
pub(crate) struct Guard<W: Write = io::Stderr> {
    shared: Arc<Shared<W>>,
    thread: Option<JoinHandle<()>>,
}

impl<W: Write> Drop for Guard<W> {
    fn drop(&mut self) {
        lock(&self.shared.pending).stopping = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has reported it by itself.
            drop(thread.join());
        }
    }
}

#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    stopping: bool,
}

#[derive(Debug)]
pub(crate) struct Shared<W> {
    pending: Mutex<Pending>,
    changed: Condvar,
    /// Locked before `pending` is emptied, so that lines stay in their order.
    out: Mutex<W>,
}

/// The writer that the subscriber hands its lines to.
#[derive(Debug)]
struct Lines<W>(Arc<Shared<W>>);

impl<W: Write + Send + 'static> Lines<W> {
    fn new(out: W) -> Self {
        let (pending, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { pending, changed, out: Mutex::new(out) }))
    }

    fn write_regularly(&self) -> io::Result<Guard<W>> {
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            while shared.wait() {
                std::thread::sleep(Duration::from_millis(LOG_FLUSH_INTERVAL_MS));
                shared.write_out();
            }
            shared.write_out();
        })?;
        Ok(Guard { shared: Arc::clone(&self.0), thread: Some(thread) })
    }
}

impl<W: Write> Shared<W> {
    /// Waits for lines; returns false once there will be no more.
    fn wait(&self) -> bool {
        let idle = |pending: &mut Pending| pending.bytes.is_empty() && !pending.stopping;
        let pending = self
            .changed
            .wait_while(lock(&self.pending), idle)
            .unwrap_or_else(PoisonError::into_inner);
        !pending.stopping
    }

    fn write_out(&self) {
        let mut out = lock(&self.out);
        let bytes = std::mem::take(&mut lock(&self.pending).bytes);
        // Without stderr there is nowhere left to report an error.
        drop(out.write_all(&bytes));
    }

    fn add(&self, line: &[u8]) {
        let mut pending = lock(&self.pending);
        let is_first = pending.bytes.is_empty();
        let is_full = pending.bytes.len() + line.len() > LOG_BUFFER_BYTES_MAX;
        pending.bytes.extend_from_slice(line);
        drop(pending);
        if is_full {
            self.write_out();
        } else if is_first {
            self.changed.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer of one line; the subscriber writes it in one call.
struct Line<'a, W: Write>(&'a Shared<W>);

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(&self.0)
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn every_line_is_written_once_whole_and_in_its_threads_order() {
        let out = Out::default();
        let lines = Lines::new(out.clone());
        let guard = lines.write_regularly().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let lines = &lines;
                // Enough to fill the buffer more than once.
                scope.spawn(move || {
                    for n in 0..10_000 {
                        let line = format!("{thread} {n} {}\n", "x".repeat(60));
                        lines.make_writer().write_all(line.as_bytes()).unwrap();
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
            assert_eq!(numbers, (0..10_000).collect::<Vec<_>>());
        }
        assert!(text.lines().all(|line| line.ends_with('x')));
    }
}
