//! A record as it is stored: each item and each node once, in tables that nodes and edges refer to by
//! index.
//!
//! Reading checks what `insert` guarantees, so that a damaged record is an error that operators see, and
//! never a subscription about which nothing is known.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Before, Edge, Ended, Observation, Record, Settled};
use crate::{
    limits::EVENTS_OF_ONE_SECOND_MAX,
    observation::Window,
    subscription::{Item, Node},
};

/// Why a stored record is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum Corrupt {
    #[error("edge names node {0}, and there are {1}")]
    NodeIndex(i32, usize),
    #[error("node names item {0}, and there are {1}")]
    ItemIndex(u32, usize),
    #[error("edges are not in order")]
    Order,
    #[error("{0} edges are remembered, at most {EVENTS_OF_ONE_SECOND_MAX} are")]
    TooManyEdges(usize),
    #[error("edge lies at or before the settled second")]
    SettledEdge,
    #[error("edge, settled state or observation is terminal")]
    TerminalNode,
    #[error("end is not terminal")]
    OpenEnd,
    #[error("observation's window ends before it begins, or begins before its status did")]
    Window,
    #[error("observation's window begins at or before the settled second")]
    SettledObservation,
    #[error("end is known and something is remembered beside it")]
    EdgeAfterEnd,
}

/// `before` of an edge as a number: the index of its node, or one of these.
const CREATED: i32 = -1;
const UNKNOWN: i32 = -2;

/// An observation, with its node in full: it is rarely that of an edge.
#[derive(Serialize, Deserialize)]
struct StoredObservation<N> {
    from: i64,
    to: i64,
    #[serde(rename = "since")]
    since_secs: i64,
    node: N,
}

#[derive(Serialize)]
struct StoredRef<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<&'a Item>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<Node<u32>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    edges: Vec<(i64, i32, i32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled: Option<&'a Settled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<StoredObservation<&'a Node>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<&'a Ended>,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    nodes: Vec<Node<u32>>,
    #[serde(default)]
    edges: Vec<(i64, i32, i32)>,
    #[serde(default)]
    settled: Option<Settled>,
    #[serde(default)]
    observed: Option<StoredObservation<Node>>,
    #[serde(default)]
    ended: Option<Ended>,
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Most edges share their nodes, and comparing addresses first finds that quickly.
        let mut nodes: Vec<&Node> = Vec::new();
        for node in self.edges.iter().flat_map(Edge::nodes) {
            if !nodes.iter().any(|known| std::ptr::eq(*known, node)) {
                nodes.push(node);
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        let index = |node: &Node| {
            let same = nodes.iter().position(|known| std::ptr::eq(*known, node));
            // Every node was collected above, and 2 × EVENTS_OF_ONE_SECOND_MAX fit by far.
            let index = same.or_else(|| nodes.binary_search(&node).ok());
            i32::try_from(index.unwrap_or_default()).unwrap_or_default()
        };
        let before = |edge: &Edge| match &edge.before {
            Before::Created => CREATED,
            Before::Unknown => UNKNOWN,
            Before::Node(node) => index(node),
        };
        let edges =
            self.edges.iter().map(|edge| (edge.at_secs, before(edge), index(&edge.to))).collect();
        let mut items: Vec<&Item> = nodes.iter().flat_map(|node| &node.items).collect();
        items.sort_unstable();
        items.dedup();
        let nodes = nodes.iter().map(|node| indexed(node, &items)).collect();
        let (settled, ended) = (self.settled.as_ref(), self.ended.as_ref());
        let observed = self.observed.as_deref().map(|observed| StoredObservation {
            from: observed.window.from_secs,
            to: observed.window.to_secs,
            since_secs: observed.since_secs,
            node: &*observed.node,
        });
        StoredRef { items, nodes, edges, settled, observed, ended }.serialize(to)
    }
}

