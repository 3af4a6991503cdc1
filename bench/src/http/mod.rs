//! Both sides of as much HTTP/1.1 as the benchmarks speak, over blocking sockets on 127.0.0.1.

mod client;
mod server;

pub use client::{Responses, call, connect, connect_from};
pub use server::{Request, Response, serve};
