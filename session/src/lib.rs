//! Who is asking, and what may they do: `GET /session`, `POST /session/refresh`, and the guard for
//! a host application's own routes.
//!
//! It refuses to trust a token longer than its account allows: every answer looks at the account,
//! so a role that changed or lapsed a moment ago counts at once.

mod access;
mod bearer;
mod error;
mod guard;
pub mod jwks;
mod keyring;
#[cfg(feature = "lambda")]
mod rolling;
mod route;

pub use access::{Access, Issued};
pub use bearer::bearer;
pub use error::Error;
pub use guard::{Guarded, RequireRole, UnknownRole};
pub use keyring::{Fetch, FetchError, Keyring, SourceError};
#[cfg(feature = "lambda")]
pub use rolling::Rolling;
pub use route::{Refreshed, router};
