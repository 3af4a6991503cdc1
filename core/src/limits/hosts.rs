//! Limits of what hosts ask for and are sent.

/// Grants by services that an account remembers. One that has ended makes room after
/// [`LEDGER_KEPT_DAYS`](super::LEDGER_KEPT_DAYS): until then its id is known.
pub const SERVICE_GRANTS_PER_USER_MAX: usize = 64;
