//! What a command prints.

use std::io::{self, Write as _};

/// Prints a line of a command's result. A reader that has gone, such as `head`, is no error.
pub(crate) fn print_line(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}
