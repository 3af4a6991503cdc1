//! An independent oracle for the roles that users earn at Stripe.
//!
//! [`World`] simulates a Stripe account: its objects change, its clock advances, and each change
//! emits the event that Stripe would send. [`Oracle`] derives who should have what from the objects
//! and their histories, never from the events. A test delivers the events to an implementation, in
//! any order, and compares the results.
//!
//! Histories leave out what Stripe's own data cannot decide:
//! - Within one second, no field of a subscription or of one of its items returns to a value that
//!   it had in that second. The changes of a second are a path, and its end is the state.
//! - Within one second, metadata moves only to a user whose name is greater than every name that it
//!   had in that second, so "the later counts" and "the greater string counts" agree.
//! - No `active` that could prove a first payment begins and ends within one second.
//! - Metadata that once named a user always names one.
//! - A subscription has at most [`Options::changes_max`] states, so no record has to drop any.
//! - An item that an event does not show was shown in an earlier second, and does not change until
//!   it is shown again. It ends no earlier than those that are shown: by the rules it lasts as long as
//!   they do, until a list shows it.
//! - Nothing ends in exactly the current second.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::enum_glob_use,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::print_stdout,
    clippy::return_self_not_must_use,
    clippy::similar_names,
    clippy::struct_excessive_bools,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    unreachable_pub,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "test support"
)]

mod account;
mod action_kind;
mod actions;
mod change;
mod checkout;
mod concern;
mod customers;
mod delivery;
mod generate;
mod objects;
mod observe;
mod oracle;
mod payments;
mod presets;
mod render;
mod render_money;
mod rng;
mod rules;
mod seeds;
mod shape;
#[cfg(test)]
mod tests;

pub use account::{Action, Event, Options, World};
pub use action_kind::ActionKind;
pub use change::NewSubscription;
pub use checkout::NewSession;
pub use concern::Concern;
pub use delivery::Delivery;
pub use objects::*;
pub use oracle::{Answer, Expected, Oracle, Readings, Seen, Shown};
pub use payments::RefundEnd;
pub use rng::Rng;
pub use rules::{DisputePolicy, Keep, PausePolicy, Plan, Rules, Stack, Unmapped};
pub use seeds::seeds;
pub use shape::ApiShape;
