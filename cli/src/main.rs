//! The `tierlift` program. Everything it does is in the library; this only ends with its code.

use std::process::ExitCode;

fn main() -> ExitCode {
    tierlift_cli::main()
}
