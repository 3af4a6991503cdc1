//! How many frames clients may send: a burst at once, and after that a number each second.
//!
//! An allowance is one point in time: when it is whole again. One that is whole therefore needs no record.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tierlift_core::{
    id::UserId,
    limits::{
        ALLOWANCES_KEPT_MAX, SOCKET_FRAMES_BURST_MAX, SOCKET_FRAMES_PER_SEC_MAX,
        USER_FRAMES_BURST_MAX, USER_FRAMES_PER_SEC_MAX,
    },
};

/// How an allowance grows with time, and up to what.
#[derive(Clone, Copy, Debug)]
struct Rate {
    interval: Duration,
    burst: u32,
}

impl Rate {
    const OF_SOCKET: Self = Self::new(SOCKET_FRAMES_PER_SEC_MAX, SOCKET_FRAMES_BURST_MAX);
    const OF_USER: Self = Self::new(USER_FRAMES_PER_SEC_MAX, USER_FRAMES_BURST_MAX);

    const fn new(per_sec: u32, burst: u32) -> Self {
        Self { interval: Duration::from_nanos(1_000_000_000 / per_sec as u64), burst }
    }

    /// Takes one frame of an allowance; returns false if none is left.
    fn take(self, whole_at: &mut Instant, now: Instant) -> bool {
        let next = (*whole_at).max(now) + self.interval;
        if next > now + self.interval * self.burst {
            return false;
        }
        *whole_at = next;
        true
    }
}

/// An allowance of frames.
#[derive(Debug)]
pub struct Allowance {
    rate: Rate,
    whole_at: Mutex<Instant>,
}

impl Allowance {
    /// The whole allowance of a socket.
    #[must_use]
    pub const fn of_socket(now: Instant) -> Self {
        Self { rate: Rate::OF_SOCKET, whole_at: Mutex::new(now) }
    }

    /// The whole allowance of all sockets of a user.
    #[must_use]
    pub const fn of_user(now: Instant) -> Self {
        Self { rate: Rate::OF_USER, whole_at: Mutex::new(now) }
    }

    /// Takes one frame; returns false if none is left.
    pub fn take(&self, now: Instant) -> bool {
        // A point in time is consistent between any two steps.
        self.rate.take(&mut self.whole_at.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

/// The allowances of many, by key. What is whole is forgotten when there are too many.
#[derive(Debug)]
struct Allowances<K> {
    rate: Rate,
    whole_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Clone + Eq + Hash> Allowances<K> {
    fn new(rate: Rate) -> Self {
        Self { rate, whole_at: Mutex::default() }
    }

    fn take(&self, key: &K, now: Instant) -> bool {
        let mut all = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ALLOWANCES_KEPT_MAX && !all.contains_key(key) {
            all.retain(|_, whole_at| *whole_at > now);
        }
        self.rate.take(all.entry(key.clone()).or_insert(now), now)
    }
}

/// The allowances of the sockets of a gateway, and of their users, in this process. A gateway may hand the frames of
/// one socket to several processes; whoever floods it is seen by each.
#[derive(Debug)]
pub struct FrameAllowances<S> {
    sockets: Allowances<S>,
    users: Allowances<UserId>,
}

impl<S: Clone + Eq + Hash> Default for FrameAllowances<S> {
    fn default() -> Self {
        Self { sockets: Allowances::new(Rate::OF_SOCKET), users: Allowances::new(Rate::OF_USER) }
    }
}

impl<S: Clone + Eq + Hash> FrameAllowances<S> {
    /// Takes one frame of a socket; returns false if none is left.
    pub(crate) fn take_of_socket(&self, socket: &S, now: Instant) -> bool {
        self.sockets.take(socket, now)
    }

    /// Takes one frame of all sockets of a user; returns false if none is left.
    pub(crate) fn take_of_user(&self, user: &UserId, now: Instant) -> bool {
        self.users.take(user, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_and_then_so_many_a_second() {
        let start = Instant::now();
        let allowance = Allowance { rate: Rate::new(10, 50), whole_at: Mutex::new(start) };
        let taken = |at: Duration| (0..1_000).filter(|_| allowance.take(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 50);
        assert_eq!(taken(Duration::from_millis(99)), 0);
        assert_eq!(taken(Duration::from_secs(1)), 10);
        assert_eq!(taken(Duration::from_hours(1)), 50, "no more than a burst is saved");
    }

    #[test]
    fn each_key_has_its_own_and_one_that_is_not_whole_is_never_forgotten() {
        let start = Instant::now();
        let allowances = Allowances::new(Rate::new(10, 50));
        let taken = |key: usize, now| (0..1_000).filter(|_| allowances.take(&key, now)).count();
        assert_eq!((taken(0, start), taken(1, start)), (50, 50));
        let later = start + Duration::from_secs(1);
        for key in 2..2 * ALLOWANCES_KEPT_MAX {
            let now = later + Duration::from_millis(u64::try_from(key).unwrap());
            assert!(allowances.take(&key, now));
            assert!(allowances.whole_at.lock().unwrap().len() <= ALLOWANCES_KEPT_MAX);
        }
        let end = Duration::from_millis(u64::try_from(2 * ALLOWANCES_KEPT_MAX).unwrap());
        assert_eq!(taken(0, later + end), 10 + usize::try_from(end.as_millis() / 100).unwrap());
    }
}
