//! Who is asking, and what they may do: `GET /session`, `POST /session/refresh`, `POST /session/confirm`, and the
//! guard for a host application's own routes. For hosts that are other programs, the [service] routes and what a proxy asks.
//! Beside them the pages of the codes, which anyone may read.
//!
//! It refuses to trust a token longer than its account allows: every request looks at the account, so
//! a role that changed or expired a moment ago counts at once.

mod access;
pub mod authorize;
mod bearer;
pub mod codes;
pub mod confirm;
pub mod epoch;
mod error;
mod guard;
pub mod jwks;
pub mod key_set;
mod keyring;
mod last_known;
pub mod openapi;
mod route;
pub mod service;

pub use access::{Access, Authenticated, read_accounts};
pub use bearer::bearer;
pub use error::Error;
pub use guard::{Guarded, RequireRole, UnknownRole};
pub use keyring::{Document, Fetch, FetchError, Keyring};
pub use last_known::{Answer, LastKnown};
pub use route::{Refreshed, router};
