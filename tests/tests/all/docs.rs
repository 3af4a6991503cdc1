//! The documents agree with the code: links lead somewhere, files that are named exist, each code has its
//! page and its row, and the events to enable are the relevant ones.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tierlift_core::{codes::Code, stripe::catalog};
use tierlift_testkit::harness::documents::documents;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What stands between each `open` and the next `close`.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split_once(close).map(|(inner, _)| inner))
}

/// What stands between backticks: every second piece.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn links_lead_somewhere() {
    let mut found = Vec::new();
    documents(&root(), &mut found);
    assert!(found.len() > 10, "{found:?}");
    for document in found {
        let text = fs::read_to_string(&document).unwrap();
        for link in between(&text, "](", ")").filter(|link| !link.contains("://")) {
            let target = link.split('#').next().unwrap();
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn the_files_that_the_architecture_names_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut named = 0;
    for name in quoted(&text) {
        let is_file = name.split('.').next_back() == Some("rs") && !name.contains(' ');
        if !is_file {
            continue;
        }
        let near =
            ["", "embedded/src", "tests/tests/all"].map(|folder| root().join(folder).join(name));
        assert!(near.iter().any(|path| path.exists()), "{name}");
        named += 1;
    }
    assert!(named > 20, "{named}");
}

/// Every code in a column of the tables of a text.
fn codes_in(text: &str, column: usize) -> BTreeSet<Code> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split('|').nth(column));
    cells.flat_map(quoted).filter_map(Code::parse).collect()
}

/// The part of a document below a heading of the second level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let heading = format!("\n## {heading}");
    let (_, below) = text.split_once(&heading).unwrap_or_else(|| panic!("no {heading}"));
    below.split("\n## ").next().unwrap()
}

fn codes(is_wanted: fn(Code) -> bool) -> BTreeSet<Code> {
    Code::ALL.iter().copied().filter(|code| is_wanted(*code)).collect()
}

#[test]
fn each_code_has_its_page_and_its_row() {
    let folder = root().join("docs/codes");
    for code in Code::ALL {
        let page = fs::read_to_string(folder.join(format!("{code}.md"))).unwrap();
        assert!(page.starts_with(&format!("# `{code}`: ")), "{code}");
        for section in ["## What happened", "## What to do"] {
            assert!(page.contains(section), "{code}: {section}");
        }
    }
    let pages = fs::read_dir(&folder).unwrap().count();
    assert_eq!(pages, Code::ALL.len() + 1, "a page without a code");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let listed = |heading| codes_in(section(&index, heading), 1);
    assert_eq!(listed("Causes"), codes(Code::is_cause));
    assert_eq!(listed("Problems"), codes(Code::is_problem));
    assert_eq!(listed("Exits"), codes(Code::is_exit));
    assert_eq!(listed("Findings"), codes(Code::is_finding));
}

#[test]
fn the_protocol_lists_exactly_the_codes_of_problems() {
    let protocol = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    assert_eq!(codes_in(section(&protocol, "Refusals"), 2), codes(Code::is_problem));
}

/// In a sandbox Stripe sends again for hours only, and the first webhook of most readers comes from one.
#[test]
fn how_long_stripe_sends_again_is_told_with_the_mode() {
    let mut found = Vec::new();
    documents(&root(), &mut found);
    found.push(root().join("infrastructure/template.yaml"));
    let mut told = 0;
    for document in found {
        let text = fs::read_to_string(&document).unwrap().replace("\n- ", "\n\n- ");
        for part in text.split("\n\n").flat_map(|part| part.split("Description:")) {
            let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_of_stripe = part.contains("Stripe") && !part.contains("Webhooks to the host");
            if is_of_stripe && (part.contains("for three days") || part.contains("to three days")) {
                let has_mode = part.contains("live mode") || part.contains("sandbox");
                assert!(has_mode, "{}: {part}", document.display());
                told += 1;
            }
        }
    }
    assert!(told > 7, "{told}");
}

/// API Gateway renames the header that a 401 has.
#[test]
fn the_protocol_has_the_header_of_a_401_by_both_names() {
    let protocol = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let refusals = section(&protocol, "Refusals");
    let name = axum::http::header::WWW_AUTHENTICATE;
    let named: BTreeSet<_> = quoted(refusals).map(str::to_ascii_lowercase).collect();
    for name in [name.to_string(), format!("x-amzn-remapped-{name}")] {
        assert!(named.contains(&name), "{name}");
    }
}

/// Event types in a list of `a.b.created`, `.updated`.
fn listed_types(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in quoted(line) {
        let prefix = found.last().and_then(|last| last.rsplit_once('.')).map(|(prefix, _)| prefix);
        match (name.strip_prefix('.'), prefix) {
            (Some(last), Some(prefix)) => found.push(format!("{prefix}.{last}")),
            _ => found.push(name.to_owned()),
        }
    }
    found
}

/// Event types in the shell's words: `a.b.created`, `c.{created,updated}`.
fn expanded_types(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for word in line.split_whitespace().map(|word| word.trim_end_matches(';')) {
        match word.split_once(".{").map(|(prefix, rest)| (prefix, rest.split_once('}'))) {
            Some((prefix, Some((list, "")))) => {
                found.extend(list.split(',').map(|last| format!("{prefix}.{last}")));
            }
            _ => found.push(word.to_owned()),
        }
    }
    found
}

/// The event types among the words of a text, sorted. What is no type is another word.
fn types_in(text: &str, words: fn(&str) -> Vec<String>) -> Vec<String> {
    let types: BTreeSet<_> = catalog::all().collect();
    let mut found: Vec<_> = text.lines().flat_map(words).collect();
    found.retain(|word| types.contains(word.as_str()));
    found.sort();
    found
}

#[test]
fn the_guides_enable_exactly_the_relevant_types() {
    let relevant: Vec<_> = catalog::relevant().filter(|kind| !catalog::is_thin(kind)).collect();
    let guide = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    assert_eq!(types_in(&guide("README.md"), listed_types), relevant);
    let infrastructure = guide("infrastructure/README.md");
    let call = between(&infrastructure, "\nfor event in ", "; do").next().unwrap();
    assert_eq!(types_in(call, expanded_types), relevant);

    let events = guide("docs/events.md");
    let blocks: Vec<_> = events.split("\n```").skip(1).step_by(2).collect();
    let [list, call] = blocks[..] else { panic!("{} blocks", blocks.len()) };
    assert_eq!(list.lines().skip(1).collect::<Vec<_>>(), relevant);
    assert_eq!(between(call, "enabled_events[]=", "\"").collect::<Vec<_>>(), relevant);
}

#[test]
fn each_relevant_type_is_explained() {
    let events = fs::read_to_string(root().join("docs/events.md")).unwrap();
    let rows = section(&events, "Relevant").lines().filter(|line| line.starts_with("| `"));
    let mut explained: Vec<_> =
        rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap())).collect();
    explained.sort_unstable();
    assert_eq!(explained, catalog::relevant().collect::<Vec<_>>());
}
