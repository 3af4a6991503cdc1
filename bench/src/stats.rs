//! Exact percentiles over every sample of a run.
//!
//! All samples are kept and sorted afterwards. It refuses to estimate: no buckets, no decay.

use std::time::Duration;

/// Median and 99th percentile of latencies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// The median.
    pub p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
}

impl Latency {
    /// The median and 99th percentile of latencies in nanoseconds.
    #[must_use]
    pub fn from_nanos(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        let at = |q| Duration::from_nanos(percentile(&nanos, q).unwrap_or(0));
        Self { p50: at(50), p99: at(99) }
    }
}

/// The smallest value that at least `percent` of the sorted samples do not exceed (nearest rank).
#[must_use]
pub fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The median of a few figures; 0 of none.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    percentile(&figures, 50).unwrap_or(0.0)
}

/// A count as a figure that can be divided. Exact up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 events")]
#[must_use]
pub fn figure(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let hundred: Vec<u32> = (1..=100).collect();
        for (percent, expected) in [(0, 1), (1, 1), (50, 50), (99, 99), (100, 100)] {
            assert_eq!(percentile(&hundred, percent), Some(expected), "p{percent}");
        }
        assert_eq!(percentile(&[7], 50), Some(7));
        assert_eq!(percentile(&[7, 9], 99), Some(9));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }

    #[test]
    fn a_median_is_one_of_its_figures() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).abs() < f64::EPSILON);
    }

    #[test]
    fn latencies_are_sorted_first() {
        let latency = Latency::from_nanos(vec![3_000, 1_000, 2_000]);
        assert_eq!(latency.p50, Duration::from_micros(2));
        assert_eq!(latency.p99, Duration::from_micros(3));
    }
}
