//! State without order: the state of a subscription, given the set of its events.
//!
//! This is an order-free fold, a CRDT in the sense of the literature: a state is a function of the set
//! of events, and merging is commutative, associative and idempotent per event id.
//!
//! `created` has a resolution of one second and is not an order. So an event is an *edge* from one node
//! to another, and a record remembers edges, not the last arrival. Seconds are folded in their order;
//! within one second nothing is assumed:
//!
//! ```text
//!   edges of one second       state
//!   A→B  C→D  B→C             D       the node with one more edge in than out
//!   A→B  B→A                  before  a circuit ends where it began
//!   (no edge moves) A         A       the second asserts its node
//!   …  a terminal node         ended   nothing follows, nothing revives
//!   A→B  C→D  (B→C missing)   max     a fixed choice, flagged ambiguous, resolved by the next arrival
//! ```
//!
//! What Stripe's API answers is an [`Observation`], and is merged by the same fold: it supersedes the events
//! before its window, and those after it fold on top. One is kept.
//!
//! The record is canonical: the same set of events and observations gives the same bytes in any order. When
//! there are more than [`EVENTS_REMEMBERED_MAX`] edges, the oldest second is folded into the settled state,
//! and an event at or before it is stale.

mod observed;
mod second;
mod stored;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    id::UserId,
    limits::{EVENTS_OF_ONE_SECOND_MAX, EVENTS_REMEMBERED_MAX},
    subscription::{Item, Node, Status},
};

/// The subscription before an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Before {
    /// It did not exist: `created` is a source.
    Created,
    /// The node before: `previous_attributes` laid over the object.
    Node(Arc<Node>),
    /// The event does not say. It only asserts the node after it.
    Unknown,
}

use second::fold;

pub use observed::Observation;

/// One event: the second, the node before it and the node after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// `created`, in seconds since the epoch.
    pub at_secs: i64,
    /// The node before.
    pub before: Before,
    /// The node after.
    pub to: Arc<Node>,
}

impl Edge {
    /// Its nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.shared_nodes().map(|node| &**node)
    }

    /// Whether the subscription was in another status before it, or did not exist, and is active after it.
    pub(crate) fn becomes_active(&self) -> bool {
        let was_active = match &self.before {
            Before::Created => false,
            Before::Node(node) => node.status == Status::Active,
            Before::Unknown => true,
        };
        !was_active && self.to.status == Status::Active
    }

    fn shared_nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        let before = match &self.before {
            Before::Node(node) => Some(node),
            Before::Created | Before::Unknown => None,
        };
        before.into_iter().chain([&self.to])
    }
}

/// The state of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<'a> {
    /// Its tracked fields.
    pub node: &'a Node,
    /// Items that were known and that the latest event, whose list is truncated, does not show. They stay
    /// until a complete list says otherwise.
    pub hidden: Vec<&'a Item>,
    /// The time at which it entered its status, in seconds since the epoch.
    pub since_secs: i64,
    /// Whether edges are missing: a fixed choice holds until they arrive.
    pub ambiguous: bool,
    /// Whether an observation would say more than is known.
    pub unclear: bool,
}

/// What an event did to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is remembered. The state may have changed.
    Remembered,
    /// It lies in the settled past or after the end. Nothing changed.
    Stale,
}

/// What is known about one subscription: the remembered edges and the state before them. A stored record
/// is checked when it is read, and one that no sequence of insertions can make is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The remembered edges, sorted. They are a multiset: two equal edges of one second count twice.
    edges: Vec<Edge>,
    settled: Option<Settled>,
    /// What Stripe's API answered, if it was asked. Its window begins after the settled second.
    observed: Option<Box<Observation>>,
    /// The end, once it is known. Nothing else is kept beside it.
    ended: Option<Ended>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Settled {
    at_secs: i64,
    node: Node,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    hidden: Vec<Item>,
    since_secs: i64,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    ambiguous: bool,
}

impl Settled {
    fn new(at_secs: i64, state: State<'_>) -> Self {
        Self {
            at_secs,
            node: state.node.clone(),
            hidden: state.hidden.into_iter().cloned().collect(),
            since_secs: state.since_secs,
            ambiguous: state.ambiguous,
        }
    }

