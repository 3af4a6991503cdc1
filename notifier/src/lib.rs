//! The last stage: a committed change goes to the user's live sockets, and what a socket says is
//! answered.
//!
//! It refuses to remember: who holds which socket the port [`tierlift_core::ports::Sockets`] knows,
//! and what a user may do the store knows. A socket that misses a notice gets a snapshot later.

mod answer;
mod close;
mod notify;
mod offer;
mod stream;

pub use answer::{Reply, answer};
pub use close::Close;
pub use notify::{Told, notify};
pub use offer::{Origins, Refused, offered_token};
pub use stream::{News, tell_all};
