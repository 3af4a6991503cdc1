//! The `tierlift` program. Everything it does is in the library; this only ends with its code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tierlift_cli::main()
}
