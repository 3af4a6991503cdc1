//! Drives events through a fleet, closed or open loop, and keeps when each was due, answered, told.
//!
//! Closed: each connection posts as soon as its last event is answered. Open: each event has its
//! time, and its latency counts from that time even where it had to wait for its connection, so a
//! slow server cannot hide behind a waiting client. Times lie on a grid of half a millisecond: a timer
//! for each event costs more of a virtual machine's cores than all else that is done for it. It refuses to leave out what never came: an
//! unfinished event counts as late as the run's end.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::Serialize;

use tierlift_bench::{
    id::{self, EVENT_ID_BYTES},
    stats::{Latency, figure},
};

use crate::{
    fleet::{Fleet, Lane, News},
    plan::Plan,
};

/// When events are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each connection one after another, as fast as it is answered.
    Closed,
    /// At a fixed rate, whatever the server does: the events of half a millisecond at once.
    Open {
        /// Events a second over all connections.
        per_second: u32,
    },
}

/// How many events ended in which way.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Counts {
    /// Events that were to be sent.
    pub(crate) events: usize,
    /// Answered otherwise than 200.
    pub(crate) refused: usize,
    /// Changes that reached their user's tab.
    pub(crate) noticed: usize,
    /// Notices that came twice, or said the wrong thing.
    pub(crate) wrong: usize,
}

/// The result of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    /// From the first event to the last notice.
    pub(crate) elapsed: Duration,
    pub(crate) ack: Latency,
    pub(crate) notice: Latency,
}

impl Outcome {
    /// Changes that reached their tab, a second.
    pub(crate) fn per_second(&self) -> f64 {
        figure(self.counts.noticed) / self.elapsed.as_secs_f64()
    }
}

/// Drives these events; gives up after `limit`.
pub(crate) fn drive(
    fleet: &mut Fleet,
    plan: &Plan,
    events: Range<usize>,
    pace: Pace,
    limit: Duration,
) -> Result<Outcome> {
    ensure!(fleet.lanes() > 0 && !events.is_empty(), "nothing to drive");
    let mut marks = Marks::new(plan, events.clone());
    let mut schedule = Schedule { next: events.start, events, pace };
    let limit = u64::try_from(limit.as_nanos())?;
    fleet.tick_every(schedule.tick())?;
    while !marks.complete() && marks.now() < limit {
        schedule.release(fleet, &mut marks)?;
        fleet.wait(|lanes, news| marks.take(lanes, news))?;
    }
    fleet.tick_every(Duration::ZERO)?;
    Ok(marks.outcome())
}

struct Schedule {
    next: usize,
    events: Range<usize>,
    pace: Pace,
}

impl Schedule {
    /// Gives every event whose time has come to its user's lane.
    fn release(&mut self, fleet: &mut Fleet, marks: &mut Marks<'_>) -> Result<()> {
        while self.next < self.events.end {
            let due = self.due(self.next);
            if due > marks.now() {
                break;
            }
            marks.due(self.next, due);
            let (_, lane) = fleet.lane_of(marks.plan.user_of(self.next))?;
            lane.queue(self.next);
            if matches!(self.pace, Pace::Open { .. }) {
                marks.post(lane)?;
            }
            self.next += 1;
            if self.next == self.events.end && matches!(self.pace, Pace::Closed) {
                (0..fleet.lanes()).try_for_each(|lane| marks.post(fleet.lane(lane)?))?;
            }
        }
        Ok(())
    }

    fn due(&self, event: usize) -> u64 {
        match self.pace {
            Pace::Closed => 0,
            Pace::Open { per_second } => {
                let turn = u64::try_from(event - self.events.start).unwrap_or(u64::MAX);
                let exact = turn.saturating_mul(1_000_000_000) / u64::from(per_second.max(1));
                exact - exact % GRID_NANOS
            }
        }
    }

    /// How often something may have to be sent.
    fn tick(&self) -> Duration {
        match self.pace {
            Pace::Closed => Duration::ZERO,
            Pace::Open { per_second } => {
                let apart = 1_000_000_000 / u64::from(per_second.max(1));
                Duration::from_nanos(apart.max(GRID_NANOS))
            }
        }
    }
}

const NEVER: u64 = u64::MAX;
const GRID_NANOS: u64 = 500_000;

/// When things happened to each event, in nanoseconds since the run's start.
struct Marks<'a> {
    plan: &'a Plan,
    first: usize,
    start: Instant,
    due: Vec<u64>,
    acked: Vec<u64>,
    noticed: Vec<u64>,
    answers: usize,
    refused: usize,
    notices: usize,
    wrong: usize,
    last_notice: u64,
}

