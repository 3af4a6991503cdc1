//! What an observation does to the fold: Stripe's own word for the state, as of a window of seconds.
//!
//! ```text
//!   events before the window      are superseded
//!   none in the window            the observation is the state
//!   they end where it is          the observation is the state
//!   they pass through it          inconclusive: they count, for it may be older than they are
//!   they do not                   inconclusive: it counts, for some of them are missing
//!   events after the window       fold on top
//! ```
//!
//! An inconclusive observation is flagged like a second of which edges are missing, until the next one.

use std::sync::Arc;

use super::{
    Edge, State,
    second::{fold, hidden},
};
use crate::{observation::Window, subscription::Node};

/// A subscription as an answer of Stripe's API shows it.
///
/// Of two, the one whose window begins later counts: a slow answer has a wide window and proves little.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// The seconds in which the answer may have been true.
    pub window: Window,
    /// The earliest time at which it may have entered its status by what it shows itself, in seconds since
    /// the epoch; not after the window begins.
    pub since_secs: i64,
    /// Its tracked fields.
    pub node: Arc<Node>,
}

/// What the events up to the end of the window say.
struct Known<'a> {
    before: Option<State<'a>>,
    end: Option<State<'a>>,
    latest_secs: Option<i64>,
}

impl Observation {
    /// The state after all of these edges, given the state before them and its second.
    pub(super) fn fold<'a>(
        &'a self,
        edges: &'a [Edge],
        before: Option<State<'a>>,
        before_secs: Option<i64>,
    ) -> Option<State<'a>> {
        let Window { from_secs, to_secs } = self.window;
        let (known, after) = edges.split_at(edges.partition_point(|edge| edge.at_secs <= to_secs));
        let (older, within) =
            known.split_at(known.partition_point(|edge| edge.at_secs < from_secs));
        let before = fold(older, before);
        let end = fold(within, before.clone());
        let latest_secs = known.last().map(|edge| edge.at_secs).or(before_secs);
        fold(after, Some(self.state(within, Known { before, end, latest_secs })))
    }

    /// The state at the end of the window, given the edges in it.
    fn state<'a>(&'a self, within: &'a [Edge], known: Known<'a>) -> State<'a> {
        let is_end = known.end.as_ref().is_some_and(|end| *end.node == *self.node);
        let is_conclusive = within.is_empty() || is_end;
        match known {
            Known { before, end: Some(end), .. }
                if !is_conclusive && self.is_passed(within, before.as_ref()) =>
            {
                State { ambiguous: true, unclear: true, ..end }
            }
            Known { end, latest_secs, .. } => State {
                node: &self.node,
                since_secs: self.since_secs(end.as_ref(), latest_secs),
                hidden: if self.node.truncated { hidden(&self.node, &[], end) } else { Vec::new() },
                ambiguous: !is_conclusive || self.node.truncated,
                unclear: !is_conclusive,
            },
        }
    }

    /// Whether the known edges of the window pass through what was observed.
    fn is_passed(&self, within: &[Edge], before: Option<&State<'_>>) -> bool {
        let is_same = |node: &Node| *node == *self.node;
        before.is_some_and(|before| is_same(before.node))
            || within.iter().flat_map(Edge::nodes).any(is_same)
    }

    /// The time at which it entered its status: as the events say, if they know it in that status, and
    /// otherwise after the latest of them.
    fn since_secs(&self, end: Option<&State<'_>>, latest_secs: Option<i64>) -> i64 {
        match (end, latest_secs) {
            (Some(end), _) if end.node.status == self.node.status => end.since_secs,
            (Some(_), Some(latest)) => {
                self.since_secs.max(latest.saturating_add(1)).min(self.window.to_secs)
            }
            _ => self.since_secs,
        }
    }
}
