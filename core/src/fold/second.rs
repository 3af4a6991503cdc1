//! One second after another: the state after the events of a second, among which nothing is assumed about
//! order.

use std::collections::BTreeMap;

use super::{Before, Edge, State};
use crate::{
    limits::SUBSCRIPTION_ITEMS_MAX,
    subscription::{Item, Node},
};

/// The state after some edges, given the state before them.
pub(super) fn fold<'a>(edges: &'a [Edge], mut state: Option<State<'a>>) -> Option<State<'a>> {
    for second in edges.chunk_by(|a, b| a.at_secs == b.at_secs) {
        state = resolve(second, state);
    }
    state
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
    let ambiguous = ambiguous || node.truncated;
    Some(State { node, hidden, since_secs, ambiguous, unclear: ambiguous })
}

/// The items that a truncated node does not show, and that this second or the state before it knew.
pub(super) fn hidden<'a>(
    node: &Node,
    second: &'a [Edge],
    before: Option<State<'a>>,
) -> Vec<&'a Item> {
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
