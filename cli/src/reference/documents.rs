//! The commands of this program that documents name, in blocks and in prose, are parsed as the program parses them.

use std::fs;

use clap::{CommandFactory as _, Parser as _, error::ErrorKind};
use tierlift_testkit::harness::documents::documents;

use crate::commands::Args;

/// What stands for a value, and a value of that kind.
const PLACEHOLDERS: &[(&str, &str)] =
    &[("COMMAND", "status"), ("DURATION", "3d"), ("ADDRESS", "127.0.0.1:0"), ("SHELL", "bash")];

/// The commands in blocks, which are complete, and those in prose, which may be abridged.
fn commands(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut blocks, mut prose, mut fence) = (Vec::new(), String::new(), None);
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), fence) {
            (Some(kind), None) => fence = Some(matches!(kind, "sh" | "bash" | "console")),
            (Some(_), Some(_)) => fence = None,
            (None, None) => prose.extend([line, "\n"]),
            (None, Some(true)) => blocks.push(line.to_owned()),
            (None, Some(false)) => {}
        }
    }
    let blocks = blocks.join("\n").replace("\\\n", " ");
    let begins = |line: &&str| line.starts_with("tierlift ") || line.starts_with("$ tierlift ");
    let blocks = blocks.lines().map(str::trim_start).filter(begins);
    let blocks = blocks.map(|line| line.trim_start_matches("$ ").to_owned()).collect();
    // A command may be broken between two lines.
    let quoted = prose.split('`').skip(1).step_by(2).map(|code| code.replace('\n', " "));
    (blocks, quoted.filter(|code| code.starts_with("tierlift ")).collect())
}

/// The words of a command, as a shell divides them, up to what is the shell's own.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut is_word) = (Vec::new(), String::new(), None, false);
    for character in line.chars() {
        match (character, quote) {
            ('"' | '\'', None) => (quote, is_word) = (Some(character), true),
            (it, Some(open)) if it == open => quote = None,
            (it, Some(_)) => word.push(it),
            ('|' | '>' | '&' | ';' | '#', None) if !is_word => break,
            ('[' | ']', None) => {}
            (it, None) if it.is_whitespace() => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            (it, None) => {
                word.push(it);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    let meant = |word: String| {
        let known = PLACEHOLDERS.iter().find(|(placeholder, _)| word == *placeholder);
        known.map_or(word, |(_, value)| (*value).to_owned())
    };
    words.into_iter().map(meant).filter(|word| word != "…").collect()
}

/// What is wrong with a command. One in prose may lack what it needs to run.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of clap's, which grows")]
fn fault(line: &str, is_abridged: bool) -> Option<String> {
    let error = Args::try_parse_from(words(line)).err()?;
    let is_short = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => true,
        // An option without its value.
        ErrorKind::InvalidValue => error.to_string().contains("a value is required"),
        _ => false,
    };
    (!(is_short && is_abridged)).then(|| format!("{line}: {error}"))
}

#[test]
fn the_commands_that_documents_name_are_commands_of_this_program() {
    let (mut files, mut faults, mut in_blocks, mut in_prose) = (Vec::new(), Vec::new(), 0, 0);
    documents(&super::repository(), &mut files);
    for file in files {
        let (blocks, prose) = commands(&fs::read_to_string(&file).unwrap());
        (in_blocks, in_prose) = (in_blocks + blocks.len(), in_prose + prose.len());
        let found = blocks.iter().filter_map(|line| fault(line, false));
        let found = found.chain(prose.iter().filter_map(|line| fault(line, true)));
        faults.extend(found.map(|fault| format!("{}: {fault}", file.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(in_blocks > 60 && in_prose > 100, "{in_blocks} in blocks, {in_prose} in prose");
}

#[test]
fn a_command_that_is_none_is_found() {
    let text =
        "Run `tierlift explain\nada --what`.\n\n  ```sh\n  tierlift grant ada  # why\n  ```\n";
    let (blocks, prose) = commands(text);
    assert_eq!(
        (&blocks[..], &prose[..]),
        (
            &["tierlift grant ada  # why".to_owned()][..],
            &["tierlift explain ada --what".to_owned()][..]
        )
    );
    assert!(fault(&prose[0], true).unwrap().contains("--what"));
    assert!(fault(&blocks[0], false).unwrap().contains("<ROLE>"));
    assert_eq!(fault(&blocks[0], true), None);
    for gone in [
        "tierlift dead-letters purge",
        "tierlift status --colour",
        "tierlift grant ada paid --until",
    ] {
        assert_eq!(fault(gone, true).is_some(), !gone.ends_with("--until"), "{gone}");
    }
    assert_eq!(
        words("tierlift link 'a b' --user \"\" … | jq"),
        ["tierlift", "link", "a b", "--user", ""]
    );
    assert!(Args::command().find_subcommand("status").is_some());
}
