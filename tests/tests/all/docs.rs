//! The documents tell the truth about files: links lead somewhere, files that are named exist, and
//! each cause has its page.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tierlift_core::codes::Code;

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
    // Every second piece stands between two backticks.
    for name in text.split('`').skip(1).step_by(2) {
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

#[test]
fn each_cause_has_its_page_and_its_row() {
    let causes = root().join("docs/causes");
    let index = fs::read_to_string(causes.join("README.md")).unwrap();
    for cause in Code::ALL {
        let page = fs::read_to_string(causes.join(format!("{cause}.md"))).unwrap();
        assert!(page.starts_with(&format!("# `{cause}`: ")), "{cause}");
        for section in ["## What happened", "## Why", "## What to do", "## What the user has"] {
            assert!(page.contains(section), "{cause}: {section}");
        }
        assert!(index.contains(&format!("[`{cause}`]({cause}.md)")), "{cause}");
    }
    let pages = fs::read_dir(causes).unwrap().count();
    assert_eq!(pages, Code::ALL.len() + 1);
}
