//! One event that every open socket must show: an organisation pays, and each socket is one member's.
//!
//! The peer knows no organisations, so there all sockets are one user's. It refuses to count a notice that comes twice
//! or of another event, and a run in which a socket hears nothing.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;

use tierlift_bench::{
    http::{self, Responses},
    id,
};

use crate::{
    args::Scale,
    drive::event_of,
    fleet::{Fleet, News},
    plan::Plan,
    server::{JWT_SECRET, Program, Server, WEBHOOK_SECRET},
    socket::{self, Tokens},
};

const EVENT_MAX: Duration = Duration::from_mins(1);
/// From one address of loopback there are some 28,000 ports to the server.
const SOCKETS_PER_ADDRESS: usize = 20_000;

const OPENED_BEFORE_PONGS: usize = 250;

/// How soon the sockets were notified, from the moment that the webhook was sent. Times are in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct FanOut {
    pub(crate) sockets: usize,
    pub(crate) half_us: f64,
    pub(crate) all_us: f64,
}

/// Of several events, each to all sockets, the median one by when all were notified.
pub(crate) fn measure(program: &Program, root: &Path, scale: &Scale) -> Result<FanOut> {
    let server = Server::start(program, root)?;
    let measured = on(program, &server, scale);
    let measured = measured.with_context(|| format!("{}: {}", program.name(), server.log()))?;
    server.end()?;
    Ok(measured)
}

fn on(program: &Program, server: &Server, scale: &Scale) -> Result<FanOut> {
    let sockets = scale.fan_out_sockets;
    let plan = Plan::new(scale.fan_outs, 1, WEBHOOK_SECRET)?;
    let tokens = Tokens::new(JWT_SECRET);
    let mut fleet = Fleet::open(server.address(), 0, 0, &tokens)?;
    for number in 0..sockets {
        let stream = http::connect_from(source(number)?, server.address())?;
        let token = token(program, &tokens, number)?;
        let socket = socket::open_on(stream, &token);
        fleet.add_tab(socket.with_context(|| format!("socket {number}"))?)?;
        if number % OPENED_BEFORE_PONGS == 0 {
            // The first ones are pinged before the last ones are open.
            fleet.wait(|_, _| Ok(()))?;
        }
    }
    let fan_outs = (0..plan.len()).map(|event| {
        // One that is idle for as long as the sockets take to open would be closed.
        let connection = http::connect(server.address())?;
        fan_out(&mut fleet, connection, &plan, event, sockets)
    });
    let mut fan_outs = fan_outs.collect::<Result<Vec<_>>>()?;
    fan_outs.sort_by(|a, b| a.all_us.total_cmp(&b.all_us));
    fan_outs.get(fan_outs.len() / 2).copied().context("there was no event")
}

/// 127.0.0.1, 127.0.0.2 and so on.
fn source(number: usize) -> Result<Ipv4Addr> {
    Ok(Ipv4Addr::new(127, 0, 0, u8::try_from(1 + number / SOCKETS_PER_ADDRESS)?))
}

fn token(program: &Program, tokens: &Tokens, number: usize) -> Result<String> {
    let organisation = id::user(0);
    match program {
        Program::Tierlift(_) => tokens.of_member(&format!("member_{number:05}"), &organisation),
        Program::Peer(_) => tokens.of(&organisation),
    }
}

fn fan_out(
    fleet: &mut Fleet,
    mut connection: TcpStream,
    plan: &Plan,
    event: usize,
    sockets: usize,
) -> Result<FanOut> {
    let mut heard = vec![false; sockets];
    let (mut count, mut half_us) = (0, 0.0);
    let begun = Instant::now();
    let micros = || begun.elapsed().as_secs_f64() * 1e6;
    connection.write_all(plan.request(event))?;
    while count < sockets {
        ensure!(
            begun.elapsed() < EVENT_MAX,
            "{count} of {sockets} sockets were notified of event {event}"
        );
        fleet.wait(|_, news| {
            let News::Text { user: socket, text } = news else { bail!("an answer to no request") };
            ensure!(event_of(text) == Some(event), "a frame of something else");
            let heard = heard.get_mut(socket).context("no such socket")?;
            ensure!(!std::mem::replace(heard, true), "socket {socket} heard it twice");
            count += 1;
            if count == sockets.div_ceil(2) {
                half_us = micros();
            }
            Ok(())
        })?;
    }
    let all_us = micros();
    check_accepted(&mut connection)?;
    Ok(FanOut { sockets, half_us, all_us })
}

fn check_accepted(connection: &mut TcpStream) -> Result<()> {
    let (mut answer, mut chunk) = (Responses::default(), [0; 1024]);
    loop {
        let n = connection.read(&mut chunk)?;
        ensure!(n > 0, "the server closed the connection");
        if let Some(status) = answer.push(chunk.get(..n).unwrap_or_default())? {
            ensure!(status == 200, "the webhook was answered {status}");
            return Ok(());
        }
    }
}
