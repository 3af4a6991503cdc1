//! Instants as microseconds since 1970-01-01T00:00:00Z, and the clock that the stages read. Nothing
//! here reads the system's time.

mod steady;

pub use steady::SteadyClock;

use std::{
    fmt,
    ops::Deref,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize, Serializer};

/// An instant, in microseconds since the Unix epoch. Stored as that number, shown as RFC 3339.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The instant `millis` milliseconds after the epoch; saturates.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The instant `secs` seconds after the epoch, as Stripe and JWT write it; saturates.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant plus `secs` seconds, which may be negative; saturates.
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1_000_000)))
    }

    /// This instant plus `millis` milliseconds, which may be negative; saturates.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }

    /// This instant plus `days` days of 24 hours, which may be negative; saturates.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_secs(days.saturating_mul(86_400))
    }

    /// Milliseconds from `earlier` to this instant; 0 if `earlier` is later.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.since(earlier).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    /// Converts a time of the standard library; saturates.
    fn from(time: SystemTime) -> Self {
        let micros = |since: Duration| i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(-micros(before.duration())),
        }
    }
}

/// A text is no date-time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("this is no date-time such as 2026-11-22T16:12:48Z")]
pub struct NoTimestamp;

impl FromStr for Timestamp {
    type Err = NoTimestamp;

    /// Parses RFC 3339.
    fn from_str(text: &str) -> Result<Self, NoTimestamp> {
        let at: jiff::Timestamp = text.parse().map_err(|_| NoTimestamp)?;
        Ok(Self(at.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds, for example `2026-11-22T16:12:48.123Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            // RFC 3339 ends with the year 9999; the number is still right.
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// The source of time of a stage. It is an argument, so that a test controls the time.
///
/// ```
/// use std::sync::{
///     Arc,
///     atomic::{AtomicI64, Ordering},
/// };
///
/// use tierlift_core::time::{Clock, Timestamp};
///
/// let secs = Arc::new(AtomicI64::new(1_795_000_000));
/// let hand = Arc::clone(&secs);
/// let clock = Clock::new(move || Timestamp::from_secs(hand.load(Ordering::Relaxed)));
/// let before = clock.now();
/// secs.fetch_add(60, Ordering::Relaxed);
/// assert_eq!(clock.now(), before.plus_secs(60));
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

/// What a [`Clock`] reads. A function that returns the time is one that is always right.
pub trait TimeSource: Send + Sync {
    /// The current time.
    #[must_use]
    fn now(&self) -> Timestamp;

    /// Takes note of a time that somebody trustworthy has just signed. Returns whether the current time is
    /// another one because of it.
    #[must_use]
    fn witness(&self, _signed_at: Timestamp) -> bool {
        false
    }

    /// Takes note of the latest time in what is stored: a clock that is far behind it was wrong then, or is
    /// wrong now.
    fn compare(&self, _latest: Timestamp) {}

    /// Whether nothing speaks against the time, and something speaks for it.
    #[must_use]
    fn is_confirmed(&self) -> bool {
        true
    }

    /// Whether the system's clock has jumped and the time goes on as if it had not.
    #[must_use]
    fn is_held(&self) -> bool {
        false
    }

    /// How often it turned out that the time had been ahead, and something may have been decided too early.
    #[must_use]
    fn corrections(&self) -> u64 {
        0
    }
}

impl<F: Fn() -> Timestamp + Send + Sync> TimeSource for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

impl Clock {
    /// A clock that reads this source.
    #[must_use]
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self(Arc::new(source))
    }
}

impl Deref for Clock {
    type Target = dyn TimeSource;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// Serializes an instant as RFC 3339, for frames and answers.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(crate) fn rfc3339<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// Serializes an optional instant as RFC 3339 or null.
#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
pub(crate) fn rfc3339_option<S: Serializer>(
    at: &Option<Timestamp>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.collect_str(at),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_rfc_3339_with_milliseconds() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_363_968_123, "2026-11-22T16:12:48.123Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp::from_millis(millis)));
        }
        assert_eq!("2026-11-22".parse::<Timestamp>(), Err(NoTimestamp));
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), i64::MAX.to_string());
    }

    #[test]
    fn a_system_time_keeps_its_microseconds_on_both_sides_of_the_epoch() {
        let micros = Duration::from_micros(1_500_001);
        assert_eq!(Timestamp::from(UNIX_EPOCH + micros), Timestamp::from_micros(1_500_001));
        assert_eq!(Timestamp::from(UNIX_EPOCH - micros), Timestamp::from_micros(-1_500_001));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::from_secs(i64::MAX), Timestamp::from_micros(i64::MAX));
        assert_eq!(Timestamp::from_secs(5).millis_since(Timestamp::from_secs(9)), 0);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
    }
}
