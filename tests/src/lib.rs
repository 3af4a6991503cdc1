//! What every backend promises, as tests that are generic over core's ports.
#![allow(clippy::restriction, clippy::missing_panics_doc, reason = "tests stop where they fail")]

pub mod changes;
pub mod contract;
pub mod deployment;
pub mod organisations;
pub use tierlift_testkit::facts;
