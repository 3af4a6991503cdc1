//! `tierlift codes`: the codes of errors, refusals and dead letters, and the page of each.

use tierlift_core::codes::Code;

use super::print_line;
use crate::error::{Error, Problem};

const HELP: &str = "\
Codes are on stderr when a command fails, in the `code` of an HTTP error, and in the `cause` of a
dead letter. The pages are part of the program; a server has them under /codes/CODE, too.

Examples:
  tierlift codes
  tierlift codes plan.unmapped";

/// List the codes of errors, refusals and dead letters, or explain one.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// The code to explain, such as `plan.unmapped` [default: list all].
    code: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Error> {
    match &args.code {
        None => Code::ALL.iter().for_each(|code| print_line(&line(*code))),
        Some(text) => print_line(find(text)?.page().trim_end()),
    }
    Ok(())
}

fn find(text: &str) -> Result<Code, Problem> {
    Code::parse(text).ok_or_else(|| {
        let message = format!("{text:?} is no code; run `tierlift codes` for all of them");
        Problem::new(Code::UsageInvalid, message)
    })
}

/// A code and the title of its page.
fn line(code: Code) -> String {
    let heading = code.page().lines().next().unwrap_or_default();
    let title = heading.split_once("`: ").map_or("", |(_, title)| title);
    format!("{:<width$}  {title}", code.as_str(), width = width())
}

fn width() -> usize {
    Code::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_code_and_the_title_of_its_page() {
        let line = line(Code::PlanUnmapped);
        assert!(line.starts_with("plan.unmapped  "), "{line}");
        assert!(line.ends_with("  none of a live subscription's prices is in the plan map"));
    }

    #[test]
    fn a_code_is_found_by_its_text_only() {
        assert_eq!(find("plan.unmapped"), Ok(Code::PlanUnmapped));
        assert_eq!(find("plan").unwrap_err().code, Code::UsageInvalid);
    }
}
