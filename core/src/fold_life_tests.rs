//! Properties of `fold`, over the lives of made-up subscriptions.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// One step of a life: the seconds before it, the field that changes, and the value.
type Step = (i64, u8, usize);

fn steps(max: usize) -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![3 => Just(0_i64), 1 => Just(1), 1 => Just(50), 1 => Just(5_000)];
    vec((pause, 0..4_u8, 0..6_usize), 0..max)
}

fn changed(node: &Node, field: u8, value: usize) -> Node {
    let mut node = node.clone();
    match field {
        0 => {
            let names = ["active", "past_due", "unpaid", "paused", "trialing", "incomplete"];
            node.status = Status::parse(names[value]);
        }
        1 => node.items[0].price = Some(["a", "b"][value % 2].into()),
        2 => node.items[0].ends_at_secs = Some(i64::try_from(value % 3).unwrap()),
        _ => node.cancel_at_period_end = value.is_multiple_of(2),
    }
    node
}

/// A life in its true order, and its last node. `run_max` bounds the events of one second.
fn life(steps: &[Step], end: Option<i64>, run_max: usize) -> (Vec<Edge>, Node) {
    let (mut at_secs, mut now, mut run) = (100, node("A"), 1);
    let mut edges = vec![Edge { at_secs, before: Before::Created, to: now.clone().into() }];
    for (pause, field, value) in steps {
        let pause = if run >= run_max { 1.max(*pause) } else { *pause };
        run = if pause == 0 { run + 1 } else { 1 };
        at_secs += pause;
        let next = changed(&now, *field, *value);
        let before = Before::Node(std::mem::replace(&mut now, next.clone()).into());
        edges.push(Edge { at_secs, before, to: next.into() });
    }
    if let Some(pause) = end {
        now.status = Status::Canceled;
        let to = now.clone().into();
        edges.push(Edge { at_secs: at_secs + pause, before: Before::Unknown, to });
    }
    (edges, now)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A life of up to 16 events gives its last node, in the same bytes, in every order.
    #[test]
    fn the_state_is_a_function_of_the_set(
        steps in steps(15),
        end in proptest::option::weighted(0.3, 0..2_i64),
        keys in vec(any::<u64>(), 16),
    ) {
        let (edges, truth) = life(&steps, end, 16);
        let in_order = record(&edges);
        let mut shuffled: Vec<_> = edges.iter().zip(&keys).collect();
        shuffled.sort_by_key(|(_, key)| **key);
        let any_order = record(shuffled.iter().map(|(edge, _)| *edge));
        prop_assert_eq!(bytes(&any_order), bytes(&in_order));
        let state = any_order.state().unwrap();
        prop_assert_eq!(state.node, &truth);
        prop_assert!(!state.ambiguous);
        prop_assert_eq!(any_order.is_ended(), end.is_some());
        prop_assert_eq!(any_order.latest_secs(), edges.last().map(|last| last.at_secs));
    }

    /// A long life, delivered slightly out of order, gives its last node after much was settled.
    #[test]
    fn a_long_life_survives_small_disorder(
        steps in steps(80),
        keys in vec(any::<u64>(), 81),
    ) {
        let (edges, truth) = life(&steps, None, 4);
        let mut order: Vec<_> = edges.iter().zip(&keys).enumerate().collect();
        order.sort_by_key(|(index, (_, key))| (index / 5, **key));
        let mut record = Record::default();
        for (_, (edge, _)) in order {
            prop_assert_eq!(record.insert(edge.clone()), Arrival::Remembered);
            prop_assert!(record.edges.len() <= EVENTS_REMEMBERED_MAX);
        }
        prop_assert_eq!(record.state().unwrap().node, &truth);
    }

    /// An event that arrives last gives the same record as if it had never been missing.
    #[test]
    fn a_missing_edge_is_mended_by_its_arrival(steps in steps(15), lost in any::<Index>()) {
        let (mut edges, truth) = life(&steps, None, 16);
        let complete = bytes(&record(&edges));
        let late = edges.remove(lost.index(edges.len()));
        let mut record = record(&edges);
        record.insert(late);
        prop_assert_eq!(bytes(&record), complete);
        prop_assert_eq!(record.state().unwrap().node, &truth);
    }

    /// Any edges, consistent or not: no panic, one state for each set, a bounded record.
    #[test]
    fn nonsense_has_one_answer_too(
        picks in vec((0..3_i64, 0..9_usize, 0..9_usize), 1..16),
        keys in vec(any::<u64>(), 16),
    ) {
        let letters = ["A", "B", "T", "P", "Q", "U", "C", "X", "Z"].map(node);
        let edges: Vec<_> = picks
            .iter()
            .map(|(at_secs, from, to)| {
                let before = match from {
                    0 => Before::Created,
                    1 => Before::Unknown,
                    from => Before::Node(letters[*from].clone().into()),
                };
                Edge { at_secs: *at_secs, before, to: letters[*to].clone().into() }
            })
            .collect();
        let mut order: Vec<_> = edges.iter().zip(&keys).collect();
        order.sort_by_key(|(_, key)| **key);
        let shuffled = record(order.iter().map(|(edge, _)| *edge));
        prop_assert_eq!(bytes(&shuffled), bytes(&record(&edges)));
        let named: HashSet<_> = edges.iter().map(|edge| &*edge.to).collect();
        prop_assert!(named.contains(&shuffled.state().unwrap().node));
    }
}
