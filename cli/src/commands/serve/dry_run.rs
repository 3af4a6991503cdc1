//! `tierlift serve --dry-run`: which accounts the configuration would change, without a server.

use std::{
    io::{self, Write as _},
    path::Path,
};

use anyhow::Context as _;
use tierlift_core::{codes::Code, policy::Policy};
use tierlift_embedded::{Difference, Preview, db::Snapshot, preview, system_clock};

use crate::error::Error;

/// Prints a line for each account that would change, and how many there are.
pub(super) async fn run(data: &Path, policy: &Policy) -> Result<(), Error> {
    let preview = if data.exists() {
        let snapshot =
            Snapshot::open(data).map_err(|error| Error::failed(Code::DataUnusable, error))?;
        preview(&snapshot, policy, system_clock().now())
            .await
            .map_err(|error| Error::failed(Code::DataUnusable, error))?
    } else {
        Preview::default()
    };
    let text = text(&preview);
    Ok(io::stdout().write_all(text.as_bytes()).context("cannot write to stdout")?)
}

fn text(preview: &Preview) -> String {
    let mut text: String = preview.accounts.iter().map(line).collect();
    let count = preview.accounts.len();
    let noun = if count == 1 { "account" } else { "accounts" };
    let by_role = preview.by_role();
    let counts: Vec<_> =
        by_role.iter().map(|((from, to), count)| total(from, to, *count)).collect();
    let colon = if counts.is_empty() { "" } else { ": " };
    text.extend([format!("{count} {noun} would change{colon}{}\n", counts.join(", "))]);
    text
}

fn line(difference: &Difference) -> String {
    let Difference { user, from, to } = difference;
    if from == to {
        return format!("{user}\t{to}\tfeatures or standing\n");
    }
    format!("{user}\t{from} → {to}\n")
}

fn total(from: &str, to: &str, count: usize) -> String {
    if from == to {
        return format!("{to} stays, with other features or standing: {count}");
    }
    format!("{from} → {to}: {count}")
}

#[cfg(test)]
mod tests {
    use tierlift_core::{id::UserId, policy::Role};

    use super::*;

    #[test]
    fn each_account_is_listed_and_the_roles_are_counted() {
        let difference = |user: &str, from: &str, to: &str| Difference {
            user: UserId::new(user).unwrap(),
            from: Role::new(from),
            to: Role::new(to),
        };
        let accounts = vec![
            difference("ada", "free", "paid"),
            difference("bob", "paid", "paid"),
            difference("eve", "free", "paid"),
        ];
        assert_eq!(
            text(&Preview { accounts }),
            "ada\tfree → paid\nbob\tpaid\tfeatures or standing\neve\tfree → paid\n\
             3 accounts would change: free → paid: 2, paid stays, with other features or standing: 1\n"
        );
        assert_eq!(text(&Preview::default()), "0 accounts would change\n");
    }
}
