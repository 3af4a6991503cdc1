//! The rules of tierlift: what a Stripe webhook means, and what it changes.
//!
//! Everything here is a function of its arguments. This crate refuses to do IO: it reads no clock, no
//! environment, no file and no socket, and it needs no runtime. Bytes, state and time come in, values go
//! out. The modules are listed in the order of the data.

pub mod codes;
pub mod id;
pub mod limits;
mod placeholder;
pub mod shared;
pub mod time;

pub mod stripe;

pub mod observation;

pub mod fold;
pub mod latest;
pub mod subscription;

pub mod invoice;
pub mod payment;
pub mod purchase;
pub mod reversal;

pub mod customer;

pub mod config;
pub mod policy;

pub mod earned;
pub mod grant;
pub mod owners;
pub mod service_grant;

pub mod account;
pub mod accounts;
pub mod epoch;

pub mod change;
pub mod decide;
pub mod explain;
pub mod failure;
pub mod ledger;
#[cfg(any(test, feature = "model"))]
pub mod model;
pub mod reconciliation;

pub mod token;
pub mod webhook;
pub mod wire;

pub use placeholder::is_placeholder;

pub mod ports;
