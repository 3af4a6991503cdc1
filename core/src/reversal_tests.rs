//! Tests of `reversal`: reports in any order.

use super::*;

/// Applies reports such as `5 refunded`, `5 failed` or `5 dp_1 open`, and compares the reversal with a line
/// such as `disputed since 5`.
fn check(reports: &str, expected: &str) {
    let report = |text: &str| {
        let words: Vec<&str> = text.split(' ').collect();
        let at_secs = words[0].parse().unwrap();
        match words[1] {
            "refunded" => Report::Refunded { at_secs, full: true },
            "failed" => Report::Refunded { at_secs, full: false },
            dispute => {
                let status = serde_json::from_str(&format!("\"{}\"", words[2])).unwrap();
                Report::Disputed { dispute: dispute.into(), at_secs, status }
            }
        }
    };
    let reports: Vec<_> = reports.split(", ").map(report).collect();
    let apply = |reports: &mut dyn Iterator<Item = &Report>| {
        let mut reversal = Reversal::default();
        for report in reports {
            reversal.apply(report).unwrap();
            assert_eq!(reversal.apply(report), Ok(Arrival::Stale), "a repeat");
        }
        reversal
    };
    let reversal = apply(&mut reports.iter());
    assert_eq!(apply(&mut reports.iter().rev()), reversal, "backwards: {reports:?}");
    let GivenBack { refunded, disputed, lost } = reversal.summary();
    let mut line = String::new();
    for (name, is) in [("refunded ", refunded), ("disputed ", disputed), ("lost ", lost)] {
        line += if is { name } else { "" };
    }
    line += &reversal.since_secs().map(|at| format!("since {at}")).unwrap_or_default();
    assert_eq!(line, expected, "{reports:?}");
}

#[test]
fn the_later_report_counts_and_a_decision_is_final() {
    for (reports, expected) in [
        ("5 refunded", "refunded since 5"),
        ("5 refunded, 6 failed", ""),
        ("6 refunded, 5 failed", "refunded since 6"),
        // Within one second the refund counts.
        ("5 refunded, 5 failed", "refunded since 5"),
        ("5 dp_1 open", "disputed since 5"),
        ("5 dp_1 open, 6 dp_1 won", ""),
        ("7 dp_1 open, 6 dp_1 won", ""),
        ("7 dp_1 open, 6 dp_1 lost", "lost since 6"),
        ("5 dp_1 won, 6 dp_1 lost", "lost since 6"),
        ("5 dp_1 inquiry", ""),
        ("5 dp_1 inquiry, 6 dp_1 open", "disputed since 6"),
        ("5 dp_1 open, 6 dp_1 inquiry", ""),
        ("5 dp_1 open, 5 dp_1 inquiry", "disputed since 5"),
        ("5 dp_1 lost, 5 dp_1 won", "lost since 5"),
        ("5 dp_1 won, 6 dp_2 open", "disputed since 6"),
        ("5 dp_1 lost, 6 dp_2 open", "disputed lost since 5"),
        // Only what can end access counts for the second.
        ("5 dp_1 won, 9 refunded", "refunded since 9"),
        ("9 failed, 10 dp_1 lost", "lost since 10"),
    ] {
        check(reports, expected);
    }
}

#[test]
fn several_payments_are_refunded_when_all_are_and_disputed_when_any_is() {
    let none = GivenBack::default();
    let refunded = GivenBack { refunded: true, ..none };
    let disputed = GivenBack { disputed: true, ..none };
    let lost = GivenBack { lost: true, ..none };
    for (payments, expected) in [
        (&[][..], none),
        (&[refunded], refunded),
        (&[refunded, none], none),
        (&[refunded, refunded], refunded),
        (&[none, disputed], disputed),
        (&[lost, refunded], lost),
    ] {
        assert_eq!(GivenBack::of_all(payments.iter().copied()), expected, "{payments:?}");
    }
}
