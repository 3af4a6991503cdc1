//! A clock that does not follow its system's time when that jumps, until something speaks for the jump.
//!
//! A wrong time for a few seconds would end roles and delete rows, all at once and everywhere. So the time
//! goes on as if there had been no jump, by the count of seconds since the machine started. The jump is
//! followed when a time that Stripe signed agrees with it, or when nothing has spoken against it for
//! [`CLOCK_CONFIRMED_SECS`].

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
};

use super::{TimeSource, Timestamp};
use crate::limits::{CLOCK_CONFIRMED_SECS, CLOCK_JUMP_SECS_MAX, SIGNATURE_TOLERANCE_SECS};

const JUMP_MICROS: i64 = CLOCK_JUMP_SECS_MAX * 1_000_000;
const CONFIRMED_MICROS: i64 = CLOCK_CONFIRMED_SECS * 1_000_000;
const TOLERANCE_MICROS: i64 = SIGNATURE_TOLERANCE_SECS * 1_000_000;

/// A clock over the system's time and the microseconds since some fixed moment, such as the machine's
/// start. The second must count while the machine sleeps and never jump.
pub struct SteadyClock<W, T> {
    wall: W,
    ticks: T,
    /// The time at tick zero, by which jumps are noticed.
    origin: AtomicI64,
    /// Whether there is neither a doubt nor anything left to confirm, and reading takes no lock.
    settled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// A jump that is not followed yet.
    doubt: Option<Doubt>,
    /// The tick from which on the time has been the present one, without a jump.
    since: i64,
    confirmed: bool,
    /// The latest time in what is stored, if the clock is far behind it.
    behind: Option<Timestamp>,
    corrections: u64,
}

/// A jump that is not followed yet.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The tick since which nothing has spoken against it.
    since: i64,
    /// The time at tick zero, if the jump is right.
    origin: i64,
}

impl<W, T> SteadyClock<W, T>
where
    W: Fn() -> Timestamp + Send + Sync,
    T: Fn() -> i64 + Send + Sync,
{
    /// A clock that begins at the system's time.
    #[must_use]
    pub fn new(wall: W, ticks: T) -> Self {
        let now = ticks();
        let origin = wall().as_micros().saturating_sub(now);
        let state =
            State { doubt: None, since: now, confirmed: false, behind: None, corrections: 0 };
        Self {
            wall,
            ticks,
            origin: AtomicI64::new(origin),
            settled: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is a single assignment or followed by nothing that can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The system's time, and the present tick.
    fn read(&self) -> (i64, i64) {
        ((self.wall)().as_micros(), (self.ticks)())
    }

    /// Brings the state up to date with the system's time. Returns the current time.
    fn update(&self, state: &mut State, wall: i64, ticks: i64) -> i64 {
        let (origin, candidate) = (self.origin.load(Relaxed), wall.saturating_sub(ticks));
        if !is_jump(candidate, origin) {
            state.doubt = None;
            // Small steps are followed, so that they never add up to a jump. While reading takes no lock, it
            // is who asks `is_confirmed` every few seconds that brings this up to date.
            self.origin.store(candidate, Relaxed);
        } else if state.behind.is_some_and(|latest| wall >= latest.as_micros() - JUMP_MICROS) {
            // What is stored has been later than the clock: this jump is the fix.
            self.follow(state, candidate, ticks);
        } else {
            let doubt = state.doubt.filter(|known| !is_jump(candidate, known.origin));
            let since = doubt.map_or(ticks, |known| known.since);
            state.doubt = Some(Doubt { since, origin: candidate });
            if ticks - since >= CONFIRMED_MICROS {
                self.follow(state, candidate, ticks);
                state.confirmed = true;
            }
        }
        state.confirmed |= state.doubt.is_none() && ticks - state.since >= CONFIRMED_MICROS;
        let now = self.origin.load(Relaxed).saturating_add(ticks);
        if state.confirmed
            && let Some(latest) = state.behind.take()
            && latest.as_micros() - JUMP_MICROS > now
        {
            state.corrections += 1;
        }
        self.settled.store(state.confirmed && state.doubt.is_none(), Relaxed);
        now
    }

    fn follow(&self, state: &mut State, origin: i64, ticks: i64) {
        let before = self.origin.swap(origin, Relaxed);
        if before > origin {
            state.corrections += 1;
        }
        state.doubt = None;
        state.since = ticks;
        state.confirmed = false;
    }
}

/// Whether two times at tick zero are further apart than clocks are adjusted by.
const fn is_jump(a: i64, b: i64) -> bool {
    a.abs_diff(b) > JUMP_MICROS.unsigned_abs()
}

impl<W, T> TimeSource for SteadyClock<W, T>
where
    W: Fn() -> Timestamp + Send + Sync,
    T: Fn() -> i64 + Send + Sync,
{
    fn now(&self) -> Timestamp {
        let (wall, ticks) = self.read();
        let is_steady = !is_jump(wall.saturating_sub(ticks), self.origin.load(Relaxed));
        if is_steady && self.settled.load(Relaxed) {
            return Timestamp::from_micros(wall);
        }
        Timestamp::from_micros(self.update(&mut self.lock(), wall, ticks))
    }

    fn witness(&self, signed_at: Timestamp) -> bool {
        let (wall, ticks) = self.read();
        let agrees =
            |time: i64| time.abs_diff(signed_at.as_micros()) <= TOLERANCE_MICROS.unsigned_abs();
        if self.settled.load(Relaxed) && agrees(wall) {
            return false;
        }
        let state = &mut *self.lock();
        let now = self.update(state, wall, ticks);
        if agrees(now) {
            state.confirmed = true;
            if let Some(doubt) = &mut state.doubt {
                doubt.since = ticks;
            }
        } else if state.doubt.is_some() && agrees(wall) {
            self.follow(state, wall.saturating_sub(ticks), ticks);
            state.confirmed = true;
        }
        self.update(state, wall, ticks) != now
    }

    fn compare(&self, latest: Timestamp) {
        let (wall, ticks) = self.read();
        let state = &mut *self.lock();
        if latest.as_micros() - JUMP_MICROS > self.update(state, wall, ticks) {
            state.behind = Some(latest);
            state.confirmed = false;
            self.settled.store(false, Relaxed);
        }
    }

    fn is_confirmed(&self) -> bool {
        let (wall, ticks) = self.read();
        let state = &mut *self.lock();
        self.update(state, wall, ticks);
        state.confirmed && state.doubt.is_none()
    }

    fn is_held(&self) -> bool {
        let (wall, ticks) = self.read();
        let state = &mut *self.lock();
        self.update(state, wall, ticks);
        state.doubt.is_some()
    }

    fn corrections(&self) -> u64 {
        self.lock().corrections
    }
}

#[cfg(test)]
#[path = "steady_tests.rs"]
mod tests;
