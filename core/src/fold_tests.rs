//! Tests of `fold`. A row is a text: `10 +A` creates the subscription as A in second 10, `10 A>B` is an
//! update, and `10 =A` an event that only asserts its node.

#[path = "fold_life_tests.rs"]
mod life;
#[path = "fold_observed_tests.rs"]
mod observed;

use std::collections::HashSet;

use super::*;
use crate::{
    observation::Window,
    subscription::{Item, Status},
};

/// The node of a name. Nodes sort as their names do; `C` and `X` are terminal.
fn node(name: &str) -> Node {
    let (status, price) = match name {
        "A" => (Status::Active, "a"),
        "B" => (Status::Active, "b"),
        "T" => (Status::Trialing, "a"),
        "P" => (Status::PastDue, "a"),
        "Q" => (Status::PastDue, "b"),
        "U" => (Status::Unpaid, "a"),
        "C" => (Status::Canceled, "a"),
        "X" => (Status::IncompleteExpired, "a"),
        "Z" => (Status::Other("zombie".into()), "a"),
        other => panic!("no node {other}"),
    };
    build(status, price, Some(1), Some(1))
}

fn build(status: Status, price: &str, ends: Option<i64>, quantity: Option<u64>) -> Node {
    let item = Item { price: Some(price.into()), ends_at_secs: ends, quantity, ..Item::default() };
    Node { status, items: vec![item], ..Node::default() }
}

fn edge(text: &str) -> Edge {
    let (second, what) = text.split_once(' ').unwrap();
    let (before, to) = if let Some(to) = what.strip_prefix('+') {
        (Before::Created, to)
    } else if let Some(to) = what.strip_prefix('=') {
        (Before::Unknown, to)
    } else {
        let (before, to) = what.split_once('>').unwrap();
        (Before::Node(node(before).into()), to)
    };
    Edge { at_secs: second.parse().unwrap(), before, to: node(to).into() }
}

fn edges(text: &str) -> Vec<Edge> {
    text.split(", ").map(edge).collect()
}

fn record<'a>(edges: impl IntoIterator<Item = &'a Edge>) -> Record {
    let mut record = Record::default();
    for edge in edges {
        record.insert(edge.clone());
    }
    record
}

fn bytes(record: &Record) -> String {
    serde_json::to_string(record).unwrap()
}

/// Every order of the items (Heap's algorithm).
fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    fn heap<T: Clone>(k: usize, items: &mut Vec<T>, out: &mut Vec<Vec<T>>) {
        if k <= 1 {
            return out.push(items.clone());
        }
        for i in 0..k {
            heap(k - 1, items, out);
            items.swap(if k.is_multiple_of(2) { i } else { 0 }, k - 1);
        }
    }
    let mut out = Vec::new();
    heap(items.len(), &mut items.to_vec(), &mut out);
    out
}

/// Checks that the events, in every order, give that node since that second; `?` marks an ambiguous one.
fn check(events: &str, expected: &str) {
    let events_parsed = edges(events);
    let first = bytes(&record(&events_parsed));
    for order in orders(&events_parsed) {
        let got = record(&order);
        assert_eq!(bytes(&got), first, "{events}: the bytes depend on the order");
        assert_eq!(serde_json::from_str::<Record>(&first).unwrap(), got, "{events}: round trip");
        let (name, since) = expected.split_once(" since ").unwrap();
        let state = got.state().unwrap();
        assert_eq!(*state.node, node(name.trim_end_matches('?')), "{events}: {order:?}");
        assert_eq!(state.ambiguous, name.ends_with('?'), "{events}: ambiguous");
        assert_eq!(state.since_secs.to_string(), since, "{events}: since");
    }
}