impl<'a> Marks<'a> {
    fn new(plan: &'a Plan, events: Range<usize>) -> Self {
        let never = || vec![NEVER; events.len()];
        Self {
            plan,
            first: events.start,
            due: never(),
            acked: never(),
            noticed: never(),
            start: Instant::now(),
            answers: 0,
            refused: 0,
            notices: 0,
            wrong: 0,
            last_notice: 0,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(NEVER)
    }

    fn due(&mut self, event: usize, at: u64) {
        mark(&mut self.due, event - self.first, at);
    }

    /// Posts the lane's next event. In a closed loop its clock starts now.
    fn post(&mut self, lane: &mut Lane) -> Result<()> {
        if let Some(event) = lane.post_next(self.plan)?
            && self.due.get(event - self.first) == Some(&0)
        {
            let now = self.now();
            self.due(event, now);
        }
        Ok(())
    }

    fn take(&mut self, lanes: &mut [Lane], news: News<'_>) -> Result<()> {
        match news {
            News::Answer { lane, event, status } => {
                self.answer(event, status);
                lanes.get_mut(lane).map_or(Ok(()), |lane| self.post(lane))
            }
            News::Text { user, text } => {
                self.text(user, text);
                Ok(())
            }
        }
    }

    fn answer(&mut self, event: usize, status: u16) {
        let now = self.now();
        self.answers += 1;
        if status == 200 {
            mark(&mut self.acked, event - self.first, now);
        } else {
            self.refused += 1;
        }
    }

    /// A notice must be of an event of this run, for this user, the right way, and new.
    fn text(&mut self, user: usize, text: &[u8]) {
        let Some(event) = event_of(text) else { return };
        let up = memchr::memmem::find(text, b"ROLE_UPGRADED").is_some();
        let right = self.plan.user_of(event) == user && self.plan.upgrades(event) == up;
        let slot = event.checked_sub(self.first).and_then(|at| self.noticed.get_mut(at));
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(NEVER);
        match slot {
            Some(slot) if right && *slot == NEVER => {
                *slot = now;
                self.notices += 1;
                self.last_notice = now;
            }
            _ => self.wrong += 1,
        }
    }

    fn complete(&self) -> bool {
        self.answers == self.due.len() && self.notices + self.refused >= self.answers
    }

    fn outcome(self) -> Outcome {
        let end = self.now();
        let elapsed = if self.complete() { self.last_notice } else { end };
        Outcome {
            counts: Counts {
                events: self.due.len(),
                refused: self.refused,
                noticed: self.notices,
                wrong: self.wrong,
            },
            elapsed: Duration::from_nanos(elapsed),
            ack: Latency::from_nanos(latencies(&self.due, &self.acked, end)),
            notice: Latency::from_nanos(latencies(&self.due, &self.noticed, end)),
        }
    }
}

fn mark(marks: &mut [u64], at: usize, nanos: u64) {
    if let Some(slot) = marks.get_mut(at) {
        *slot = nanos;
    }
}

/// From when each event was due to when it was done, or to the end where it never was.
fn latencies(due: &[u64], done: &[u64], end: u64) -> Vec<u64> {
    due.iter().zip(done).map(|(due, done)| (*done).min(end).saturating_sub(*due)).collect()
}

/// The event that a notice is about. A snapshot is about none.
pub(crate) fn event_of(text: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\"eventId\":\"";
    let id = text.get(memchr::memmem::find(text, NAME)? + NAME.len()..)?;
    id::index_of(id.get(..EVENT_ID_BYTES)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_its_event_and_a_snapshot_none() {
        let notice = format!(r#"{{"v":1,"eventId":"{}","at":"x"}}"#, id::event(42, 1_795_000_000));
        assert_eq!(event_of(notice.as_bytes()), Some(42));
        assert_eq!(event_of(br#"{"v":1,"type":"SNAPSHOT"}"#), None);
        assert_eq!(event_of(br#"{"eventId":"evt_other"}"#), None);
    }

    #[test]
    fn open_loop_times_are_even_and_do_not_drift() {
        let pace = Pace::Open { per_second: 8_000 };
        let schedule = Schedule { next: 100, events: 100..90_000, pace };
        for (event, due) in [(100, 0), (103, 0), (104, 500_000), (8_100, 1_000_000_000)] {
            assert_eq!(schedule.due(event), due);
        }
        assert_eq!(schedule.tick(), Duration::from_micros(500));
    }

    #[test]
    fn what_never_came_is_as_late_as_the_end() {
        assert_eq!(latencies(&[10, 20], &[15, NEVER], 100), [5, 80]);
    }

    #[test]
    fn wrong_and_repeated_notices_are_counted_not_timed() {
        let plan = Plan::new(4, 2, "whsec_bench").unwrap();
        let mut marks = Marks::new(&plan, 0..4);
        let text = |kind: &str, event| {
            format!(r#"{{"type":"{kind}","eventId":"{}"}}"#, id::event(event, 1_795_000_000))
        };
        marks.text(0, text("ROLE_UPGRADED", 0).as_bytes());
        assert_eq!((marks.notices, marks.wrong), (1, 0));
        let wrong = [(0, "ROLE_UPGRADED", 0), (1, "ROLE_UPGRADED", 2), (0, "ROLE_UPGRADED", 2)];
        for (user, kind, event) in wrong {
            marks.text(user, text(kind, event).as_bytes());
        }
        assert_eq!((marks.notices, marks.wrong), (1, 3));
    }
}
