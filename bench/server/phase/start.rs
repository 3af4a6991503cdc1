//! From the start of the process to its first accepted webhook.
//!
//! Each start has a fresh directory, so making the file and its schema is part of it. It refuses to
//! count an answer other than 200.

use std::{path::Path, time::Instant};

use anyhow::{Result, ensure};

use tierlift_bench::{http, stats::median};

use crate::{
    args::Scale,
    plan::Plan,
    server::{Program, Server, WEBHOOK_SECRET},
};

/// The median of several starts, in milliseconds.
pub(crate) fn measure(program: &Program, root: &Path, scale: &Scale) -> Result<f64> {
    let plan = Plan::new(1, 1, WEBHOOK_SECRET)?;
    let starts = (0..scale.starts).map(|_| once(program, root, plan.request(0)));
    Ok(median(starts.collect::<Result<_>>()?))
}

fn once(program: &Program, root: &Path, request: &[u8]) -> Result<f64> {
    rustix::fs::sync();
    let start = Instant::now();
    let mut server = Server::spawn(program, root)?;
    let mut stream = server.connect()?;
    let (status, _) = http::call(&mut stream, request)?;
    let elapsed = start.elapsed();
    ensure!(status == 200, "the first webhook was answered {status}: {}", server.log());
    drop(stream);
    server.end()?;
    Ok(elapsed.as_secs_f64() * 1e3)
}
