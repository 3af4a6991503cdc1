//! The tierlift program.
fn main() {}