    fn state(&self) -> State<'_> {
        State {
            node: &self.node,
            hidden: self.hidden.iter().collect(),
            since_secs: self.since_secs,
            ambiguous: self.ambiguous,
            unclear: self.ambiguous,
        }
    }
}

impl<'a> State<'a> {
    /// Its items with the ends of their periods, in seconds since the epoch. A hidden item lasts as long
    /// as those that are shown: its own end may have moved unseen.
    pub fn items(&self) -> impl Iterator<Item = (&'a Item, Option<i64>)> + '_ {
        let shown = self.node.items.iter().map(|item| (item, item.ends_at_secs));
        let latest = self.node.period_ends_at_secs();
        let hidden = self.hidden.iter().map(move |item| (*item, item.ends_at_secs.max(latest)));
        shown.chain(hidden)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Ended {
    at_secs: i64,
    node: Node,
}

impl Arrival {
    /// The effect of two parts of one event together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        match self {
            Self::Remembered => self,
            Self::Stale => other,
        }
    }
}

impl Record {
    /// Adds an event. The state afterwards does not depend on the order of arrivals.
    pub fn insert(&mut self, mut edge: Edge) -> Arrival {
        if edge.to.status.is_terminal() {
            return self.end(edge.at_secs, &edge.to);
        }
        let is_settled = self.settled.as_ref().is_some_and(|s| edge.at_secs <= s.at_secs);
        if is_settled || self.ended.is_some() {
            return Arrival::Stale;
        }
        if matches!(&edge.before, Before::Node(before) if *before == edge.to) {
            edge.before = Before::Unknown;
        }
        self.remember(edge);
        while self.settle_oldest() {}
        Arrival::Remembered
    }

    /// Adds an observation. One is kept: the one whose window begins latest. If that is not after the settled
    /// second, it says nothing that is not settled.
    pub fn observe(&mut self, observation: Observation) -> Arrival {
        if observation.node.status.is_terminal() {
            return self.end(observation.since_secs, &observation.node);
        }
        let from_secs = observation.window.from_secs;
        let is_settled = self.settled.as_ref().is_some_and(|s| from_secs <= s.at_secs);
        let is_outdone = self.observed.as_ref().is_some_and(|known| **known >= observation);
        if is_settled || is_outdone || self.ended.is_some() {
            return Arrival::Stale;
        }
        self.observed = Some(Box::new(observation));
        Arrival::Remembered
    }

    /// The state of the subscription; `None` if it has no event and no observation.
    #[must_use]
    pub fn state(&self) -> Option<State<'_>> {
        if let Some(Ended { at_secs, node }) = &self.ended {
            let (hidden, since_secs) = (Vec::new(), *at_secs);
            return Some(State { node, hidden, since_secs, ambiguous: false, unclear: false });
        }
        self.fold(&self.edges)
    }

    /// The state after some of its edges.
    fn fold<'a>(&'a self, edges: &'a [Edge]) -> Option<State<'a>> {
        let settled = self.settled.as_ref().map(Settled::state);
        match &self.observed {
            None => fold(edges, settled),
            Some(observed) => {
                let settled_secs = self.settled.as_ref().map(|settled| settled.at_secs);
                observed.fold(edges, settled, settled_secs)
            }
        }
    }

