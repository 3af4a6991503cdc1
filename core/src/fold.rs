//! State without order: where a subscription stands, given the set of its events.
//!
//! `created` has one-second resolution and is no order. So an event is an *edge* from one node to
//! another, and a record remembers edges, not the last arrival. Seconds are folded in their order;
//! within one second nothing is assumed:
//!
//! ```text
//!   one second's edges        where they end
//!   A→B  C→D  B→C             D       the node with one more edge in than out
//!   A→B  B→A                  before  a circuit ends where it began
//!   (no edge moves) A         A       the second asserts its node
//!   …  any ended event        ended   nothing follows, nothing revives
//!   A→B  C→D  (B→C missing)   max     a fixed choice, flagged ambiguous, mended by the next arrival
//! ```
//!
//! The record is canonical: the same set of events gives the same bytes, whatever their order.
//! What falls out of memory (the oldest second, beyond [`EVENTS_REMEMBERED_MAX`]) is folded into
//! one settled state; an event at or before that is stale.

use serde::{Deserialize, Serialize};

use crate::{
    limits::{EVENTS_OF_ONE_SECOND_MAX, EVENTS_REMEMBERED_MAX},
    subscription::{Node, Status},
};

/// Where an event says that the subscription was before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: `created` is a source.
    Created,
    /// Here: `previous_attributes` laid over the object.
    Node(Node),
    /// It does not say; the event only asserts where it is now.
    Unknown,
    /// It does not matter: the subscription has ended.
    Ended,
}

/// One event's move: at that second, from there, to here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// `created`, in seconds since the epoch.
    pub at_secs: i64,
    /// Where it was.
    pub origin: Origin,
    /// Where it is.
    pub to: Node,
}

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<'a> {
    /// Its tracked fields.
    pub node: &'a Node,
    /// Since when it has had this status, in seconds since the epoch.
    pub since_secs: i64,
    /// Edges are missing, and a fixed choice was taken until they arrive.
    pub ambiguous: bool,
}

/// What an arrival did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is remembered; the state may have changed.
    Remembered,
    /// It lies before everything that is remembered, or after the end. Nothing changed.
    Stale,
}

/// What is known of one subscription: remembered events, and the state before them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Every node that a remembered event names, sorted; moves refer to them by place.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    nodes: Vec<Node>,
    /// Remembered events, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    moves: Vec<Move>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    settled: Option<Settled>,
    /// The end, once it is known. It outlives everything else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ended: Option<Ended>,
}

/// An edge between places in `nodes`: second, where from, where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Move(i64, From, u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    Created,
    Unknown,
    Place(u16),
}

/// As a number: −1 created, −2 unknown, else a place.
impl Serialize for From {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i32(match self {
            Self::Created => -1,
            Self::Unknown => -2,
            Self::Place(place) => i32::from(*place),
        })
    }
}

impl<'de> Deserialize<'de> for From {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match i32::deserialize(from)? {
            -1 => Ok(Self::Created),
            -2 => Ok(Self::Unknown),
            place => u16::try_from(place).map(Self::Place).map_err(serde::de::Error::custom),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Settled {
    at_secs: i64,
    node: Node,
    since_secs: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    ambiguous: bool,
}

impl Settled {
    const fn state(&self) -> State<'_> {
        State { node: &self.node, since_secs: self.since_secs, ambiguous: self.ambiguous }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Ended {
    at_secs: i64,
    node: Node,
}

impl Record {
    /// Takes an event in. The state afterwards does not depend on the order of arrivals.
    pub fn insert(&mut self, edge: Edge) -> Arrival {
        if edge.origin == Origin::Ended || edge.to.status.is_terminal() {
            return self.end(edge);
        }
        let settled = self.settled.as_ref().is_some_and(|s| edge.at_secs <= s.at_secs);
        if settled || self.ended.is_some() {
            return Arrival::Stale;
        }
        let to = self.place(&edge.to);
        let from = match &edge.origin {
            Origin::Node(before) if *before != edge.to => From::Place(self.place(before)),
            Origin::Created => From::Created,
            Origin::Node(_) | Origin::Unknown | Origin::Ended => From::Unknown,
        };
        self.moves.push(Move(edge.at_secs, from, to));
        while self.settle_oldest() {}
        self.canonicalize();
        Arrival::Remembered
    }

    /// Where the subscription stands; `None` where no event was seen.
    #[must_use]
    pub fn state(&self) -> Option<State<'_>> {
        if let Some(Ended { at_secs, node }) = &self.ended {
            return Some(State { node, since_secs: *at_secs, ambiguous: false });
        }
        let mut state = self.settled.as_ref().map(Settled::state);
        for second in self.moves.chunk_by(|a, b| a.0 == b.0) {
            state = self.resolve(second, state);
        }
        state
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The latest second of which anything is known.
    #[must_use]
    pub fn latest_secs(&self) -> Option<i64> {
        let ended = self.ended.as_ref().map(|ended| ended.at_secs);
        let remembered = self.moves.last().map(|last| last.0);
        let settled = self.settled.as_ref().map(|settled| settled.at_secs);
        ended.or(remembered).or(settled)
    }

