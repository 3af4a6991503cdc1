//! A program as a child process: ended by its own id, and never left behind.
//!
//! It refuses to find a process by its name, and to end one that it did not start.

use std::{
    io::{self, BufRead as _, BufReader, Read},
    process::{self, ChildStdin, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A child process. Dropped, it is ended and waited for.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    /// Held for a child that ends when its input does, with the time that it is given for that.
    input: Option<(ChildStdin, Duration)>,
}

impl Child {
    /// Starts a program without input. Dropped, it is killed.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let process = command.stdin(Stdio::null()).spawn()?;
        Ok(Self { process, input: None })
    }

    /// Starts a program that ends when its input does, even if this process is killed. Dropped, it is
    /// given `grace` to end and clean up, and killed after that.
    pub fn spawn_with_input(command: &mut Command, grace: Duration) -> io::Result<Self> {
        let mut process = command.stdin(Stdio::piped()).spawn()?;
        let input = process.stdin.take().map(|input| (input, grace));
        Ok(Self { process, input })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it writes to its piped standard output, if nobody has taken it yet.
    pub fn stdout(&mut self) -> Option<impl Read + use<>> {
        self.process.stdout.take()
    }

    /// What it writes to its piped standard error, if nobody has taken it yet.
    pub fn stderr(&mut self) -> Option<impl Read + use<>> {
        self.process.stderr.take()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Kills it in the middle of whatever it does.
    pub fn kill(mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop)
    }

    /// Sends it SIGTERM.
    pub fn signal_term(&self) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(&self.process), Signal::TERM)?)
    }

    /// Waits until it has ended, for `limit` at most.
    pub fn wait(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            sleep(POLL_INTERVAL);
        }
    }

    /// Asks it to end, and waits until it has.
    pub fn terminate(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        self.signal_term()?;
        self.wait(limit)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some((input, grace)) = self.input.take() {
            drop(input);
            if self.wait(grace).is_ok() {
                return;
            }
        }
        // A child that has ended was reaped above: to kill it again does nothing.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Reads lines until `find` finds what the child announces in one; none if it ends before that.
pub fn announced<T>(output: impl Read, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
    BufReader::new(output).lines().map_while(Result::ok).find_map(|line| find(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        command
    }

    #[test]
    fn a_child_is_found_by_what_it_announces_and_ends_when_asked() {
        let script = "trap 'exit 7' TERM; echo hello; echo port 80; while :; do sleep 0.01; done";
        let mut child = Child::spawn(&mut shell(script)).unwrap();
        let output = child.stdout().unwrap();
        let port = announced(output, |line| line.strip_prefix("port ")?.parse::<u16>().ok());
        assert_eq!(port, Some(80));
        assert_eq!(child.terminate(LONG).unwrap().code(), Some(7));
    }

    #[test]
    fn a_child_that_reads_its_input_is_given_time_to_end() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("cleaned-up");
        let mut command = shell("cat; : > \"$MARK\"");
        drop(Child::spawn_with_input(command.env("MARK", &mark), LONG).unwrap());
        assert!(mark.exists());
    }

    #[test]
    fn a_child_that_ends_announces_nothing() {
        let mut child = Child::spawn(&mut shell("echo no")).unwrap();
        assert_eq!(announced(child.stdout().unwrap(), |_| None::<()>), None);
        assert!(child.wait(LONG).unwrap().success());
    }
}
