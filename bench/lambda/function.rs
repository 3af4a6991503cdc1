//! The functions, ours and the peer's: what starts one, in which environment, and one that runs.
//!
//! A process gets the environment that Lambda gives and none of this one's. It ends nothing that it did
//! not start.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tierlift_bench::process::log_tail;
use tierlift_testkit::child::Child;

use crate::{
    cloud::{Cloud, Counts},
    payload,
    runtime::Runtime,
};

/// What is measured, in the order of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    Ingest,
    Worker,
    Notify,
    Connect,
    Sync,
    Ping,
    Session,
    Expiry,
}

impl Job {
    pub(crate) const ALL: [Self; 8] = [
        Self::Ingest,
        Self::Worker,
        Self::Notify,
        Self::Connect,
        Self::Sync,
        Self::Ping,
        Self::Session,
        Self::Expiry,
    ];

    /// The row of the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Worker => "worker",
            Self::Notify => "notifier-stream",
            Self::Connect => "notifier-gateway, $connect",
            Self::Sync => "notifier-gateway, sync",
            Self::Ping => "notifier-gateway, ping",
            Self::Session => "session",
            Self::Expiry => "expiry",
        }
    }

    fn binary(self) -> &'static str {
        match self {
            Self::Connect | Self::Sync | Self::Ping => "notifier-gateway",
            Self::Ingest | Self::Worker | Self::Notify | Self::Session | Self::Expiry => {
                self.name()
            }
        }
    }

    /// The peer's module of the same job.
    fn module(self) -> Option<&'static str> {
        match self {
            Self::Ingest => Some("ingest"),
            Self::Worker => Some("worker"),
            Self::Notify => Some("notifier"),
            Self::Connect | Self::Sync | Self::Ping | Self::Session | Self::Expiry => None,
        }
    }

    /// The event of its `index`th invocation, from what the job before it sent.
    pub(crate) fn event(self, index: usize, cloud: &Cloud) -> Result<Value> {
        match self {
            Self::Ingest => payload::webhook(index),
            Self::Worker => cyclic(&cloud.messages(), index).map(payload::queue),
            Self::Notify => cyclic(&cloud.changed(), index).map(payload::stream),
            Self::Connect => payload::connect(index),
            Self::Sync => Ok(payload::frame("sync", r#"{"action":"sync","revocationId":0}"#)),
            Self::Ping => Ok(payload::frame("ping", r#"{"action":"ping"}"#)),
            Self::Session => payload::session(index),
            Self::Expiry => Ok(payload::schedule()),
        }
    }

    /// Whether the answer, and what was asked of AWS for it, are those of the job done.
    pub(crate) fn check(self, answer: &[u8], asked: &Counts) -> Result<()> {
        let value: Value = serde_json::from_slice(answer).unwrap_or(Value::Null);
        let shown = String::from_utf8_lossy(answer);
        let ok = value.get("statusCode").is_some_and(|status| *status == 200);
        let failures = value.get("batchItemFailures").and_then(Value::as_array).map_or(0, Vec::len);
        let done = match self {
            Self::Ingest => ok && asked.contains_key("SendMessage"),
            Self::Worker => failures == 0 && asked.contains_key("TransactWriteItems"),
            Self::Notify => failures == 0 && asked.contains_key("PostToConnection"),
            Self::Connect => ok && asked.contains_key("PutItem"),
            Self::Sync => shown.contains("SNAPSHOT"),
            Self::Ping => shown.contains("PONG"),
            Self::Session => ok,
            Self::Expiry => asked.contains_key("Query"),
        };
        if !done {
            bail!("{} did not do its job: {shown}, asked {asked:?}", self.name());
        }
        Ok(())
    }
}

fn cyclic(all: &[Value], index: usize) -> Result<&Value> {
    all.get(index % all.len().max(1)).context("the job before it sent nothing")
}

/// Whose functions.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// A folder of binaries, each with its function's name.
    Tierlift(PathBuf),
    /// The peer's folder, and the Python that has its packages.
    Peer { folder: PathBuf, python: PathBuf },
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Tierlift(_) => "tierlift",
            Self::Peer { .. } => "peer",
        }
    }

    /// Whether it is there to be run; says what to do where not.
    pub(crate) fn check(&self, jobs: &[Job]) -> Result<()> {
        match self {
            Self::Tierlift(folder) => {
                let missing = jobs.iter().find(|job| !folder.join(job.binary()).is_file());
                if let Some(job) = missing {
                    bail!("{} is not in {}", job.binary(), folder.display());
                }
            }
            Self::Peer { folder, python } => {
                if !python.is_file() {
                    let needs = folder.join("requirements.txt");
                    bail!("{} has to be a Python with {}", python.display(), needs.display());
                }
            }
        }
        Ok(())
    }

    /// How the function of a job is started; none where it has no such function.
    fn command(&self, job: Job) -> Option<Command> {
        match self {
            Self::Tierlift(folder) => Some(Command::new(folder.join(job.binary()))),
            Self::Peer { folder, python } => {
                let mut command = Command::new(python);
                let handler = format!("{}.handler", job.module()?);
                command.args(["-m", "awslambdaric", &handler]).current_dir(folder);
                Some(command)
            }
        }
    }

    pub(crate) fn has(&self, job: Job) -> bool {
        self.command(job).is_some()
    }

    /// The files that a deployment of the function holds.
    pub(crate) fn files(&self, job: Job) -> Result<Vec<PathBuf>> {
        match self {
            Self::Tierlift(folder) => Ok(vec![folder.join(job.binary())]),
            // Lambda's own Python has boto3 and the runtime client; the rest has to be brought.
            Self::Peer { folder, python } => {
                let module = format!("{}.py", job.module().unwrap_or_default());
                let mut files = vec![folder.join(module)];
                if job == Job::Ingest {
                    files.extend(packages(python)?);
                }
                Ok(files)
            }
        }
    }
}

