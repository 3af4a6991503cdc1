//! A policy document: variables that are too large for an environment, which may have 4 KB in all
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
//!
//! One line for each setting, named like the stack's parameter. A line may be repeated: its lists are joined. Nothing
//! but the policy can be set here.
//!
//! ```text
//! # comments and empty lines are skipped
//! Roles=free,paid,pro
//! Plans=price_1=paid
//! Plans=price_2=pro
//! ```

use std::collections::HashMap;

/// The settings that a document may have.
const NAMES: [(&str, &str); 14] = [
    ("Roles", "TIERLIFT_ROLES"),
    ("Plans", "TIERLIFT_PLANS"),
    ("Features", "TIERLIFT_FEATURES"),
    ("UserIdKeys", "TIERLIFT_USER_ID_KEYS"),
    ("PastDue", "TIERLIFT_PAST_DUE"),
    ("GraceDays", "TIERLIFT_GRACE_DAYS"),
    ("UnmappedPrice", "TIERLIFT_UNMAPPED_PRICE"),
    ("IgnorePrices", "TIERLIFT_IGNORE_PRICES"),
    ("PauseCollection", "TIERLIFT_PAUSE_COLLECTION"),
    ("Refund", "TIERLIFT_REFUND"),
    ("Dispute", "TIERLIFT_DISPUTE"),
    ("PurchaseRefund", "TIERLIFT_PURCHASE_REFUND"),
    ("PurchaseDispute", "TIERLIFT_PURCHASE_DISPUTE"),
    ("PurchaseStack", "TIERLIFT_PURCHASE_STACK"),
];

/// A line that is no setting of a policy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {number} of the policy document is {line:?}; allowed: Name=value, where the name is one of {}",
    names()
)]
pub struct DocumentError {
    /// Its number, from 1.
    number: usize,
    /// Its text.
    line: String,
}

fn names() -> String {
    NAMES.map(|(name, _)| name).join(", ")
}

/// The variables that a document sets.
pub(super) fn parse(text: &str) -> Result<HashMap<String, String>, DocumentError> {
    let mut variables = HashMap::<String, String>::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let setting = line.split_once('=').and_then(|(name, value)| {
            let (_, variable) = NAMES.iter().find(|(known, _)| *known == name.trim())?;
            Some((*variable, value.trim()))
        });
        let Some((variable, value)) = setting else {
            return Err(DocumentError { number: index + 1, line: line.to_owned() });
        };
        variables
            .entry(variable.to_owned())
            .and_modify(|list| {
                list.push(',');
                list.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    Ok(variables)
}