    /// The end wins over all; of two ends the later, then the greater.
    fn end(&mut self, edge: Edge) -> Arrival {
        let mut node = edge.to;
        if !node.status.is_terminal() {
            node.status = Status::Canceled;
        }
        let ended = Ended { at_secs: edge.at_secs, node };
        if self.ended.as_ref().is_some_and(|known| *known >= ended) {
            return Arrival::Stale;
        }
        *self = Self { ended: Some(ended), ..Self::default() };
        Arrival::Remembered
    }

    /// The place of a node, new at the back where it was not known.
    fn place(&mut self, node: &Node) -> u16 {
        let place = self.nodes.iter().position(|known| known == node).unwrap_or_else(|| {
            self.nodes.push(node.clone());
            self.nodes.len() - 1
        });
        // At most two nodes for each of the remembered moves: far below u16.
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// Folds the oldest second into the settled state where too much is remembered.
    fn settle_oldest(&mut self) -> bool {
        if self.moves.len() <= EVENTS_REMEMBERED_MAX {
            return false;
        }
        self.moves.sort_unstable();
        let (Some(oldest), Some(newest)) = (self.moves.first(), self.moves.last()) else {
            return false;
        };
        let (at_secs, one_second) = (oldest.0, oldest.0 == newest.0);
        if one_second && self.moves.len() <= EVENTS_OF_ONE_SECOND_MAX {
            return false;
        }
        let count = self.moves.partition_point(|m| m.0 == at_secs);
        let second: Vec<Move> = self.moves.drain(..count).collect();
        let before = self.settled.as_ref().map(Settled::state);
        self.settled = self.resolve(&second, before).map(|state| Settled {
            at_secs,
            node: state.node.clone(),
            since_secs: state.since_secs,
            ambiguous: state.ambiguous,
        });
        true
    }

    /// Sorts nodes and moves and drops nodes that no move names, so that equal sets are equal bytes.
    fn canonicalize(&mut self) {
        let mut order: Vec<usize> = (0..self.nodes.len())
            .filter(|place| {
                self.moves.iter().any(|m| {
                    usize::from(m.2) == *place
                        || matches!(m.1, From::Place(from) if usize::from(from) == *place)
                })
            })
            .collect();
        order.sort_unstable_by(|a, b| self.nodes.get(*a).cmp(&self.nodes.get(*b)));
        let mut places = vec![0_u16; self.nodes.len()];
        for (new, old) in order.iter().enumerate() {
            if let Some(place) = places.get_mut(*old) {
                *place = u16::try_from(new).unwrap_or(u16::MAX);
            }
        }
        let renamed = |old: u16| places.get(usize::from(old)).copied().unwrap_or_default();
        for m in &mut self.moves {
            m.2 = renamed(m.2);
            if let From::Place(from) = m.1 {
                m.1 = From::Place(renamed(from));
            }
        }
        let mut nodes: Vec<_> = self.nodes.drain(..).map(Some).collect();
        self.nodes.extend(order.iter().filter_map(|old| nodes.get_mut(*old)?.take()));
        self.moves.sort_unstable();
    }

    /// The state after one second, given its events and the state before it.
    fn resolve<'a>(&'a self, second: &[Move], before: Option<State<'a>>) -> Option<State<'a>> {
        let at_secs = second.first()?.0;
        let (node, ambiguous) = self.end_of_path(second, before)?;
        let since_secs = match before {
            Some(before) if before.node.status == node.status => before.since_secs,
            _ => at_secs,
        };
        Some(State { node, since_secs, ambiguous })
    }

    fn end_of_path<'a>(
        &'a self,
        second: &[Move],
        before: Option<State<'a>>,
    ) -> Option<(&'a Node, bool)> {
        let node = |place: u16| self.nodes.get(usize::from(place));
        if let [only] = second {
            return Some((node(only.2)?, false));
        }
        let mut ends = self.surpluses(second);
        if let (Some((place, 1)), None) = (ends.next(), ends.next()) {
            return Some((node(place)?, false));
        }
        if let Some((greatest, _)) = self.surpluses(second).max_by_key(|(place, _)| node(*place)) {
            return Some((node(greatest)?, true));
        }
        let first = second.first()?.2;
        if second.iter().all(|m| m.2 == first) {
            return Some((node(first)?, false));
        }
        let asserted = second.iter().filter_map(|m| node(m.2));
        match before {
            Some(before) => {
                Some((before.node, !asserted.into_iter().any(|node| node == before.node)))
            }
            None => Some((asserted.min()?, true)),
        }
    }

    /// Places that more edges enter than leave, with the difference.
    fn surpluses(&self, second: &[Move]) -> impl Iterator<Item = (u16, i32)> {
        let mut degrees = vec![0_i32; self.nodes.len()];
        let mut add = |place: u16, by: i32| {
            if let Some(degree) = degrees.get_mut(usize::from(place)) {
                *degree += by;
            }
        };
        for Move(_, from, to) in second {
            match from {
                From::Created => add(*to, 1),
                From::Place(from) => {
                    add(*to, 1);
                    add(*from, -1);
                }
                From::Unknown => {}
            }
        }
        (0_u16..).zip(degrees).filter(|(_, degree)| *degree > 0)
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
