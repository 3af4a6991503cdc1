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
//! The record is canonical: the same set of events gives the same bytes in any order. When there are
//! more than [`EVENTS_REMEMBERED_MAX`] edges, the oldest second is folded into the settled state, and an
//! event at or before it is stale.

mod stored;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    id::UserId,
    limits::{EVENTS_OF_ONE_SECOND_MAX, EVENTS_REMEMBERED_MAX, SUBSCRIPTION_ITEMS_MAX},
    subscription::{Item, Node},
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
    fn state(&self) -> State<'_> {
        State {
            node: &self.node,
            hidden: self.hidden.iter().collect(),
            since_secs: self.since_secs,
            ambiguous: self.ambiguous,
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
            return self.end(&edge);
        }
        let is_settled = self.settled.as_ref().is_some_and(|s| edge.at_secs <= s.at_secs);
        if is_settled || self.ended.is_some() {
            return Arrival::Stale;
        }
        if matches!(&edge.before, Before::Node(before) if *before == edge.to) {
            edge.before = Before::Unknown;
        }
        self.share_nodes(&mut edge);
        let index = self.edges.partition_point(|known| *known < edge);
        self.edges.insert(index, edge);
        while self.settle_oldest() {}
        Arrival::Remembered
    }

    /// The state of the subscription; `None` if it has no event.
    #[must_use]
    pub fn state(&self) -> Option<State<'_>> {
        if let Some(Ended { at_secs, node }) = &self.ended {
            let (hidden, since_secs) = (Vec::new(), *at_secs);
            return Some(State { node, hidden, since_secs, ambiguous: false });
        }
        let mut state = self.settled.as_ref().map(Settled::state);
        for second in self.edges.chunk_by(|a, b| a.at_secs == b.at_secs) {
            state = resolve(second, state);
        }
        state
    }

    /// The users that its nodes name, of all that is remembered.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        let settled = self.settled.iter().filter_map(|settled| settled.node.user.as_ref());
        let ended = self.ended.iter().filter_map(|ended| ended.node.user.as_ref());
        let edges = self.edges.iter().filter_map(|edge| edge.to.user.as_ref());
        settled.chain(ended).chain(edges)
    }

    /// Whether the subscription has ended.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The second of the latest known event.
    #[must_use]
    pub fn latest_secs(&self) -> Option<i64> {
        let ended = self.ended.as_ref().map(|ended| ended.at_secs);
        let remembered = self.edges.last().map(|last| last.at_secs);
        let settled = self.settled.as_ref().map(|settled| settled.at_secs);
        ended.or(remembered).or(settled)
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
    fn end(&mut self, edge: &Edge) -> Arrival {
        let ended = Ended { at_secs: edge.at_secs, node: Node::clone(&edge.to) };
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
        let (at_secs, one_second) = (oldest.at_secs, oldest.at_secs == newest.at_secs);
        if one_second && self.edges.len() <= EVENTS_OF_ONE_SECOND_MAX {
            return false;
        }
        let count = self.edges.partition_point(|edge| edge.at_secs == at_secs);
        let second: Vec<Edge> = self.edges.drain(..count).collect();
        let before = self.settled.as_ref().map(Settled::state);
        self.settled = resolve(&second, before).map(|state| Settled {
            at_secs,
            node: state.node.clone(),
            hidden: state.hidden.into_iter().cloned().collect(),
            since_secs: state.since_secs,
            ambiguous: state.ambiguous,
        });
        true
    }
}

/// The state after one second, given its events and the state before it.
fn resolve<'a>(second: &'a [Edge], before: Option<State<'a>>) -> Option<State<'a>> {
    let at_secs = second.first()?.at_secs;
    let (node, ambiguous) = end_of_path(second, before.as_ref())?;
    let since_secs = match &before {
        Some(before) if before.node.status == node.status => before.since_secs,
        _ => at_secs,
    };
    let hidden = if node.truncated { hidden(node, second, before) } else { Vec::new() };
    Some(State { node, hidden, since_secs, ambiguous: ambiguous || node.truncated })
}

/// The items that a truncated node does not show, and that this second or the state before it knew.
fn hidden<'a>(node: &Node, second: &'a [Edge], before: Option<State<'a>>) -> Vec<&'a Item> {
    let known_before = before.into_iter().flat_map(|state| {
        let State { node, hidden, .. } = state;
        node.items.iter().chain(hidden)
    });
    let known = second.iter().flat_map(|edge| &edge.to.items).chain(known_before);
    let mut hidden: Vec<&Item> = Vec::new();
    for item in known {
        let is_same = |other: &Item| other.is_same(item);
        if !node.items.iter().any(is_same) && !hidden.iter().copied().any(is_same) {
            hidden.push(item);
        }
    }
    hidden.sort_unstable();
    hidden.truncate(SUBSCRIPTION_ITEMS_MAX);
    hidden
}

fn end_of_path<'a>(second: &'a [Edge], before: Option<&State<'a>>) -> Option<(&'a Node, bool)> {
    if let [only] = second {
        return Some((&only.to, false));
    }
    match surpluses(second).as_slice() {
        [(node, 1)] => return Some((node, false)),
        [.., (greatest, _)] => return Some((greatest, true)),
        [] => {}
    }
    let first = &second.first()?.to;
    if second.iter().all(|edge| edge.to == *first) {
        return Some((first, false));
    }
    let mut asserted = second.iter().map(|edge| &*edge.to);
    match before {
        Some(before) => Some((before.node, !asserted.any(|node| node == before.node))),
        None => Some((asserted.min()?, true)),
    }
}

/// Nodes that more edges enter than leave, with the difference, sorted by node.
fn surpluses(second: &[Edge]) -> Vec<(&Node, i32)> {
    let mut degrees: BTreeMap<&Node, i32> = BTreeMap::new();
    for edge in second {
        match &edge.before {
            Before::Created => *degrees.entry(&edge.to).or_default() += 1,
            Before::Node(before) => {
                *degrees.entry(&edge.to).or_default() += 1;
                *degrees.entry(before).or_default() -= 1;
            }
            Before::Unknown => {}
        }
    }
    degrees.into_iter().filter(|(_, degree)| *degree > 0).collect()
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
