//! The documents agree with the code: links lead somewhere, files that are named exist, and each code
//! has its page and its row.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tierlift_core::{codes::Code, stripe::event::Type};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Markdown file of the project, without what was installed or built.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["node_modules", "target", "dist", ".git"].contains(&name) {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
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
}

#[test]
fn the_protocol_lists_exactly_the_codes_of_problems() {
    let protocol = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    assert_eq!(codes_in(section(&protocol, "Refusals"), 2), codes(Code::is_problem));
}

/// Event types in a list of `a.b.created`, `.updated`.
fn listed_types(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in quoted(line) {
        let prefix = found.last().and_then(|last| last.rsplit_once('.')).map(|(prefix, _)| prefix);
        match (name.strip_prefix('.'), prefix) {
            (Some(last), Some(prefix)) => found.push(format!("{prefix}.{last}")),
            _ if Type::parse(name).is_some() => found.push(name.to_owned()),
            _ => {}
        }
    }
    found
}

/// Event types in the shell's words, `a.b.{created,updated}`.
fn expanded_types(line: &str) -> Vec<String> {
    let words = line.split_whitespace().filter_map(|word| word.split_once(".{"));
    let lists = words.filter_map(|(prefix, rest)| Some((prefix, rest.split_once('}')?.0)));
    lists
        .flat_map(|(prefix, list)| list.split(',').map(move |last| format!("{prefix}.{last}")))
        .collect()
}

#[test]
fn the_guides_enable_exactly_the_types_that_are_acted_on() {
    let acted_on: BTreeSet<String> =
        Type::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    for guide in ["README.md", "infrastructure/README.md"] {
        let text = fs::read_to_string(root().join(guide)).unwrap();
        let types =
            text.lines().flat_map(|line| [listed_types(line), expanded_types(line)].concat());
        assert_eq!(types.collect::<BTreeSet<_>>(), acted_on, "{guide}");
    }
}
