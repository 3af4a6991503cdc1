//! A server under test as a child process: started on loopback with a fresh directory, asked what
//! it costs, ended by its own pid.
//!
//! It refuses to bind anywhere but 127.0.0.1, and ends nothing that it did not start.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tierlift_bench::process::log_tail;
use tierlift_testkit::child::Child;

/// The webhook secret of both servers.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_bench5cK0qYtV7nXz3LwR8aHd";
/// The token secret of both servers.
pub(crate) const JWT_SECRET: &str = "bench-only-secret-of-no-worth-at-all-0123456789";
/// The service token of both servers.
pub(crate) const SERVICE_TOKEN: &str = "bench-only-token-of-no-worth-at-all-0123456789";

const POLL_PAUSE: Duration = Duration::from_micros(250);
const START_MAX: Duration = Duration::from_secs(20);
const END_MAX: Duration = Duration::from_secs(10);

/// One of the two that are measured.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// The release binary.
    Tierlift(PathBuf),
    /// The folder of the Node peer, its packages installed.
    Peer(PathBuf),
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Tierlift(_) => "tierlift",
            Self::Peer(_) => "peer",
        }
    }

    /// Whether it is there to be run; says what to do where not.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Tierlift(path) if !path.is_file() => {
                bail!("{} is missing: cargo build --release", path.display())
            }
            Self::Peer(folder) if !folder.join("node_modules").is_dir() => {
                bail!("the peer's packages are missing: npm ci --prefix {}", folder.display())
            }
            Self::Tierlift(_) | Self::Peer(_) => Ok(()),
        }
    }

    fn command(&self, address: SocketAddr, dir: &Path) -> Result<Command> {
        let listen = address.to_string();
        let mut command = match self {
            Self::Tierlift(path) => {
                let config = dir.join("tierlift.toml");
                fs::write(&config, config_text(address))?;
                let mut command = Command::new(path);
                command.args(["serve", "--listen", &listen]).arg("--config").arg(config);
                command
            }
            Self::Peer(folder) => {
                let mut command = Command::new("node");
                command.arg(folder.join("server.js")).args(["--listen", &listen]);
                command.env("NODE_ENV", "production");
                command
            }
        };
        command.arg("--data").arg(dir.join("data.db"));
        command.env("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET).env("TIERLIFT_JWT_SECRET", JWT_SECRET);
        command.env("TIERLIFT_SERVICE_TOKENS", format!("bench:{SERVICE_TOKEN}"));
        Ok(command)
    }
}

fn config_text(address: SocketAddr) -> String {
    format!(
        r#"roles = ["free", "paid"]
livemode = false
account_claims = ["sub", "org_id"]
allowed_origins = ["http://{address}"]

[plans]
price_pro = "paid"

[policy]
past_due = "keep"
grace_days = 3
unmapped_price = "park"
"#
    )
}

/// What a process has used of the processor since it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    pub(crate) user: Duration,
    pub(crate) sys: Duration,
}

impl Cpu {
    /// Of a process and all its threads, ended ones included.
    fn of(process: &str) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        cpu_of_stat(&stat, ticks_per_second).context("/proc/PID/stat cannot be read")
    }

    /// Of the generator itself.
    pub(crate) fn of_this_process() -> Result<Self> {
        Self::of("self")
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            sys: self.sys.saturating_sub(earlier.sys),
        }
    }
}

/// A running server. Dropped, it is killed and its directory removed.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Removed after the child has ended.
    dir: TempDir,
}

impl Server {
    /// Starts it; does not wait until it listens.
    pub(crate) fn spawn(program: &Program, root: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("tierlift-bench-").tempdir_in(root)?;
        let address = free_address()?;
        let log = File::create(dir.path().join("log"))?;
        let mut command = program.command(address, dir.path())?;
        let child = Child::spawn(command.stdout(log.try_clone()?).stderr(log))
            .with_context(|| format!("{} cannot be started", program.name()))?;
        Ok(Self { child, address, dir })
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(program: &Program, root: &Path) -> Result<Self> {
        let mut server = Self::spawn(program, root)?;
        server.connect()?;
        Ok(server)
    }

    /// The first connection that it accepts, asked for every quarter of a millisecond.
    pub(crate) fn connect(&mut self) -> Result<TcpStream> {
        let start = Instant::now();
        loop {
            if let Ok(stream) = TcpStream::connect(self.address) {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            if let Some(status) = self.child.ended()? {
                bail!("the server ended with {status}: {}", self.log());
            }
            if start.elapsed() > START_MAX {
                bail!("the server does not listen: {}", self.log());
            }
            thread::sleep(POLL_PAUSE);
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote, for when it fails.
    pub(crate) fn log(&self) -> String {
        log_tail(&self.dir.path().join("log"))
    }

    /// User and system time of all its threads.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        Cpu::of(&self.child.id().to_string())
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<usize> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let pages = statm.split(' ').nth(1).context("/proc/PID/statm")?;
        Ok(pages.parse::<usize>()? * rustix::param::page_size())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        let ended = self.child.terminate(END_MAX);
        ended.map(drop).with_context(|| format!("the server does not end: {}", self.log()))
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Fields 14 and 15 of proc(5)'s stat, in clock ticks, after the name in parentheses.
fn cpu_of_stat(stat: &str, ticks_per_second: u64) -> Option<Cpu> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11);
    let mut next = || {
        let ticks: u64 = times.next()?.parse().ok()?;
        Some(Duration::from_millis(ticks * 1_000 / ticks_per_second.max(1)))
    };
    Some(Cpu { user: next()?, sys: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "77 (a) b (c)) S 1 77 77 0 -1 4194560 9 0 0 0 150 25 0 0 20 0 9 0 3 1 2";
        let cpu = cpu_of_stat(stat, 100).unwrap();
        assert_eq!((cpu.user.as_millis(), cpu.sys.as_millis()), (1_500, 250));
        assert!(cpu_of_stat("77 (a", 100).is_none());
    }
}