#[test]
fn one_second_ends_where_its_edges_end() {
    for (events, expected) in [
        // The table in the module's header, line by line.
        ("10 A>B, 10 P>U, 10 B>P", "U since 10"),
        ("9 +A, 10 A>B, 10 B>A", "A since 9"),
        ("9 +A, 10 =P", "P since 10"),
        ("9 +A, 10 A>P, 10 =C, 11 =A", "C since 10"),
        ("10 A>B, 10 P>Q", "Q? since 10"),
        ("10 A>B, 10 P>Q, 10 Q>A", "B since 10"),
        // A created node has no edge in; the node that follows it in its second does.
        ("10 +A", "A since 10"),
        ("10 +T, 10 T>A, 10 A>B", "B since 10"),
        ("10 +A, 10 A>B, 10 B>A", "A since 10"),
        // The same edge taken twice needs an edge back.
        ("10 A>B, 10 B>A, 10 A>B", "B since 10"),
        ("10 A>B, 10 A>B", "B? since 10"),
        // A circuit does not say where it began; the second before does.
        ("10 A>B, 10 B>A", "A? since 10"),
        ("9 +B, 10 A>B, 10 B>A", "B since 9"),
        ("9 +U, 10 A>B, 10 B>A", "U? since 9"),
        // Assertions of one node hold; those of several only together with the state before.
        ("10 =A", "A since 10"),
        ("10 =A, 10 =A", "A since 10"),
        ("9 +A, 10 A>A", "A since 9"),
        ("9 +A, 10 =A, 10 =P", "A since 9"),
        ("9 +U, 10 =A, 10 =P", "U? since 9"),
        ("10 =A, 10 =P", "A? since 10"),
        // An assertion has no effect beside an edge that moves.
        ("9 +T, 10 T>P, 10 =T", "P since 10"),
        // The next second resolves an ambiguous one.
        ("10 A>B, 10 P>Q, 11 B>A", "A since 11"),
        // Far apart, before the epoch, and at the limits of the type.
        ("-5 +T, 0 T>A", "A since 0"),
        ("-9223372036854775808 +T, 9223372036854775807 T>A", "A since 9223372036854775807"),
    ] {
        check(events, expected);
    }
}

#[test]
fn a_status_is_since_the_second_that_it_last_changed_in() {
    for (events, expected) in [
        ("10 +A, 20 A>B, 30 B>A", "A since 10"),
        ("10 +A, 20 A>P, 30 P>Q", "Q since 20"),
        ("10 +A, 20 A>P, 30 P>A", "A since 30"),
        ("10 +A, 20 A>P, 20 P>A", "A since 10"),
        ("10 +T, 20 T>A, 20 A>P, 30 P>A", "A since 30"),
        ("10 +Z, 20 =Z", "Z since 10"),
    ] {
        check(events, expected);
    }
}

#[test]
fn nothing_revives_what_has_ended() {
    for (events, expected) in [
        ("10 +A, 20 =C, 30 =A, 40 A>B", "C since 20"),
        ("10 +A, 20 A>C, 30 =A", "C since 20"),
        ("10 +A, 20 A>X, 30 X>A", "X since 20"),
        ("10 +A, 10 =C", "C since 10"),
        ("10 +A, 10 A>B, 10 B>P, 10 =C", "C since 10"),
        // The later end counts, and within a second the greater node.
        ("10 =C, 20 C>C", "C since 20"),
        ("10 =C, 10 =X", "X since 10"),
    ] {
        check(events, expected);
        let mut ended = record(&edges(events));
        assert!(ended.is_ended());
        for late in ["5 =A", "20 A>B", "99 +A", "99 P>A"] {
            let before = bytes(&ended);
            assert_eq!(ended.insert(edge(late)), Arrival::Stale, "{events}, then {late}");
            assert_eq!(bytes(&ended), before);
        }
    }
}

#[test]
fn an_end_is_taken_in_after_everything_was_settled() {
    let mut long = record(&ladder(1, 40));
    assert_eq!(long.insert(edge("1 =C")), Arrival::Remembered);
    assert_eq!(*long.state().unwrap().node, node("C"));
}

/// Edges that each raise the quantity by one, `per_second` of them a second from second 100 on.
fn ladder(per_second: usize, steps: usize) -> Vec<Edge> {
    let at = |rung: usize| build(Status::Active, "a", None, Some(rung as u64));
    let second = |step: usize| 100 + i64::try_from(step / per_second).unwrap();
    (0..steps)
        .map(|step| {
            let before =
                if step == 0 { Before::Created } else { Before::Node(at(step - 1).into()) };
            Edge { at_secs: second(step), before, to: at(step).into() }
        })
        .collect()
}

