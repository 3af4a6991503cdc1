//! Roles that are read while 1,000 upgrades come each second: by a host with a service token, and by a proxy that
//! asks before it passes a request on.
//!
//! Each connection asks again as soon as it is answered, each time about another user. It refuses to count an answer
//! that is not the expected one, or upgrades that were not all noticed meanwhile.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Serialize;

use tierlift_bench::{
    id,
    machine::precise_timers,
    stats::{Latency, figure},
};

use super::load::Quantiles;
use crate::{
    args::Scale,
    drive::{Outcome, Pace, drive},
    fleet::{Fleet, News},
    plan::Plan,
    server::{JWT_SECRET, Program, SERVICE_TOKEN, Server, WEBHOOK_SECRET},
    socket::Tokens,
};

const UPGRADES_PER_SEC: u32 = 1_000;
const WARM_UP_MAX: Duration = Duration::from_secs(30);
const DRAIN_MAX: Duration = Duration::from_secs(8);

/// What one route showed. Times are in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Reads {
    pub(crate) per_sec: f64,
    #[serde(flatten)]
    pub(crate) latency: Quantiles,
    /// Of the upgrades beside the reads.
    pub(crate) notice: Quantiles,
}

/// Both routes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct RoleReads {
    /// `GET /v1/users/{id}` with a service token.
    pub(crate) user: Reads,
    /// `GET /authorize` with the user's token.
    pub(crate) authorize: Reads,
}

/// How a role is asked for.
struct Route {
    status: u16,
    request: fn(&Tokens, user: &str) -> Result<String>,
}

const USER: Route =
    Route { status: 200, request: |_, user| Ok(get(&format!("/v1/users/{user}"), SERVICE_TOKEN)) };
const AUTHORIZE: Route = Route {
    status: 204,
    request: |tokens, user| Ok(get("/authorize?role=free", &tokens.of(user)?)),
};

fn get(path: &str, token: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

/// How many roles a server reads a second, and how soon.
pub(crate) fn measure(program: &Program, root: &Path, scale: &Scale) -> Result<RoleReads> {
    let of = |route| {
        let server = Server::start(program, root)?;
        let reads = beside_upgrades(route, &server, scale);
        let reads = reads.with_context(|| format!("{}: {}", program.name(), server.log()))?;
        server.end()?;
        Ok::<_, anyhow::Error>(reads)
    };
    Ok(RoleReads { user: of(&USER)?, authorize: of(&AUTHORIZE)? })
}

fn beside_upgrades(route: &Route, server: &Server, scale: &Scale) -> Result<Reads> {
    let tokens = Tokens::new(JWT_SECRET);
    let (warm, secs) = (scale.warm_up_events, scale.reads.secs);
    let events = warm + usize::try_from(u64::from(UPGRADES_PER_SEC) * secs)?;
    let upgrades = Plan::new(events, scale.users, WEBHOOK_SECRET)?;
    let mut fleet = Fleet::open(server.address(), scale.open.connections, scale.users, &tokens)?;
    drive(&mut fleet, &upgrades, 0..warm, Pace::Closed, WARM_UP_MAX)?;
    let requests = (0..scale.users).map(|user| (route.request)(&tokens, &id::user(user)));
    let requests = Plan::of_requests(requests)?;
    let time = Duration::from_secs(secs);
    let pace = Pace::Open { per_second: UPGRADES_PER_SEC };
    let (outcome, nanos) = thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let lanes = scale.reads.connections;
            let mut fleet = Fleet::open(server.address(), lanes, 0, &Tokens::new(JWT_SECRET))?;
            read(&mut fleet, &requests, route.status, time)
        });
        precise_timers(true)?;
        let outcome = drive(&mut fleet, &upgrades, warm..events, pace, time + DRAIN_MAX);
        precise_timers(false)?;
        let nanos = reading.join().map_err(|_| anyhow!("the thread that reads panicked"))?;
        Ok::<_, anyhow::Error>((outcome?, nanos?))
    })?;
    check(&outcome)?;
    Ok(Reads {
        per_sec: figure(nanos.len()) / time.as_secs_f64(),
        latency: Latency::from_nanos(nanos).into(),
        notice: outcome.notice.into(),
    })
}

fn check(upgrades: &Outcome) -> Result<()> {
    let counts = upgrades.counts;
    let right = counts.noticed == counts.events && counts.wrong == 0;
    ensure!(right, "upgrades beside the reads: {counts:?}");
    Ok(())
}

/// Reads for that time, as fast as it is answered. Returns how long each read took, in nanoseconds.
fn read(fleet: &mut Fleet, requests: &Plan, expected: u16, time: Duration) -> Result<Vec<u64>> {
    let mut nanos = Vec::new();
    let start = Instant::now();
    let mut asked = vec![start; fleet.lanes()];
    let mut next = (0..requests.len()).cycle();
    for lane in 0..fleet.lanes() {
        let lane = fleet.lane(lane)?;
        lane.queue(next.next().context("no request")?);
        lane.post_next(requests)?;
    }
    while start.elapsed() < time {
        fleet.wait(|lanes, news| {
            let News::Answer { lane: number, status, .. } = news else { return Ok(()) };
            ensure!(status == expected, "a read was answered {status}");
            let now = Instant::now();
            let asked = asked.get_mut(number).context("no such lane")?;
            let took = now.duration_since(std::mem::replace(asked, now));
            nanos.push(u64::try_from(took.as_nanos())?);
            let lane = lanes.get_mut(number).context("no such lane")?;
            lane.queue(next.next().context("no request")?);
            lane.post_next(requests).map(drop)
        })?;
    }
    Ok(nanos)
}
