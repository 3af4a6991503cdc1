//! Tests of observations in `fold`. In a row, `5-7 A` is an answer that shows A, with a window of these seconds.

use super::*;

enum Arrival {
    Event(Edge),
    Answer(Observation),
}

fn answer(text: &str) -> Option<Observation> {
    let (window, name) = text.split_once(' ').unwrap();
    let (from, to) = window.split_once('-')?;
    let (from_secs, to_secs) = (from.parse().ok()?, to.parse().unwrap());
    let window = Window { from_secs, to_secs };
    Some(Observation { window, since_secs: from_secs.min(1), node: node(name).into() })
}

fn arrivals(text: &str) -> Vec<Arrival> {
    let parse = |text: &str| match answer(text) {
        Some(answer) => Arrival::Answer(answer),
        None => Arrival::Event(edge(text)),
    };
    text.split(", ").map(parse).collect()
}

fn record_of<'a>(arrivals: impl IntoIterator<Item = &'a Arrival>) -> Record {
    let mut record = Record::default();
    for arrival in arrivals {
        match arrival {
            Arrival::Event(edge) => record.insert(edge.clone()),
            Arrival::Answer(answer) => record.observe(answer.clone()),
        };
    }
    record
}

/// Checks that all of it, in every order, gives that node since that second; `?` marks an unclear one.
fn check(text: &str, expected: &str) {
    let all = arrivals(text);
    let first = bytes(&record_of(&all));
    let indexes: Vec<usize> = (0..all.len()).collect();
    for order in orders(&indexes) {
        let got = record_of(order.iter().map(|index| &all[*index]));
        assert_eq!(bytes(&got), first, "{text}: the bytes depend on the order");
        assert_eq!(serde_json::from_str::<Record>(&first).unwrap(), got, "{text}: round trip");
        let (name, since) = expected.split_once(" since ").unwrap();
        let state = got.state().unwrap();
        assert_eq!(*state.node, node(name.trim_end_matches('?')), "{text}");
        assert_eq!(
            (state.unclear, state.ambiguous),
            (name.ends_with('?'), state.unclear),
            "{text}"
        );
        assert_eq!(state.since_secs.to_string(), since, "{text}: since");
    }
}

#[test]
fn an_observation_is_merged_by_its_window() {
    for (text, expected) in [
        // The table in the module's header, line by line.
        ("10 +A, 15 A>P, 20-21 B", "B since 16"),
        ("20-21 B", "B since 1"),
        ("10 +A, 20 A>P, 20-21 P", "P since 20"),
        ("10 +A, 20 A>P, 20-21 A", "P? since 20"),
        ("10 +A, 20 A>P, 20-21 U", "U? since 21"),
        ("10 +A, 20-21 P, 22 P>U", "U since 22"),
        // Each end of the window is in it.
        ("9 +A, 10 A>P, 11-12 U", "U since 11"),
        ("9 +A, 10 A>P, 10-12 A", "P? since 10"),
        ("9 +A, 12 A>P, 10-12 A", "P? since 12"),
        ("9 +A, 13 A>P, 10-12 A", "P since 13"),
        // It may be the node in the middle.
        ("9 +A, 10 A>P, 10 P>U, 10-10 P", "U? since 10"),
        // It decides an ambiguous second.
        ("9 +A, 10 A>B, 10 P>Q, 12-12 B", "B since 11"),
        ("9 +A, 10 A>B, 10 P>Q, 10-12 Q", "Q since 10"),
        // A second on top makes it clear again.
        ("10 +A, 20 A>P, 20-21 U, 30 P>B", "B since 30"),
        // A circuit ends where the observation was.
        ("10 +T, 20-21 B, 30 B>P, 30 P>B", "B since 11"),
        // The one whose window begins latest counts, whatever it ends.
        ("5-90 P, 20-21 A", "A since 1"),
        ("20-21 P, 19-90 A", "P since 1"),
        ("10 +U, 20-21 P, 20-22 P", "P since 11"),
    ] {
        check(text, expected);
    }
}

#[test]
fn an_end_that_was_observed_is_the_end() {
    for (text, expected) in [
        ("10 +A, 20-21 C, 30 A>B", "C since 1"),
        ("20-21 C, 40-41 A", "C since 1"),
        ("10 =C, 20-21 A", "C since 10"),
        ("10 =C, 20-21 C", "C since 10"),
        ("20-21 X, 30 =C", "C since 30"),
    ] {
        check(text, expected);
        assert!(record_of(&arrivals(text)).is_ended());
    }
}

/// An answer that shows a ladder's rung as of a second.
fn at_rung(rung: u64, from_secs: i64, to_secs: i64) -> Observation {
    let node = build(Status::Active, "a", None, Some(rung));
    Observation { window: Window { from_secs, to_secs }, since_secs: 1, node: node.into() }
}

