//! placeholder
pub fn reason(_: &str) -> Option<&'static str> { Some("other") }
pub fn is_relevant(_: &str) -> bool { false }
pub fn thin_twin(_: &str) -> Option<&'static str> { None }
