//! The formats that browsers and hosts see: frames, the session, problem documents.

pub mod frame;
pub mod problem;
pub mod session;
