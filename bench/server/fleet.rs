//! The sockets of a run: connections that post, tabs that are notified, one epoll over all of them.
//!
//! One thread, level-triggered, one read for each readiness, no allocation for an event. It refuses
//! pipelining: a connection posts its next event when the one before is answered.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::{
    event::{Timespec, epoll},
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};

use tierlift_bench::{
    http::{self, Responses},
    id,
};

use crate::{
    plan::Plan,
    socket::{self, Frame, Frames, Tokens, client_frame},
};

const READ_MAX_BYTES: usize = 64 * 1024;
const READY_MAX: usize = 1024;
/// Not the number of any socket.
const TICK: u64 = u64::MAX;
/// A wait that ends long after the next tick of the kernel's own clock arms no timer, and costs none.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// A connection of the load, with the users that it owns: their events wait here in turn.
pub(crate) struct Lane {
    stream: TcpStream,
    answers: Responses,
    backlog: VecDeque<usize>,
    in_flight: Option<usize>,
}

impl Lane {
    /// Posts the next event, unless one is still in flight or none waits.
    pub(crate) fn post_next(&mut self, plan: &Plan) -> Result<Option<usize>> {
        if self.in_flight.is_some() {
            return Ok(None);
        }
        self.in_flight = self.backlog.pop_front();
        if let Some(event) = self.in_flight {
            // A connection without a request in flight has room for a whole one: this never blocks.
            self.stream.write_all(plan.request(event)).context("a webhook cannot be sent")?;
        }
        Ok(self.in_flight)
    }

    /// Lets an event wait for its turn.
    pub(crate) fn queue(&mut self, event: usize) {
        self.backlog.push_back(event);
    }

    /// Reads what came; gives the answered event and its status.
    fn read(&mut self, scratch: &mut [u8]) -> Result<Option<(usize, u16)>> {
        let bytes = read_once(&mut self.stream, scratch)?;
        let Some(status) = self.answers.push(bytes)? else { return Ok(None) };
        let event = self.in_flight.take().context("an answer that nothing asked for")?;
        Ok(Some((event, status)))
    }
}

/// A user's open tab.
struct Tab {
    stream: TcpStream,
    frames: Frames,
}

impl Tab {
    fn read(&mut self, scratch: &mut [u8], mut notice: impl FnMut(&[u8])) -> Result<()> {
        let bytes = read_once(&mut self.stream, scratch)?;
        let Self { stream, frames } = self;
        frames.push(bytes, |frame| {
            match frame {
                Frame::Text(text) => notice(text),
                Frame::Ping(payload) => stream.write_all(&client_frame(0xa, payload))?,
                Frame::Pong => {}
            }
            Ok(())
        })
    }
}

/// What one readiness brought.
#[derive(Clone, Copy)]
pub(crate) enum News<'a> {
    /// A webhook was answered: on which lane, which event, with which status.
    Answer { lane: usize, event: usize, status: u16 },
    /// A tab of this user got this text.
    Text { user: usize, text: &'a [u8] },
}

/// All sockets of a run.
pub(crate) struct Fleet {
    epoll: OwnedFd,
    clock: OwnedFd,
    lanes: Vec<Lane>,
    tabs: Vec<Tab>,
    ready: Vec<epoll::Event>,
    scratch: Vec<u8>,
}

impl Fleet {
    /// Opens the connections, and one synced tab for each user.
    pub(crate) fn open(
        address: SocketAddr,
        connections: usize,
        users: usize,
        tokens: &Tokens,
    ) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &clock, epoll::EventData::new_u64(TICK), epoll::EventFlags::IN)?;
        let mut fleet = Self {
            epoll,
            clock,
            lanes: Vec::with_capacity(connections),
            tabs: Vec::with_capacity(users),
            ready: Vec::with_capacity(READY_MAX),
            scratch: vec![0; READ_MAX_BYTES],
        };
        for _ in 0..connections {
            fleet.add_lane(http::connect(address)?)?;
        }
        for user in 0..users {
            let token = tokens.of(&id::user(user))?;
            fleet.add_tab(socket::open(address, &token)?)?;
        }
        Ok(fleet)
    }

    fn add_lane(&mut self, stream: TcpStream) -> Result<()> {
        self.watch(&stream, self.lanes.len())?;
        let (answers, backlog) = (Responses::default(), VecDeque::new());
        self.lanes.push(Lane { stream, answers, backlog, in_flight: None });
        Ok(())
    }

    /// Lanes come first, so that a tab's number is known by how many of them there are.
    pub(crate) fn add_tab(&mut self, stream: TcpStream) -> Result<()> {
        self.watch(&stream, self.lanes.len() + self.tabs.len())?;
        self.tabs.push(Tab { stream, frames: Frames::default() });
        Ok(())
    }

    fn watch(&self, stream: &TcpStream, number: usize) -> Result<()> {
        let data = epoll::EventData::new_u64(u64::try_from(number)?);
        Ok(epoll::add(&self.epoll, stream, data, epoll::EventFlags::IN)?)
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The lane that owns this user: one user's events are answered in turn.
    pub(crate) fn lane_of(&mut self, user: usize) -> Result<(usize, &mut Lane)> {
        let lane = user % self.lanes.len();
        Ok((lane, self.lane(lane)?))
    }

    pub(crate) fn lane(&mut self, lane: usize) -> Result<&mut Lane> {
        self.lanes.get_mut(lane).context("no such lane")
    }

    /// Ends a wait at each multiple of `period` from now on; never again where it is zero.
    pub(crate) fn tick_every(&self, period: Duration) -> Result<()> {
        let period = Timespec::try_from(period).context("a period that is too long")?;
        let times = Itimerspec { it_interval: period, it_value: period };
        timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &times)?;
        Ok(())
    }

    /// Waits for responses, frames or a tick, and gives each to `tell`.
    pub(crate) fn wait(
        &mut self,
        mut tell: impl FnMut(&mut [Lane], News<'_>) -> Result<()>,
    ) -> Result<()> {
        let timeout = Timespec::try_from(WAIT_MAX).context("a wait that is too long")?;
        self.ready.clear();
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.ready),
            Some(&timeout),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => bail!("epoll: {error}"),
        }
        for event in &self.ready {
            if event.data.u64() == TICK {
                rustix::io::read(&self.clock, &mut [0; 8])?;
                continue;
            }
            let number = usize::try_from(event.data.u64())?;
            if let Some(lane) = self.lanes.get_mut(number) {
                if let Some((event, status)) = lane.read(&mut self.scratch)? {
                    tell(&mut self.lanes, News::Answer { lane: number, event, status })?;
                }
                continue;
            }
            let user = number - self.lanes.len();
            let tab = self.tabs.get_mut(user).context("no such tab")?;
            let mut told = Ok(());
            tab.read(&mut self.scratch, |text| {
                if told.is_ok() {
                    told = tell(&mut self.lanes, News::Text { user, text });
                }
            })?;
            told?;
        }
        Ok(())
    }
}

fn read_once<'a>(stream: &mut TcpStream, scratch: &'a mut [u8]) -> Result<&'a [u8]> {
    let n = stream.read(scratch).context("a socket broke")?;
    if n == 0 {
        bail!("the server closed a socket");
    }
    scratch.get(..n).context("more was read than there is room for")
}
