//! Every event type that Stripe publishes: whether it can concern a role, and if not, why.
//!
//! The table is `event_types.txt`: a type and a word for each line, sorted. The word is `relevant`, or the
//! reason for ignoring the type; `docs/events.md` explains each. `make check-events` compares the types with
//! those of Stripe's SDK. What a relevant event changes is the business of `decide`.

const TABLE: &str = include_str!("event_types.txt");
const RELEVANT: &str = "relevant";

/// Why events of a type are ignored; `None` if it is relevant or unknown.
#[must_use]
pub fn reason(kind: &str) -> Option<&'static str> {
    word(kind).filter(|word| *word != RELEVANT)
}

/// Whether events of a type can concern a role.
#[must_use]
pub fn is_relevant(kind: &str) -> bool {
    word(kind) == Some(RELEVANT)
}

/// Whether a type is that of a thin event, which names an object without containing it.
#[must_use]
pub fn is_thin(kind: &str) -> bool {
    kind.starts_with("v1.") || kind.starts_with("v2.")
}

/// The relevant type whose thin form a type is: `customer.updated` for `v1.customer.updated`.
#[must_use]
pub fn thin_twin(kind: &str) -> Option<&'static str> {
    let (name, word) = find(kind.strip_prefix("v1.")?)?;
    (word == RELEVANT).then_some(name)
}

/// The relevant types, sorted. Those that are not thin are the ones to enable for a webhook endpoint.
pub fn relevant() -> impl Iterator<Item = &'static str> {
    rows().filter(|(_, word)| *word == RELEVANT).map(|(name, _)| name)
}

/// All types, sorted.
pub fn all() -> impl Iterator<Item = &'static str> {
    rows().map(|(name, _)| name)
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter_map(|line| line.split_once(' '))
}

fn word(kind: &str) -> Option<&'static str> {
    find(kind).map(|(_, word)| word)
}

/// The row of a type, by binary search over the text: nothing is built at start or allocated.
fn find(kind: &str) -> Option<(&'static str, &'static str)> {
    let mut rows = TABLE;
    loop {
        let (before, row, after) = split_in_half(rows)?;
        rows = match kind.cmp(row.0) {
            std::cmp::Ordering::Less => before,
            std::cmp::Ordering::Equal => return Some(row),
            std::cmp::Ordering::Greater => after,
        };
    }
}

type Halves<'a> = (&'a str, (&'a str, &'a str), &'a str);

/// The row in the middle of some rows, and the rows before and after it. `None` if there are no rows.
fn split_in_half(rows: &str) -> Option<Halves<'_>> {
    let start = rows.get(..rows.len() / 2)?.rfind('\n').map_or(0, |end| end + 1);
    let (before, rest) = rows.split_at_checked(start)?;
    let (row, after) = rest.split_once('\n')?;
    Some((before, row.split_once(' ')?, after))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::stripe::event::Type;

    const REASONS_MAX: usize = 25;

    #[test]
    fn the_table_is_sorted_and_has_each_type_once() {
        assert!(TABLE.is_ascii() && TABLE.ends_with('\n'));
        assert_eq!(TABLE.lines().count(), rows().count());
        assert!(rows().count() > 500, "{}", rows().count());
        assert!(all().is_sorted_by(|a, b| a < b));
        for (name, word) in rows() {
            assert!(!name.is_empty() && word.bytes().all(|c| c.is_ascii_lowercase()), "{name}");
        }
    }

    #[test]
    fn each_type_is_found_and_nothing_else() {
        for (name, word) in rows() {
            assert_eq!(find(name), Some((name, word)));
            assert_eq!(reason(name).is_none(), is_relevant(name), "{name}");
            for other in [&name[1..], &name[..name.len() - 1], &format!("{name} {word}")] {
                assert_eq!(find(other).is_some(), all().any(|known| known == other), "{other}");
            }
        }
        for unknown in ["", " ", "\n", "*", "a", "zebra", "customer.subscription.renamed", "é"] {
            assert_eq!((reason(unknown), is_relevant(unknown)), (None, false), "{unknown:?}");
        }
    }

    #[test]
    fn each_type_that_is_acted_on_is_relevant() {
        let is_snapshot = |kind: &&Type| !matches!(kind, Type::Thin | Type::Observation);
        for kind in Type::ALL.iter().filter(is_snapshot) {
            assert!(is_relevant(kind.as_str()), "{kind}");
        }
        let snapshots = relevant().filter(|kind| !is_thin(kind));
        for kind in snapshots {
            assert!(Type::parse(kind).is_some(), "{kind} is relevant and nothing is done about it");
        }
    }

    #[test]
    fn a_thin_event_has_the_reason_of_its_twin() {
        let mut twins = 0;
        for (name, word) in rows().filter(|(name, _)| name.starts_with("v1.")) {
            let twin = find(&name[3..]);
            match twin {
                Some((snapshot, RELEVANT)) => {
                    assert_eq!((thin_twin(name), word), (Some(snapshot), "thin"), "{name}");
                    twins += 1;
                }
                Some((_, expected)) => assert_eq!((thin_twin(name), word), (None, expected)),
                None => assert_eq!(thin_twin(name), None, "{name}"),
            }
        }
        assert_eq!(twins, relevant().filter(|kind| !is_thin(kind)).count());
        assert_eq!(thin_twin("customer.updated"), None);
        assert_eq!(thin_twin("v2.core.health.event_generation_failure.resolved"), None);
    }

    #[test]
    fn the_document_explains_exactly_the_reasons() {
        let document = include_str!("../../../docs/events.md");
        let (_, section) = document.split_once("\n## Ignored\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let mut explained = BTreeSet::new();
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let mut quoted = row.split('`').skip(1).step_by(2);
            let word = quoted.next().unwrap();
            assert!(explained.insert(word), "{word} twice");
            for example in quoted {
                assert_eq!(reason(example), Some(word), "{example}");
            }
        }
        let reasons: BTreeSet<_> = all().filter_map(reason).collect();
        assert_eq!(explained, reasons);
        assert!(reasons.len() <= REASONS_MAX, "{}", reasons.len());
    }
}
