//! Completions and manual pages, which are those of the arguments: of every command that `docs/reference/cli.md` has, with
//! everything that it takes.

use std::{fs, io::Write as _, process::Stdio};

use super::{printed, tierlift};

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// A command, and the options that it takes.
struct Known {
    name: String,
    options: Vec<String>,
}

/// By the reference, which is made of the arguments' definitions.
fn commands() -> Vec<Known> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cli.md");
    let reference = fs::read_to_string(path).unwrap();
    let sections = reference.split("\n## `tierlift ").skip(1);
    let known = |section: &str| {
        let (name, rest) = section.split_once('`').unwrap();
        let rows = rest.lines().filter_map(|line| line.strip_prefix("| `--"));
        let options = rows.map(|row| row.split(['`', ' ']).next().unwrap().to_owned()).collect();
        Known { name: name.to_owned(), options }
    };
    let known: Vec<Known> = sections.map(known).collect();
    assert!(known.len() > 35 && known.iter().any(|it| it.name == "dead-letters redrive"));
    known
}

fn run(line: &str, status: i32) -> String {
    let folder = tempfile::tempdir().unwrap();
    let args: Vec<&str> = line.split(' ').collect();
    let output = tierlift(&folder, &[], &args).output().unwrap();
    let printed = printed(&output);
    assert_eq!(output.status.code(), Some(status), "{line}: {printed}");
    printed
}

#[test]
fn completions_of_every_shell_have_every_command_and_option() {
    for shell in SHELLS {
        let script = run(&format!("completions {shell}"), 0);
        for Known { name, options } in commands() {
            let last = name.split(' ').next_back().unwrap();
            assert!(script.contains(last), "{shell} lacks {name}");
            for option in options {
                assert!(script.contains(&option), "{shell} lacks --{option} of {name}");
            }
        }
    }
}

/// As a shell completes: what `compgen` finds for a word that was begun.
#[test]
fn bash_completes_commands_and_their_options() {
    let script = run("completions bash", 0);
    for (typed, wanted) in [
        ("tierlift dead", "dead-letters"),
        ("tierlift dead-letters redr", "redrive"),
        ("tierlift dead-letters redrive --keep", "--keep-going"),
        ("tierlift explain --st", "--stack"),
    ] {
        let words: Vec<&str> = typed.split(' ').collect();
        let complete = format!(
            "COMP_WORDS=({typed}); COMP_CWORD={}; _tierlift tierlift '{}' ''; echo \"${{COMPREPLY[@]}}\"",
            words.len() - 1,
            words.last().unwrap(),
        );
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "--noprofile"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut bash = bash.spawn().unwrap();
        write!(bash.stdin.take().unwrap(), "{script}\n{complete}\n").unwrap();
        let output = bash.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), wanted, "{typed}");
    }
}

#[test]
fn the_manual_has_a_page_for_every_command_with_every_option() {
    let program = run("man", 0);
    assert!(program.contains(".TH tierlift 1"), "{program}");
    for Known { name, options } in commands() {
        let page = run(&format!("man {name}"), 0);
        let dashed = |text: &str| text.replace('-', "\\-");
        assert!(page.contains(&format!(".TH tierlift-{} 1", name.replace(' ', "-"))), "{page}");
        // What is for tests alone is neither in the help nor here.
        let help = run(&format!("{name} --help"), 0);
        for option in options.iter().filter(|option| help.contains(&format!("--{option}"))) {
            assert!(page.contains(&format!("\\-\\-{}", dashed(option))), "{name}: {option}");
        }
        // The page above it names it.
        let (above, last) = name.rsplit_once(' ').unwrap_or(("", &name));
        let above =
            if above.is_empty() { program.clone() } else { run(&format!("man {above}"), 0) };
        assert!(above.contains(&dashed(last)), "{name} is not on the page above it");
    }
    run("man dead-letters none", 2);
}