fn rung(record: &Record) -> u64 {
    record.state().unwrap().node.items[0].quantity.unwrap()
}

#[test]
fn beyond_sixteen_the_oldest_second_is_settled_and_older_events_are_stale() {
    let climb = ladder(1, 40);
    let mut long = record(&climb);
    assert_eq!((rung(&long), long.edges.len()), (39, EVENTS_REMEMBERED_MAX));
    assert_eq!(long.settled.as_ref().unwrap().at_secs, 123);
    let full = bytes(&long);
    for (at_secs, arrival) in
        [(100, Arrival::Stale), (123, Arrival::Stale), (124, Arrival::Remembered)]
    {
        let late = Edge { at_secs, before: Before::Unknown, to: node("P").into() };
        assert_eq!(long.insert(late), arrival, "{at_secs}");
        assert_eq!(bytes(&long) == full, arrival == Arrival::Stale, "{at_secs}");
    }
    assert_eq!(rung(&long), 39);
    assert_eq!(long.state().unwrap().since_secs, 100);
}

#[test]
fn settling_keeps_the_state_and_its_age() {
    let mut settled = record(&edges("1 +T, 2 T>A"));
    for edge in ladder(1, 60).into_iter().skip(1) {
        settled.insert(edge);
        let again: Record = serde_json::from_str(&bytes(&settled)).unwrap();
        assert_eq!(again, settled);
        assert_eq!(settled.state().unwrap().since_secs, 2);
    }
    assert_eq!(rung(&settled), 59);
    assert_eq!(settled.latest_secs(), Some(159));
}

#[test]
fn one_second_remembers_64_events_and_then_is_settled() {
    let mut climb = ladder(1_000, 64);
    climb.reverse();
    let mut full = record(&climb);
    assert_eq!((rung(&full), full.edges.len()), (63, EVENTS_OF_ONE_SECOND_MAX));
    let more = ladder(1_000, 70);
    assert_eq!(full.insert(more[64].clone()), Arrival::Remembered);
    assert_eq!((rung(&full), full.edges.len()), (64, 0));
    assert_eq!(full.insert(more[65].clone()), Arrival::Stale);
    let next = Edge { at_secs: 101, before: Before::Unknown, to: node("P").into() };
    assert_eq!(full.insert(next), Arrival::Remembered);
    assert_eq!(*full.state().unwrap().node, node("P"));
}

/// An active node with these items by `id@end`; `..` at the end means that there are more.
fn listed(text: &str) -> Node {
    let (items, truncated) = match text.strip_suffix("..") {
        Some(items) => (items, true),
        None => (text, false),
    };
    let item = |text: &str| {
        let (id, end) = text.split_once('@').unwrap();
        let (id, end) = (Some(Box::from(id)), end.parse().ok());
        Item { id, ends_at_secs: end, ..Item::default() }
    };
    let items = items.split_whitespace().map(item).collect();
    Node { status: Status::Active, items, truncated, ..Node::default() }
}

#[test]
fn what_a_truncated_list_does_not_show_stays_until_a_complete_one_comes() {
    for (lists, expected, ambiguous) in [
        (&["a@5 b@5"][..], "a@5 b@5", false),
        (&["a@5 b@5", "a@5.."], "a@5 b@5", true),
        // A hidden item lasts as long as those that are shown.
        (&["a@5 b@7", "a@9.."], "a@9 b@9", true),
        (&["a@5 b@7", "a@6.."], "a@6 b@7", true),
        // Hidden items add up, and what is shown again is as it is shown.
        (&["a@5 b@5", "c@5..", "b@8.."], "b@8 a@8 c@8", true),
        (&["a@5 b@5", "a@5..", "a@5"], "a@5", false),
        (&["a@5 b@5", "..", "c@6"], "c@6", false),
        (&["a@5.."], "a@5", true),
    ] {
        let edges: Vec<Edge> = (0..)
            .zip(lists)
            .map(|(at_secs, list)| Edge {
                at_secs,
                before: Before::Unknown,
                to: listed(list).into(),
            })
            .collect();
        for order in orders(&edges) {
            let record = record(&order);
            let state = record.state().unwrap();
            let show = |(item, end): (&Item, Option<i64>)| {
                format!("{}@{}", item.id.as_deref().unwrap(), end.unwrap())
            };
            let items: Vec<_> = state.items().map(show).collect();
            assert_eq!(items.join(" "), expected, "{lists:?}");
            assert_eq!(state.ambiguous, ambiguous, "{lists:?}");
        }
    }
}

