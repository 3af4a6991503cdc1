//! What Stripe sends: signatures, objects, events.
//!
//! Everything that knows Stripe's JSON is here. What leaves this module are checked types.

mod billing;
pub mod catalog;
mod checkout;
mod customer;
mod error;
pub mod event;
mod fact;
mod head;
mod ids;
mod json;
mod kind;
mod metadata;
pub mod observation;
mod observed;
mod returned;
pub mod signature;
mod subscription;
mod thin;

pub use error::Error;
pub use returned::Returned;
pub use thin::ThinEvent;
