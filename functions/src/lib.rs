//! The stages wired to AWS: what the functions in `bin/` share.
//!
//! The mirror image of the embedded server, and the only package that takes stages and AWS together.
//! It refuses to hold rules: a function's stage decides what it does, and AWS is reached by
//! `tierlift_aws`.

pub mod gateway;
pub mod rotating_access;
