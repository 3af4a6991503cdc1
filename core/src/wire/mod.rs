//! What goes over the wire to browsers and hosts: frames, the session, problem documents.

pub mod frame;
pub mod problem;
pub mod session;