/// A node with the places of its items.
fn indexed(node: &Node, items: &[&Item]) -> Node<u32> {
    // Every item was collected before.
    let index = |item: &Item| items.binary_search(&item).unwrap_or_default();
    let indexes = node.items.iter().map(|item| u32::try_from(index(item)).unwrap_or_default());
    node.with_items(indexes.collect())
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Stored::deserialize(from)?.check().map_err(D::Error::custom)
    }
}

impl Stored {
    fn check(self) -> Result<Record, Corrupt> {
        if self.edges.len() > EVENTS_OF_ONE_SECOND_MAX {
            return Err(Corrupt::TooManyEdges(self.edges.len()));
        }
        let items = &self.items;
        let nodes = self.nodes.iter().map(|stored| node(items, stored).map(Arc::new));
        let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
        let edges = self.edges.iter().map(|stored| edge(&nodes, *stored));
        let edges = edges.collect::<Result<Vec<_>, _>>()?;
        let observed = self.observed.map(StoredObservation::load).map(Box::new);
        let record = Record { edges, settled: self.settled, observed, ended: self.ended };
        check_settled(&record)?;
        check_observed(&record)?;
        check_ended(&record)?;
        Ok(record)
    }
}

impl StoredObservation<Node> {
    fn load(self) -> Observation {
        let Self { from, to, since_secs, node } = self;
        let window = Window { from_secs: from, to_secs: to };
        Observation { window, since_secs, node: Arc::new(node) }
    }
}

fn node(items: &[Item], stored: &Node<u32>) -> Result<Node, Corrupt> {
    let item = |index: &u32| {
        let item = usize::try_from(*index).ok().and_then(|index| items.get(index));
        item.cloned().ok_or(Corrupt::ItemIndex(*index, items.len()))
    };
    Ok(stored.with_items(stored.items.iter().map(item).collect::<Result<_, _>>()?))
}

fn edge(nodes: &[Arc<Node>], (at_secs, before, to): (i64, i32, i32)) -> Result<Edge, Corrupt> {
    let node = |index: i32| {
        let node = usize::try_from(index).ok().and_then(|index| nodes.get(index));
        node.cloned().ok_or(Corrupt::NodeIndex(index, nodes.len()))
    };
    let before = match before {
        CREATED => Before::Created,
        UNKNOWN => Before::Unknown,
        index => Before::Node(node(index)?),
    };
    Ok(Edge { at_secs, before, to: node(to)? })
}

fn check_settled(record: &Record) -> Result<(), Corrupt> {
    if !record.edges.is_sorted() {
        return Err(Corrupt::Order);
    }
    let settled = record.settled.as_ref();
    if let (Some(settled), Some(oldest)) = (settled, record.edges.first())
        && oldest.at_secs <= settled.at_secs
    {
        return Err(Corrupt::SettledEdge);
    }
    let is_terminal = |node: &Node| node.status.is_terminal();
    let settled_is_terminal = settled.is_some_and(|settled| is_terminal(&settled.node));
    if settled_is_terminal || record.edges.iter().any(|edge| is_terminal(&edge.to)) {
        return Err(Corrupt::TerminalNode);
    }
    Ok(())
}

fn check_observed(record: &Record) -> Result<(), Corrupt> {
    let Some(observed) = &record.observed else { return Ok(()) };
    let Window { from_secs, to_secs } = observed.window;
    if to_secs < from_secs || from_secs < observed.since_secs {
        return Err(Corrupt::Window);
    }
    if observed.node.status.is_terminal() {
        return Err(Corrupt::TerminalNode);
    }
    if record.settled.as_ref().is_some_and(|settled| from_secs <= settled.at_secs) {
        return Err(Corrupt::SettledObservation);
    }
    Ok(())
}

fn check_ended(record: &Record) -> Result<(), Corrupt> {
    let Some(ended) = &record.ended else { return Ok(()) };
    if !ended.node.status.is_terminal() {
        return Err(Corrupt::OpenEnd);
    }
    if record.settled.is_some() || record.observed.is_some() || !record.edges.is_empty() {
        return Err(Corrupt::EdgeAfterEnd);
    }
    Ok(())
}
