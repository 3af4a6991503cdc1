//! Measures a redrive: dead letters through queue, decision, commit and notice, by the command as operators use it,
//! against a server of its own. Then the preview of a changed plan, in which all of these accounts change.
//!
//! It prints a table. It fails only if an event was not applied exactly once, or an account is missing in the preview.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use serde_json::{Value, json};
use tierlift_bench::args::target;
use tierlift_core::time::Timestamp;
use tierlift_testkit::{
    child::{Child, announced},
    webhook,
};

const CONFIG: &str = "[plans]\nprice_pro = \"paid\"\n";
const CHANGED: &str = "roles = [\"free\", \"paid\", \"pro\"]\n[plans]\nprice_pro = \"pro\"\n";
const END_MAX: Duration = Duration::from_secs(30);

/// Measures how long a redrive of many dead letters takes.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Dead letters.
    #[arg(long, default_value_t = 100_000)]
    count: usize,
    /// The program. Default: the release build in the target folder.
    #[arg(long)]
    tierlift: Option<PathBuf>,
    /// Folder in which the data file is made. Default: the system's temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// The program in a folder of its own.
struct Deployment {
    program: PathBuf,
    folder: PathBuf,
}

impl Deployment {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).args(args).env("USER", "bench");
        command.env("STRIPE_WEBHOOK_SECRET", "whsec_bench5cK0qYtV7nXz3LwR8aHd");
        command.env("TIERLIFT_JWT_SECRET", "bench-only-secret-of-no-worth-at-all-0123456789");
        command
    }

    /// Runs a command to its end; returns its answer.
    fn ask(&self, args: &[&str]) -> Result<Value> {
        let output = self.command(args).stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "{args:?} ended with {}", output.status);
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn serve(&self) -> Result<Child> {
        let log = fs::File::create(self.folder.join("log"))?;
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0", "--log", "warn"]);
        let mut child = Child::spawn(command.stdout(Stdio::piped()).stderr(log))?;
        let output = child.stdout().context("the server has no output")?;
        let ready = announced(output, |line| line.contains("listens on").then_some(()));
        ready.context("the server did not start")?;
        Ok(child)
    }
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn main() -> Result<()> {
    let args = Args::parse();
    let dir = args.dir.unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::tempdir_in(dir)?;
    let program = args.tierlift.unwrap_or_else(|| target().join("release/tierlift"));
    let program =
        program.canonicalize().context("the program is missing: cargo build --release")?;
    let deployment = Deployment { program, folder: folder.path().to_owned() };
    fs::write(folder.path().join("tierlift.toml"), CONFIG)?;
    fs::write(folder.path().join("lines.jsonl"), lines(args.count)?)?;
    let mut server = deployment.serve()?;
    deployment.ask(&["dead-letters", "import", "lines.jsonl", "--reason", "bench", "--json"])?;
    let begun = Instant::now();
    let redrive = ["dead-letters", "redrive", "--all", "--yes", "--reason", "bench", "--json"];
    let done = deployment.ask(&redrive)?;
    let took = begun.elapsed();
    let peak_kib = peak_kib(server.id())?;
    let left = deployment.ask(&["status", "--json"])?;
    server.terminate(END_MAX)?;
    check(&done, &left, args.count)?;
    let previewed = preview(&deployment, args.count)?;
    println!("{}", table(args.count, took, peak_kib, previewed));
    Ok(())
}

/// The time in which all accounts are listed with what they would change to.
fn preview(deployment: &Deployment, count: usize) -> Result<Duration> {
    fs::write(deployment.folder.join("tierlift.toml"), CHANGED)?;
    let begun = Instant::now();
    let output = deployment.command(&["serve", "--dry-run"]).stderr(Stdio::inherit()).output()?;
    let took = begun.elapsed();
    let listed = String::from_utf8(output.stdout)?;
    let all = format!("{count} accounts would change: paid → pro: {count}\n");
    ensure!(listed.ends_with(&all), "not every account is listed: {:?}", listed.lines().last());
    Ok(took)
}

/// Dead letters as the command imports them, each of a user of its own.
fn lines(count: usize) -> Result<String> {
    let now = std::time::SystemTime::now();
    let now = Timestamp::from(now);
    let mut lines = String::new();
    for number in 0..count {
        let (event, user) = (format!("evt_{number}"), format!("user_{number}"));
        let body = webhook::subscription(&event, &user, "active", now).to_string();
        let at = now.as_micros();
        let failure = json!({
            "cause": "plan.unmapped", "attempts": 1, "first_at": at, "last_at": at,
            "last_error": "no role for price price_pro in [plans]",
        });
        let line = json!({
            "event": event, "type": "customer.subscription.created", "group": format!("cus_{user}"),
            "receivedAtMicros": at, "trace": null, "failure": failure, "body": { "text": body },
        });
        writeln!(lines, "{line}")?;
    }
    Ok(lines)
}

fn check(done: &Value, status: &Value, count: usize) -> Result<()> {
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64);
    let wanted = u64::try_from(count).ok();
    let all = number(done, "applied").zip(number(done, "queued")).map(|(a, q)| a + q);
    if number(done, "redriven") != wanted
        || all != wanted
        || number(status, "deadLetters") != Some(0)
    {
        bail!("not every event was applied once: {done}, {status}");
    }
    Ok(())
}

/// The most memory that a process has had so far.
fn peak_kib(process: u32) -> Result<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.context("the process has no VmHWM")?.parse().context("VmHWM is no number")
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn table(count: usize, took: Duration, peak: u64, previewed: Duration) -> String {
    let (secs, preview_secs) = (took.as_secs_f64(), previewed.as_secs_f64());
    let (rate, peak_mib) = (count as f64 / secs, peak / 1_024);
    format!(
        "| dead letters | redriven and applied in | a second | peak memory of the server | \
         preview of a changed plan for as many accounts |\n\
         | --- | --- | --- | --- | --- |\n\
         | {count} | {secs:.1} s | {rate:.0} | {peak_mib} MiB | {preview_secs:.2} s |"
    )
}
