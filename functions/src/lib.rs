//! The stages wired to AWS: what the functions in `bin/` share.
//!
//! The mirror image of the embedded server, and the only package that takes stages and AWS together.
//! It refuses to hold rules: what a function answers is its stage's, how AWS is reached is
//! `tierlift_aws`'s.

pub mod gateway;
pub mod rotating_access;
