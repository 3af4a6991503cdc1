//! Previews a changed policy, and applies it to everything that is stored, page by page. A clock that was
//! wrong is corrected in the same way, under the same policy.
//!
//! Each customer and account is decided again and committed like an event, with its own ledger row and
//! notices. Progress is stored after each page, and the ledger rejects a commit that was made before, so a
//! process that was killed continues where it stopped.

mod apply;
mod preview;

pub use apply::{apply, correct_clock, note_first, pending};
pub use preview::{Difference, Preview, preview};

use std::collections::HashMap;

use tierlift_core::{account::Account, id::UserId};

fn by_user(accounts: Vec<Account>) -> HashMap<UserId, Account> {
    accounts.into_iter().map(|account| (account.user.clone(), account)).collect()
}
