//! A changed policy: previewed, and applied to everything that is stored, page by page.
//!
//! Each customer and account is decided anew and committed like an event, with a ledger row of its own and
//! the same notices. A commit that was made before is found in the ledger, and progress is noted after each
//! page, so that a process that was killed goes on where it was.

mod apply;
mod preview;

pub use apply::{apply, note_first, pending};
pub use preview::{Difference, Preview, preview};

use std::collections::HashMap;

use tierlift_core::{account::Account, id::UserId};

fn by_user(accounts: Vec<Account>) -> HashMap<UserId, Account> {
    accounts.into_iter().map(|account| (account.user.clone(), account)).collect()
}
