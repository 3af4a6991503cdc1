//! What an idle socket costs in resident memory.
//!
//! Each socket is another user's, and has synced, as a client does. The server is fresh: memory that
//! an earlier load left free would hide what a socket takes. It refuses to count the kernel's
//! buffers, which are nobody's resident memory.

use std::{path::Path, thread, time::Duration};

use anyhow::{Context as _, Result};

use tierlift_bench::stats::figure;

use crate::{
    args::Scale,
    server::{JWT_SECRET, Program, Server},
    socket::{self, Tokens},
};

/// For what the server still does right after the last socket.
const SETTLE: Duration = Duration::from_secs(2);

/// KiB of resident memory for each idle socket.
pub(crate) fn measure(program: &Program, root: &Path, scale: &Scale) -> Result<f64> {
    let server = Server::start(program, root)?;
    let tokens = Tokens::new(JWT_SECRET);
    // The first socket pays for what all share.
    let first = socket::open(server.address(), &tokens.of("first")?)?;
    thread::sleep(SETTLE);
    let before = server.resident_bytes()?;
    let mut open = Vec::with_capacity(scale.idle_sockets);
    for number in 0..scale.idle_sockets {
        let token = tokens.of(&format!("idle_{number:06}"))?;
        let socket = socket::open(server.address(), &token);
        open.push(socket.with_context(|| format!("socket {number}: {}", server.log()))?);
    }
    thread::sleep(SETTLE);
    let after = server.resident_bytes()?;
    drop((first, open));
    server.end()?;
    Ok(figure(after.saturating_sub(before)) / 1024.0 / figure(scale.idle_sockets))
}