#[test]
fn an_observation_of_the_settled_past_changes_nothing() {
    let mut long = record(&ladder(1, 40));
    assert_eq!(long.settled.as_ref().unwrap().at_secs, 123);
    let before = bytes(&long);
    for window in [(100, 101), (123, 123), (120, 130), (100, 999)] {
        let stale = long.observe(at_rung(7, window.0, window.1));
        assert_eq!((stale, bytes(&long)), (super::Arrival::Stale, before.clone()), "{window:?}");
    }
    assert_eq!(long.observe(at_rung(7, 124, 124)), super::Arrival::Remembered);
    assert_eq!(rung(&long), 39, "the events after it count");
    assert_eq!(long.observe(at_rung(7, 140, 140)), super::Arrival::Remembered);
    assert_eq!(rung(&long), 7, "a quiet one counts");
}

#[test]
fn an_observation_is_settled_with_the_seconds_of_its_window() {
    let climb = ladder(1, 40);
    let mut long = Record::default();
    long.observe(at_rung(3, 103, 105));
    for (step, edge) in climb.iter().enumerate() {
        // The event of second 105 is lost.
        if edge.at_secs != 105 {
            long.insert(edge.clone());
            let again: Record = serde_json::from_str(&bytes(&long)).unwrap();
            assert_eq!(
                (again, rung(&long)),
                (long.clone(), if step < 3 { 3 } else { step as u64 })
            );
        }
    }
    assert!(long.observed.is_none());
    assert_eq!(long.settled.as_ref().unwrap().at_secs, 123);
    assert_eq!(long.observe(at_rung(3, 102, 102)), super::Arrival::Stale);
    // A window that holds more than is remembered is settled as a whole.
    let mut wide = Record::default();
    wide.observe(at_rung(3, 103, 130));
    for edge in &climb {
        wide.insert(edge.clone());
    }
    assert_eq!((wide.observed.as_ref(), rung(&wide)), (None, 39));
    assert_eq!(wide.settled.as_ref().unwrap().at_secs, 130);
}

#[test]
fn an_observation_says_which_items_are_gone() {
    let observe = |list: &str, from_secs| Observation {
        window: Window { from_secs, to_secs: from_secs },
        since_secs: 1,
        node: listed(list).into(),
    };
    for (answer, expected, is_unclear) in [
        ("a@5", "a@5", false),
        ("a@5 c@6", "a@5 c@6", false),
        // Asking again shows no more than this.
        ("a@5..", "a@5 b@5 c@5", false),
    ] {
        let mut record = Record::default();
        for (at_secs, list) in [(1, "a@5 b@5"), (2, "c@5..")] {
            record.insert(Edge { at_secs, before: Before::Unknown, to: listed(list).into() });
        }
        assert!(record.state().unwrap().unclear);
        record.observe(observe(answer, 3));
        let state = record.state().unwrap();
        let show = |(item, end): (&Item, Option<i64>)| {
            format!("{}@{}", item.id.as_deref().unwrap(), end.unwrap())
        };
        let mut items: Vec<_> = state.items().map(show).collect();
        items.sort();
        assert_eq!((items.join(" ").as_str(), state.unclear), (expected, is_unclear), "{answer}");
        assert_eq!(state.ambiguous, answer.ends_with(".."), "{answer}");
        // An event on top of it whose list is truncated makes it unclear again.
        record.insert(Edge { at_secs: 9, before: Before::Unknown, to: listed("a@5..").into() });
        assert!(record.state().unwrap().unclear, "{answer}");
    }
}

#[test]
fn a_record_without_an_observation_is_stored_as_before_and_a_damaged_one_is_refused() {
    let (live, over) = (stored("active"), stored("canceled"));
    let settled = format!(r#""settled":{{"at_secs":5,"node":{live},"since_secs":5}}"#);
    let observed = |from: i64, to: i64, since: i64, node: &str| {
        format!(r#""observed":{{"from":{from},"to":{to},"since":{since},"node":{node}}}"#)
    };
    for (json, error) in [
        (format!("{{{}}}", observed(7, 6, 1, &live)), "ends before it begins"),
        (format!("{{{}}}", observed(7, 8, 8, &live)), "begins before its status did"),
        (format!("{{{}}}", observed(7, 8, 1, &over)), "is terminal"),
        (format!("{{{settled},{}}}", observed(5, 8, 1, &live)), "begins at or before the settled"),
        (
            format!(r#"{{{},"ended":{{"at_secs":5,"node":{over}}}}}"#, observed(7, 8, 1, &live)),
            "remembered beside it",
        ),
        (format!(r#"{{"observed":{{"from":7,"to":8,"node":{live}}}}}"#), "missing field `since`"),
    ] {
        let refused = serde_json::from_str::<Record>(&json).unwrap_err().to_string();
        assert!(refused.contains(error), "{json}: {refused}");
    }
    let whole = format!("{{{settled},{}}}", observed(6, 8, 6, &live));
    assert_eq!(bytes(&serde_json::from_str(&whole).unwrap()), whole);
    assert!(!bytes(&record(&edges("10 +A, 11 A>P"))).contains("observed"));
}
