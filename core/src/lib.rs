//! The rules of tierlift: what a Stripe webhook means, and what it changes.
//!
//! Everything here is a function of its arguments. This crate refuses to do IO: it reads no clock,
//! no environment, no file and no socket, and it needs no runtime. Bytes, state and time come in,
//! values go out. The modules stand in the order of the data.

pub mod id;
pub mod limits;
pub mod time;

pub mod event;
mod json;
mod payload;
pub mod signature;

pub mod customer;
pub mod fold;
pub mod subscription;

pub mod account;
pub mod grant;
pub mod policy;

pub mod cause;
pub mod decide;
pub mod notice;
pub mod problem;
pub mod token;

pub mod ports;
