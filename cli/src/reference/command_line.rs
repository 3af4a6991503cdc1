//! `docs/reference/cli.md`: every command with its arguments, from the definitions that parse them.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use crate::commands::Args;

const HEAD: &str = "\
# Command line

The `tierlift` program. This file is generated from its help:
`UPDATE_REFERENCE=1 cargo test -p tierlift-cli reference` writes it.
";

#[test]
fn the_reference_of_the_command_line_is_up_to_date() {
    let mut program = Args::command();
    program.build();
    let mut text = HEAD.to_owned();
    text.push_str(&section(&mut program));
    for command in program.get_subcommands_mut().filter(|c| c.get_name() != "help") {
        text.push_str(&section(command));
        for nested in command.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            text.push_str(&section(nested));
        }
    }
    super::check("cli.md", &text);
}

fn section(command: &mut Command) -> String {
    let mut text = String::new();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(text, "\n## `{name}`\n{about}.\n\n```text\n{usage}\n```").unwrap();
    let aliases: Vec<_> = command.get_all_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        writeln!(text, "\nAlias: {}.", aliases.join(", ")).unwrap();
    }
    let arguments: Vec<_> = command.get_arguments().filter(|arg| !is_built_in(arg)).collect();
    if !arguments.is_empty() {
        writeln!(text, "\n| argument | meaning | default | environment |").unwrap();
        writeln!(text, "| --- | --- | --- | --- |").unwrap();
    }
    for argument in &arguments {
        text.push_str(&row(argument));
    }
    for argument in arguments {
        text.push_str(&values(argument));
    }
    if let Some(help) = command.get_after_help() {
        writeln!(text, "\n```text\n{help}\n```").unwrap();
    }
    text
}

fn is_built_in(argument: &Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version")
}

fn row(argument: &Arg) -> String {
    let name = match argument.get_long() {
        Some(long) if takes_value(argument) => format!("--{long} <{}>", value_name(argument)),
        Some(long) => format!("--{long}"),
        None => format!("<{}>", value_name(argument)),
    };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, described) = match help.split_once(" [default: ") {
        Some((help, default)) => (help.to_owned(), Some(default.trim_end_matches(']').to_owned())),
        None => (help, None),
    };
    let values: Vec<_> =
        argument.get_default_values().iter().map(|v| format!("`{}`", v.display())).collect();
    let default = match described {
        Some(default) => default,
        None if takes_value(argument) => values.join(", "),
        None => String::new(),
    };
    let environment = argument.get_env().map(|v| format!("`{}`", v.display())).unwrap_or_default();
    format!("| `{name}` | {help} | {default} | {environment} |\n")
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

fn value_name(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    names.first().map(ToString::to_string).unwrap_or_default()
}

/// The possible values of an argument that has an explanation for each.
fn values(argument: &Arg) -> String {
    let explained = |value: &clap::builder::PossibleValue| {
        let help = value.get_help()?.to_string();
        Some(format!("- `{}`: {}.\n", value.get_name(), help.trim_end_matches('.')))
    };
    let list: String = argument.get_possible_values().iter().filter_map(explained).collect();
    if list.is_empty() {
        return list;
    }
    format!("\n`<{}>` is one of:\n{list}", value_name(argument))
}