/// What the peer's `stripe` is made of and needs.
fn packages(python: &Path) -> Result<Vec<PathBuf>> {
    let lib = python.parent().and_then(Path::parent).context("python")?.join("lib");
    let version = fs::read_dir(&lib)?.next().context("a venv without packages")??.path();
    let site = version.join("site-packages");
    let needed = ["stripe", "requests", "urllib3", "certifi", "charset_normalizer", "idna"];
    let mut folders: Vec<_> = needed.iter().map(|name| site.join(name)).collect();
    folders.push(site.join("typing_extensions.py"));
    folders.retain(|path| path.exists());
    Ok(folders)
}

/// A running function. Dropped, it is killed.
pub(crate) struct Function {
    child: Child,
    log: PathBuf,
    pub(crate) runtime: Runtime,
    started: Instant,
}

impl Function {
    pub(crate) fn start(program: &Program, job: Job, cloud: &Cloud, dir: &Path) -> Result<Self> {
        let runtime = Runtime::start()?;
        let log = dir.join("log");
        let file = File::create(&log)?;
        let mut command = program.command(job).context("no such function")?;
        command.env_clear().envs(environment(runtime.address, cloud.address));
        // The peer's byte code is compiled once, and not into its folder.
        command.env("PYTHONPYCACHEPREFIX", dir.join("pycache"));
        command.stdout(file.try_clone()?).stderr(file);
        let started = Instant::now();
        let child = Child::spawn(&mut command).with_context(|| format!("{command:?}"))?;
        Ok(Self { child, log, runtime, started })
    }

    /// Milliseconds from its start until it asked for its first event.
    pub(crate) fn ready_ms(&self) -> Result<f64> {
        let ready = self.runtime.ready().with_context(|| self.said())?;
        Ok(ready.duration_since(self.started).as_secs_f64() * 1e3)
    }

    /// The most memory that it ever had resident, in bytes.
    pub(crate) fn memory_peak_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        peak_of_status(&status).context("/proc/PID/status has no VmHWM")
    }

    /// How much it has logged so far, in bytes.
    pub(crate) fn logged_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.log)?.len())
    }

    /// What it wrote last, for when it fails.
    pub(crate) fn said(&self) -> String {
        log_tail(&self.log)
    }
}

fn environment(runtime: SocketAddr, cloud: SocketAddr) -> Vec<(&'static str, String)> {
    let text = |name, value: &str| (name, value.to_owned());
    vec![
        ("AWS_LAMBDA_RUNTIME_API", runtime.to_string()),
        ("AWS_ENDPOINT_URL", format!("http://{cloud}")),
        ("TIERLIFT_CONNECTIONS_ENDPOINT", format!("http://{cloud}/prod")),
        ("TIERLIFT_QUEUE_URL", format!("http://{cloud}/123456789012/tierlift.fifo")),
        ("TIERLIFT_DEAD_LETTER_QUEUE_URL", format!("http://{cloud}/123456789012/dead.fifo")),
        text("STRIPE_WEBHOOK_SECRET_ARN", payload::WEBHOOK_SECRET.0),
        text("TIERLIFT_JWT_SECRET_ARN", payload::JWT_SECRET.0),
        text("TIERLIFT_TABLE", "tierlift"),
        text("TIERLIFT_ROLES", "free,paid"),
        text("TIERLIFT_PLANS", "price_pro=paid"),
        text("TIERLIFT_LIVEMODE", "false"),
        text("TIERLIFT_PAST_DUE", "keep"),
        text("TIERLIFT_GRACE_DAYS", "3"),
        text("TIERLIFT_UNMAPPED_PRICE", "park"),
        text("TIERLIFT_ALLOWED_ORIGINS", payload::ORIGIN),
        text("AWS_LAMBDA_FUNCTION_NAME", "tierlift"),
        text("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        text("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        text("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/tierlift"),
        text("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]0"),
        text("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        text("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        text("AWS_REGION", "us-east-1"),
        text("AWS_DEFAULT_REGION", "us-east-1"),
        text("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        text("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        text("AWS_SESSION_TOKEN", "token"),
        text("LAMBDA_TASK_ROOT", "/var/task"),
        text("_HANDLER", "bootstrap"),
        text("TZ", ":UTC"),
        text("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]
}

fn peak_of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        let status = "VmPeak:\t   9000 kB\nVmHWM:\t    5120 kB\nVmRSS:\t    1 kB\n";
        assert_eq!(peak_of_status(status), Some(5_242_880));
        assert_eq!(peak_of_status("VmRSS:\t1 kB\n"), None);
    }

    #[test]
    fn an_answer_without_the_work_is_not_accepted() {
        let asked = |name: &str| Counts::from([(name.to_owned(), 1)]);
        let ok = br#"{"statusCode":200,"body":"{}"}"#;
        assert!(Job::Ingest.check(ok, &asked("SendMessage")).is_ok());
        assert!(Job::Ingest.check(ok, &Counts::new()).is_err());
        assert!(Job::Ingest.check(br#"{"statusCode":400}"#, &asked("SendMessage")).is_err());
        let none = br#"{"batchItemFailures":[]}"#;
        assert!(Job::Worker.check(none, &asked("TransactWriteItems")).is_ok());
        let one = br#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#;
        assert!(Job::Worker.check(one, &asked("TransactWriteItems")).is_err());
    }
}
