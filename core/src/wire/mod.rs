//! The formats that browsers and hosts see: frames, the session, problem documents.

pub mod entity_tag;
pub mod frame;
pub mod grant;
pub mod problem;
pub mod session;
