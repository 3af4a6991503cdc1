//! The `tierlift` program: parses the arguments, runs a command, and ends with its exit status.
//!
//! It holds no rule about roles or configuration: those are in `tierlift_core`. Commands stand above
//! everything else here; `error` stands below everything.

mod error;
mod limits;

mod config;
mod credentials;
mod log;
mod stripe;
mod webhooks;

mod pages;

mod console;
mod demo;

mod operator;
mod print_line;

mod commands;
#[cfg(test)]
mod reference;

use std::process::ExitCode;

use clap::Parser as _;

use commands::Args;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Args::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::print(error.report());
            error.exit_status().into()
        }
    }
}