#[test]
fn an_item_that_one_second_shows_and_hides_stays() {
    let (before, after) = (listed("a@5 b@5"), listed("a@5.."));
    let edges = [
        Edge { at_secs: 1, before: Before::Created, to: before.clone().into() },
        Edge { at_secs: 1, before: Before::Node(before.into()), to: after.into() },
    ];
    for order in orders(&edges) {
        let record = record(&order);
        assert_eq!(record.state().unwrap().items().count(), 2);
    }
}

#[test]
fn a_hidden_item_survives_settling() {
    let mut long = Record::default();
    let mut at_secs = 0;
    let mut insert = |list: &str| {
        at_secs += 1;
        long.insert(Edge { at_secs, before: Before::Unknown, to: listed(list).into() });
        let again: Record = serde_json::from_str(&bytes(&long)).unwrap();
        assert_eq!(again, long);
        long.state().unwrap().items().count()
    };
    insert("a@5 b@5");
    for _ in 0..2 * EVENTS_REMEMBERED_MAX {
        assert_eq!(insert("a@5.."), 2);
    }
    assert_eq!(insert("a@5"), 1);
}

/// A node with that status, as it is stored.
fn stored(status: &str) -> String {
    format!(r#"{{"status":"{status}","items":[]}}"#)
}

#[test]
fn a_damaged_record_is_refused() {
    let (live, over) = (stored("active"), stored("canceled"));
    let settled = |node: &str| format!(r#""settled":{{"at_secs":5,"node":{node},"since_secs":5}}"#);
    let ended = |node: &str| format!(r#""ended":{{"at_secs":5,"node":{node}}}"#);
    let [most, many] = [64, 65].map(|count| vec![r"[1,-1,0]"; count].join(","));
    for (json, error) in [
        (r#"{"edges":[[1,-1,7]]}"#.to_owned(), "edge names node 7, and there are 0"),
        (format!(r#"{{"nodes":[{live}],"edges":[[1,9,0]]}}"#), "edge names node 9"),
        (
            r#"{"nodes":[{"status":"active","items":[2]}],"edges":[[1,-1,0]]}"#.to_owned(),
            "node names item 2, and there are 0",
        ),
        (format!(r#"{{"nodes":[{live}],"edges":[[1,-3,0]]}}"#), "edge names node -3"),
        (format!(r#"{{"nodes":[{live}],"edges":[[1,0,-1]]}}"#), "edge names node -1"),
        (format!(r#"{{"nodes":[{live}],"edges":[[2,-1,0],[1,-1,0]]}}"#), "not in order"),
        (format!(r#"{{"nodes":[{live}],"edges":[{many}]}}"#), "65 edges are remembered"),
        (format!(r#"{{"nodes":[{over}],"edges":[[1,-1,0]]}}"#), "is terminal"),
        (format!("{{{}}}", settled(&over)), "is terminal"),
        (
            format!(r#"{{"nodes":[{live}],"edges":[[5,-1,0]],{}}}"#, settled(&live)),
            "settled second",
        ),
        (format!("{{{}}}", ended(&live)), "end is not terminal"),
        (format!("{{{},{}}}", ended(&over), settled(&live)), "remembered beside it"),
        (
            format!(r#"{{"nodes":[{live}],"edges":[[4,-1,0]],{}}}"#, ended(&over)),
            "remembered beside it",
        ),
    ] {
        let refused = serde_json::from_str::<Record>(&json).unwrap_err().to_string();
        assert!(refused.contains(error), "{json}: {refused}");
    }
    for json in [
        r"{}".to_owned(),
        format!(r#"{{"nodes":[{live}],"edges":[{most}]}}"#),
        format!(r#"{{"nodes":[{live}],"edges":[[6,-1,0]],{}}}"#, settled(&live)),
        format!("{{{}}}", ended(&over)),
    ] {
        let record: Record = serde_json::from_str(&json).unwrap();
        assert_eq!(bytes(&record), json);
    }
}