    /// The users that its nodes name, of all that is remembered.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        let settled = self.settled.iter().filter_map(|settled| settled.node.user.as_ref());
        let ended = self.ended.iter().filter_map(|ended| ended.node.user.as_ref());
        let edges = self.edges.iter().filter_map(|edge| edge.to.user.as_ref());
        let observed = self.observed.iter().filter_map(|observed| observed.node.user.as_ref());
        settled.chain(ended).chain(edges).chain(observed)
    }

    /// The users that its nodes name, those before an event included.
    pub(crate) fn mentioned(&self) -> impl Iterator<Item = &UserId> {
        let before = self.edges.iter().flat_map(Edge::nodes).filter_map(|node| node.user.as_ref());
        self.users().chain(before)
    }

    /// Forgets that its nodes name a user.
    pub(crate) fn forget(&mut self, user: &UserId) {
        let forget = |node: &mut Node| drop(node.user.take_if(|known| known == user));
        if let Some(settled) = &mut self.settled {
            forget(&mut settled.node);
        }
        if let Some(ended) = &mut self.ended {
            forget(&mut ended.node);
        }
        if let Some(observed) = &mut self.observed {
            forget(Arc::make_mut(&mut observed.node));
        }
        for mut edge in std::mem::take(&mut self.edges) {
            forget(Arc::make_mut(&mut edge.to));
            if let Before::Node(before) = &mut edge.before {
                forget(Arc::make_mut(before));
                if *before == edge.to {
                    edge.before = Before::Unknown;
                }
            }
            self.remember(edge);
        }
    }

    /// Whether the subscription has ended.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The second of the latest known event, or the last one of the observation's window.
    #[must_use]
    pub fn latest_secs(&self) -> Option<i64> {
        let ended = self.ended.as_ref().map(|ended| ended.at_secs);
        let remembered = self.edges.last().map(|last| last.at_secs).max(self.observed_secs());
        let settled = self.settled.as_ref().map(|settled| settled.at_secs);
        ended.or(remembered).or(settled)
    }

    /// Whether no observation is later than every known event.
    #[must_use]
    pub fn is_unobserved(&self) -> bool {
        let observed = self.observed.as_ref().map(|observed| observed.window.from_secs);
        let latest = self.edges.last().map(|latest| latest.at_secs);
        self.ended.is_none() && (observed.is_none() || observed <= latest)
    }

    /// The last second of the observation's window.
    #[must_use]
    pub fn observed_secs(&self) -> Option<i64> {
        self.observed.as_ref().map(|observed| observed.window.to_secs)
    }

    /// Inserts an edge in its place.
    fn remember(&mut self, mut edge: Edge) {
        self.share_nodes(&mut edge);
        let index = self.edges.partition_point(|known| *known < edge);
        self.edges.insert(index, edge);
    }

    /// Takes the nodes that the record has already, so that each is kept once.
    fn share_nodes(&self, edge: &mut Edge) {
        let share = |node: &mut Arc<Node>| {
            let mut known = self.edges.iter().flat_map(Edge::shared_nodes);
            if let Some(known) = known.find(|known| *known == node) {
                *node = Arc::clone(known);
            }
        };
        share(&mut edge.to);
        if let Before::Node(before) = &mut edge.before {
            share(before);
        }
    }

    /// Ends the record. Of two ends the later one counts, and then the greater node.
    fn end(&mut self, at_secs: i64, node: &Node) -> Arrival {
        let ended = Ended { at_secs, node: node.clone() };
        if self.ended.as_ref().is_some_and(|known| *known >= ended) {
            return Arrival::Stale;
        }
        *self = Self { ended: Some(ended), ..Self::default() };
        Arrival::Remembered
    }

    /// Folds the oldest second into the settled state if there are too many edges. Returns whether it did.
    fn settle_oldest(&mut self) -> bool {
        if self.edges.len() <= EVENTS_REMEMBERED_MAX {
            return false;
        }
        let (Some(oldest), Some(newest)) = (self.edges.first(), self.edges.last()) else {
            return false;
        };
        let (oldest_secs, newest_secs) = (oldest.at_secs, newest.at_secs);
        // The seconds of the observation's window are settled together, and it with them.
        let window = self.observed.as_ref().map(|observed| observed.window);
        let window = window.filter(|window| window.from_secs <= oldest_secs);
        let until_secs = window.map_or(oldest_secs, |window| window.to_secs.max(oldest_secs));
        if newest_secs <= until_secs && self.edges.len() <= EVENTS_OF_ONE_SECOND_MAX {
            return false;
        }
        let count = self.edges.partition_point(|edge| edge.at_secs <= until_secs);
        let edges: Vec<Edge> = self.edges.drain(..count).collect();
        let at_secs = edges.last().map_or(until_secs, |last| last.at_secs);
        let state = match window {
            Some(_) => self.fold(&edges),
            None => fold(&edges, self.settled.as_ref().map(Settled::state)),
        };
        let settled = state.map(|state| Settled::new(at_secs, state));
        self.settled = settled;
        if window.is_some() {
            self.observed = None;
        }
        true
    }
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
